//! How much a group prefers each of its members as its leader.

use super::{
    core::Core,
    handle::Deadline,
    waiters::{Failure, Waiter},
};
use crate::RequestError;
use quorate_consensus::{Input, Refusal};
use quorate_vocabulary::{GroupName, NodeId};
use std::collections::BTreeMap;
use tokio::{sync::oneshot, time::timeout};

impl Core {
    /// Sets the priority of the replica on a node, and returns once that is replicated.
    pub(super) async fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        priority: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        let group = self.find_group(name, deadline).await?.id;
        let replica = self.replica(group)?;
        if !replica.shared.leads() {
            let leader = self.leader_hint(replica.shared.lead().leader);
            return Err(RequestError::NotLeader { group, leader });
        }
        let configuration = replica.shared.progress().applied.configuration.clone();
        let member = configuration.members.iter().find(|member| member.node == node);
        let member = member.ok_or_else(|| RequestError::MemberNotFound {
            name: name.clone(),
            node,
            why: "holds no replica",
        })?;
        if configuration.priority(member.replica) == priority {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Configuration(reply));
        self.services.inbox.feedback([Input::ProposePriorities {
            group,
            request: waiting.request(),
            priorities: BTreeMap::from([(member.replica, priority)]),
        }]);
        match timeout(deadline.remaining(), answer).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(Failure::Error(error)))) => Err(error),
            Ok(Ok(Err(Failure::Refused(Refusal::Configuration { cause })))) => {
                Err(RequestError::InvalidArgument { what: "the priority", why: cause })
            }
            Ok(Ok(Err(Failure::Refused(refusal)))) => Err(self.refused(group, 0, refusal)),
            Ok(Err(_)) => Err(RequestError::OutcomeUnknown { group, why: "this node is shutting down" }),
            Err(_) => {
                Err(RequestError::OutcomeUnknown { group, why: "it was not answered before the deadline" })
            }
        }
    }
}

//! How much a group prefers each of its members as its leader.

use super::{
    core::Core,
    handle::Deadline,
    waiters::{Waiter, answered},
};
use crate::RequestError;
use quorate_consensus::{Input, Refusal};
use quorate_vocabulary::{GroupName, NodeId};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

impl Core {
    /// Sets the priority of the replica on a node, and returns once that is replicated.
    pub(super) async fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        priority: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        let group = self.find_any(name, deadline).await?;
        let replica = self.leading_replica(group)?;
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
        match answered(group, deadline, answer).await? {
            Ok(_) => Ok(()),
            Err(Refusal::Configuration { cause }) => {
                Err(RequestError::InvalidArgument { what: "the priority", why: cause })
            }
            Err(refusal) => Err(self.refused(group, 0, refusal)),
        }
    }
}

//! Groups that have lost a majority of their voters for good, and go on with those that are left because an operator says so.
//!
//! Raft does it, by what the survivors have. The catalog learns of it from whoever leads the group then, so that a crash in
//! between leaves nothing undone: no member is added or removed before the catalog knows.

use super::{
    core::Core,
    handle::Deadline,
    local_replica::LocalReplica,
    view::GroupRecovered,
    waiters::{Waiter, answered},
};
use crate::RequestError;
use quorate_catalog::{CatalogState, Change};
use quorate_consensus::{Configuration, Input, Refusal};
use quorate_vocabulary::{GroupId, GroupName, NodeId, ReplicaId};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the catalog may take to note a recovery, at a time.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(5);

impl Core {
    /// Goes on with the replicas of a group on these nodes alone.
    pub(super) async fn recover(
        &self,
        name: &GroupName,
        survivors: &[NodeId],
        deadline: Deadline,
    ) -> Result<GroupRecovered, RequestError> {
        let group = self.find_any(name, deadline).await?;
        let refused = |why: String| Err(RequestError::RecoveryRefused { name: name.clone(), why });
        if !survivors.contains(&self.node()) {
            return refused(format!("node {} was asked, and is not among the survivors", self.node()));
        }
        if self.registry.witness(group).is_some() {
            return refused(format!(
                "node {} was asked, and holds a witness, which has no state to go on with",
                self.node()
            ));
        }
        // Only a replica that works knows what it has.
        self.replica(group)?;
        let statuses = self.shard_statuses().await?;
        let Some(status) = statuses.get(&group) else { return refused("its replica was closed".to_owned()) };
        let mut replicas = Vec::with_capacity(survivors.len());
        for node in survivors {
            match replica_on(&status.configuration, *node) {
                Some(replica) => replicas.push(replica),
                None => {
                    let why = "holds no member";
                    return Err(RequestError::MemberNotFound { name: name.clone(), node: *node, why });
                }
            }
        }
        tracing::warn!(group = %name, ?survivors, "an operator wants the group to go on with its survivors alone");
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Configuration(reply));
        let request = waiting.request();
        self.services.inbox.feedback([Input::Recover { group, request, survivors: replicas }]);
        let configuration = match answered(group, deadline, answer).await? {
            Ok(configuration) => configuration,
            Err(Refusal::NotRecovered { cause }) => return refused(cause),
            Err(refusal) => return Err(self.refused(group, 0, refusal)),
        };
        tracing::warn!(group = %name, epoch = configuration.epoch, "the group goes on with its survivors");
        if let Some(replica) = self.registry.get(group) {
            self.note_recovery(&replica, deadline).await;
        }
        Ok(GroupRecovered { epoch: configuration.epoch, members: configuration.members })
    }

    /// Tells the catalog of the recovery of a group that this node leads, when it does not know of it. Whether that is so.
    pub(super) async fn note_recovery(&self, replica: &LocalReplica, deadline: Deadline) -> bool {
        if !replica.shared.leads() {
            return false;
        }
        let Some(configuration) = unknown_recovery(&self.catalog_state(), replica) else { return false };
        let change = Change::NoteRecovery {
            group: replica.shared.group,
            epoch: configuration.epoch,
            survivors: configuration.members,
        };
        if let Err(error) = self.change_catalog(change, deadline.at_most(CATALOG_TIMEOUT)).await {
            // Tried again for as long as this node leads the group.
            tracing::info!(group = %replica.shared.info.name, %error, "the catalog cannot be told of a recovery yet");
        }
        true
    }
}

/// The configuration of a replica, if the catalog does not know of the recovery that it comes from.
pub(super) fn unknown_recovery(state: &CatalogState, replica: &LocalReplica) -> Option<Configuration> {
    let known = known_epoch(state, replica.shared.group)?;
    let configuration = &replica.shared.progress().applied.configuration;
    (configuration.epoch > known).then(|| configuration.clone())
}

/// How many recoveries of a group the catalog knows of. While there were more it wants members that are lost: none is
/// to be added again.
pub(super) fn known_epoch(state: &CatalogState, group: GroupId) -> Option<u64> {
    match group {
        GroupId::CATALOG => Some(state.epoch()),
        group => Some(state.group(group)?.epoch),
    }
}

fn replica_on(configuration: &Configuration, node: NodeId) -> Option<ReplicaId> {
    let mut all = configuration.members.iter().chain(&configuration.outgoing);
    all.find(|member| member.node == node).map(|member| member.replica)
}

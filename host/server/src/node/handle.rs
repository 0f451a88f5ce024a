//! The handle by which the API calls a node.

use super::{
    apply_worker::ApplyWork,
    config::NodeConfig,
    core::Core,
    uploads::plugin_view,
    view::{
        ChangeMembers, Consistency, CreateGroup, GroupEvent, GroupRecovered, GroupView, LeadershipMoved,
        NodeStatus, NodeView, PluginView, Queried, SnapshotTaken, Submitted,
    },
};
use crate::RequestError;
use bytes::Bytes;
use quorate_consensus::{Order, Ticket};
use quorate_replica::{ports::OpenedSession, shadow::ShadowReport};
use quorate_vocabulary::{CheckpointMode, GroupId, GroupName, NodeId, PluginReference, SessionId};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{broadcast, oneshot};

/// Until when a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    allowed: Duration,
}

impl Deadline {
    /// A deadline so far from now.
    #[must_use]
    pub fn after(allowed: Duration) -> Self {
        Self { started: Instant::now(), allowed }
    }

    /// How much of it is left.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.allowed.saturating_sub(self.started.elapsed())
    }

    /// How long the request has taken so far.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.started.elapsed()
    }

    /// The same, or so far from now when that is sooner.
    #[must_use]
    pub fn at_most(&self, from_now: Duration) -> Self {
        Self::after(self.remaining().min(from_now))
    }
}

/// A running node, for whoever serves its API. Cheap to clone.
#[derive(Clone)]
pub struct NodeHandle {
    pub(super) core: Arc<Core>,
}

impl NodeHandle {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// What the node was told when it started.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.core.config
    }

    /// The number of the group of that name. Asks the cluster when this node's catalog has none.
    ///
    /// # Errors
    /// When there is no such group, or nobody can tell.
    pub async fn resolve(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        self.core.find_group(name, deadline).await.map(|group| group.id)
    }

    /// Replicates a command and answers once it is applied. Only at the leader of the group. The command is handed on
    /// before this first waits, so that futures polled one behind the other keep their order.
    ///
    /// # Errors
    /// When the command was not applied, or nobody can tell: [`RequestError::OutcomeUnknown`].
    pub async fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        if group.is_catalog() {
            return Err(RequestError::GroupNotFound { name: group.to_string() });
        }
        self.core.submit(group, command, None, deadline).await
    }

    /// Replicates a command of a session, and answers once it is applied, now or before. Hands it on before it first waits.
    ///
    /// # Errors
    /// When this did not have it applied, or nobody can tell: [`RequestError::OutcomeUnknown`]. The same ticket may be used again.
    pub async fn submit_once(
        &self,
        group: GroupId,
        command: Bytes,
        ticket: Ticket,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        if group.is_catalog() {
            return Err(RequestError::GroupNotFound { name: group.to_string() });
        }
        self.core.submit(group, command, Some(ticket), deadline).await
    }

    /// Opens a session of a group. Only at its leader.
    ///
    /// # Errors
    /// When none was opened, or nobody can tell.
    pub async fn open_session(
        &self,
        group: GroupId,
        timeout_ms: u64,
        deadline: Deadline,
    ) -> Result<OpenedSession, RequestError> {
        self.core.open_session(group, timeout_ms, deadline).await
    }

    /// Uses a session, so that it does not end, and takes down which answers its client has. Only at the leader of the group.
    ///
    /// # Errors
    /// When it has ended, or nobody can tell.
    pub async fn keep_session(
        &self,
        group: GroupId,
        session: SessionId,
        answered_below: u64,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.core.keep_session(group, session, answered_below, deadline).await
    }

    /// Ends a session. Only at the leader of the group.
    ///
    /// # Errors
    /// When nobody can tell whether it has ended.
    pub async fn close_session(
        &self,
        group: GroupId,
        session: SessionId,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.core.close_session(group, session, deadline).await
    }

    /// Answers a query from the state of this node's replica, leader or not.
    ///
    /// # Errors
    /// When this node holds no working replica, or a linearizable query finds no majority.
    pub async fn query(
        &self,
        group: GroupId,
        request: Bytes,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Queried, RequestError> {
        if group.is_catalog() {
            return Err(RequestError::GroupNotFound { name: group.to_string() });
        }
        self.core.query(group, request, consistency, deadline).await
    }

    /// Checks a plugin, has a majority of the nodes hold it, and publishes it. The same bytes again are no error.
    ///
    /// # Errors
    /// When the bytes are no plugin, the version is taken, or no majority can be reached.
    pub async fn upload(
        &self,
        reference: PluginReference,
        bytes: Bytes,
        deadline: Deadline,
    ) -> Result<PluginView, RequestError> {
        self.core.upload(reference, bytes, deadline).await
    }

    /// Every published plugin, as this node's catalog has them.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginView> {
        self.core.catalog_state().plugins().map(plugin_view).collect()
    }

    /// Creates a group, and answers once it has a leader that takes commands.
    ///
    /// # Errors
    /// When the name is taken, the plugin is not published, or the nodes do not suffice.
    pub async fn create_group(
        &self,
        create: CreateGroup,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.create_group(create, deadline).await
    }

    /// Deletes a group and its data on every node.
    ///
    /// # Errors
    /// When there is no such group, or nobody leads the catalog.
    pub async fn delete_group(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        self.core.delete_group(name, deadline).await
    }

    /// Every group, as this node's catalog has them.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        self.core.group_views()
    }

    /// One group, with the replica this node holds of it.
    ///
    /// # Errors
    /// When there is no such group, or nobody can tell.
    pub async fn describe_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.describe_group(name, deadline).await
    }

    /// Every registered node, as this node's catalog has them.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeView> {
        self.core.node_views()
    }

    /// This node and every replica it holds.
    ///
    /// # Errors
    /// When the node shuts down.
    pub async fn status(&self) -> Result<NodeStatus, RequestError> {
        self.core.status().await
    }

    /// Takes a snapshot of the replica on this node: a store machine's at once, a memory machine's at a checkpoint that
    /// the leader proposes, so that it works at the leader only.
    ///
    /// # Errors
    /// When this node does not lead the group, or the snapshot fails.
    pub async fn snapshot(&self, group: GroupId, deadline: Deadline) -> Result<SnapshotTaken, RequestError> {
        let replica = self.core.replica(group)?;
        if !replica.shared.leads() {
            let leader = self.core.leader_hint(replica.shared.lead().leader);
            return Err(RequestError::NotLeader { group, leader });
        }
        let (reply, answer) = oneshot::channel();
        replica.apply(ApplyWork::Snapshot(Some(reply)));
        drop(replica);
        match tokio::time::timeout(deadline.remaining(), answer).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(_)) => Err(RequestError::ShuttingDown),
            Err(_) => {
                let what = "the snapshot to be written".to_owned();
                Err(RequestError::DeadlineExceeded { what, waited: deadline.waited() })
            }
        }
    }

    /// Hands the leadership of a group to another node, and answers once that leads. Only at the leader of the group.
    ///
    /// # Errors
    /// When this node does not lead the group, or goes on leading it.
    pub async fn transfer(
        &self,
        name: &GroupName,
        to: Option<NodeId>,
        deadline: Deadline,
    ) -> Result<LeadershipMoved, RequestError> {
        self.core.transfer(name, to, deadline).await
    }

    /// Says how much a group prefers the replica on a node as its leader, and answers once that is replicated. Only at the
    /// leader of the group.
    ///
    /// # Errors
    /// When this node does not lead the group, the other holds no replica of it, or no voter would be left to lead.
    pub async fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        priority: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.core.set_priority(name, node, priority, deadline).await
    }

    /// Says whether a node may be given replicas, and answers once that is in the catalog. What it holds stays.
    ///
    /// # Errors
    /// When there is no such node, or the catalog cannot be changed in time.
    pub async fn set_node_status(
        &self,
        node: NodeId,
        status: quorate_catalog::NodeStatus,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.core.set_node_status(node, status, deadline).await
    }

    /// Goes on with those that are left of a group that has lost a majority of its voters for good, at the price of what only
    /// the lost ones had. Only at the survivor that has most of the log.
    ///
    /// # Errors
    /// When the group can help itself, or not all survivors elect this one.
    pub async fn recover(
        &self,
        name: &GroupName,
        survivors: Vec<NodeId>,
        deadline: Deadline,
    ) -> Result<GroupRecovered, RequestError> {
        self.core.recover(name, &survivors, deadline).await
    }

    /// Asks for other members of a group, and answers once the catalog has taken it down. The group's leader brings it about.
    ///
    /// # Errors
    /// When no group can have such members, or too few of the nodes can be reached.
    pub async fn change_members(
        &self,
        name: &GroupName,
        change: ChangeMembers,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.change_members(name, change, deadline).await
    }

    /// Says which version of a plugin a group is to run; none: the one that it ran before. Answers once the catalog has taken
    /// it down. The group's leader brings it about.
    ///
    /// # Errors
    /// When the group cannot run that version, or has run none before.
    pub async fn upgrade_group(
        &self,
        name: &GroupName,
        plugin: Option<PluginReference>,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.upgrade_group(name, plugin, deadline).await
    }

    /// Tries a version in a copy of the group, which is not changed. Only at the leader of the group.
    ///
    /// # Errors
    /// When it could not be tried.
    pub async fn verify_upgrade(
        &self,
        name: &GroupName,
        plugin: &PluginReference,
        deadline: Deadline,
    ) -> Result<ShadowReport, RequestError> {
        self.core.verify_upgrade(name, plugin, deadline).await
    }

    /// Gives up an upgrade that is not in the group's log yet.
    ///
    /// # Errors
    /// When none is under way.
    pub async fn cancel_upgrade(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.cancel_upgrade(name, deadline).await
    }

    /// Has a frozen group take commands again. Only at the leader of the group.
    ///
    /// # Errors
    /// When this node does not lead the group, or it is not known whether it was done.
    pub async fn unfreeze(&self, name: &GroupName, deadline: Deadline) -> Result<(), RequestError> {
        self.core.order(name, Order::Unfreeze, deadline).await
    }

    /// Says how the checkpoints of a group with a memory machine are taken from now on.
    ///
    /// # Errors
    /// When the group has none, or it is not known whether it was done.
    pub async fn set_checkpoints(
        &self,
        name: &GroupName,
        mode: CheckpointMode,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.core.set_checkpoints(name, mode, deadline).await
    }

    /// Says after how many traps in a row a group takes no more commands; 0: never. Only at the leader of the group.
    ///
    /// # Errors
    /// When this node does not lead the group, or it is not known whether it was done.
    pub async fn set_poison_policy(
        &self,
        name: &GroupName,
        freeze_after_traps: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.core.order(name, Order::FreezeAfter { traps: freeze_after_traps }, deadline).await
    }

    /// The events of a group from now on, as this node's replica applies it. A slow receiver loses the oldest.
    ///
    /// # Errors
    /// When this node holds no working replica of the group.
    pub fn watch(&self, group: GroupId) -> Result<broadcast::Receiver<GroupEvent>, RequestError> {
        self.core.replica(group).map(|replica| replica.shared.events.subscribe())
    }
}

use crate::{
    RequestError,
    node::{
        ChangeMembers, Consistency, CreateGroup, Deadline, GroupEvent, GroupRecovered, GroupView,
        LeadershipMoved, NodeHandle, NodeStatus, NodeView, PluginView, Queried, SnapshotTaken, Submitted,
    },
};
use bytes::Bytes;
use quorate_consensus::Ticket;
use quorate_replica::{ports::OpenedSession, shadow::ShadowReport};
use quorate_vocabulary::{CheckpointMode, GroupId, GroupName, NodeId, PluginReference, SessionId};
use std::future::Future;
use tokio::sync::broadcast;

/// What the API asks of a node: [`NodeHandle`], or what stands in for it in tests.
pub trait Node: Clone + Send + Sync + 'static {
    /// The number of the group of that name.
    fn resolve(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupId, RequestError>> + Send;

    /// Replicates a command and answers once it is applied. Hands the command on before it first waits: commands
    /// whose futures are first polled one behind the other keep that order.
    fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        ticket: Option<Ticket>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Submitted, RequestError>> + Send;

    /// Opens a session of a group.
    fn open_session(
        &self,
        group: GroupId,
        timeout_ms: u64,
        deadline: Deadline,
    ) -> impl Future<Output = Result<OpenedSession, RequestError>> + Send;

    /// Uses a session, so that it does not end.
    fn keep_session(
        &self,
        group: GroupId,
        session: SessionId,
        answered_below: u64,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Ends a session.
    fn close_session(
        &self,
        group: GroupId,
        session: SessionId,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Answers a query.
    fn query(
        &self,
        group: GroupId,
        request: Bytes,
        consistency: Consistency,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Queried, RequestError>> + Send;

    /// Checks and publishes a plugin.
    fn upload(
        &self,
        reference: PluginReference,
        bytes: Bytes,
        deadline: Deadline,
    ) -> impl Future<Output = Result<PluginView, RequestError>> + Send;

    /// Every published plugin.
    fn plugins(&self) -> Vec<PluginView>;

    /// Creates a group.
    fn create_group(
        &self,
        create: CreateGroup,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Deletes a group.
    fn delete_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupId, RequestError>> + Send;

    /// Every group.
    fn groups(&self) -> Vec<GroupView>;

    /// One group, with the replica this node holds of it.
    fn describe_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Every node.
    fn nodes(&self) -> Vec<NodeView>;

    /// This node and every replica it holds.
    fn status(&self) -> impl Future<Output = Result<NodeStatus, RequestError>> + Send;

    /// Says whether a node may be given replicas.
    fn set_node_status(
        &self,
        node: NodeId,
        status: quorate_catalog::NodeStatus,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Takes a snapshot.
    fn snapshot(
        &self,
        group: GroupId,
        deadline: Deadline,
    ) -> impl Future<Output = Result<SnapshotTaken, RequestError>> + Send;

    /// Asks for other members of a group.
    fn change_members(
        &self,
        name: &GroupName,
        change: ChangeMembers,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Hands the leadership of a group to another node.
    fn transfer(
        &self,
        name: &GroupName,
        to: Option<NodeId>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<LeadershipMoved, RequestError>> + Send;

    /// Says how much a group prefers the replica on a node as its leader.
    fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        priority: u32,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Goes on with those that are left of a group.
    fn recover(
        &self,
        name: &GroupName,
        survivors: Vec<NodeId>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupRecovered, RequestError>> + Send;

    /// Says which version of a plugin a group is to run; none: the one that it ran before.
    fn upgrade_group(
        &self,
        name: &GroupName,
        plugin: Option<PluginReference>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Tries a version in a copy of a group.
    fn verify_upgrade(
        &self,
        name: &GroupName,
        plugin: &PluginReference,
        deadline: Deadline,
    ) -> impl Future<Output = Result<ShadowReport, RequestError>> + Send;

    /// Gives up an upgrade that is not in the group's log yet.
    fn cancel_upgrade(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Has a frozen group take commands again.
    fn unfreeze(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// Says how the checkpoints of a group are taken from now on.
    fn set_checkpoints(
        &self,
        name: &GroupName,
        mode: CheckpointMode,
        deadline: Deadline,
    ) -> impl Future<Output = Result<GroupView, RequestError>> + Send;

    /// Says after how many traps in a row a group takes no more commands.
    fn set_poison_policy(
        &self,
        name: &GroupName,
        freeze_after_traps: u32,
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// The events of a group from now on.
    ///
    /// # Errors
    /// If this node holds no replica of the group.
    fn watch(&self, group: GroupId) -> Result<broadcast::Receiver<GroupEvent>, RequestError>;
}

impl Node for NodeHandle {
    async fn resolve(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        Self::resolve(self, name, deadline).await
    }

    async fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        ticket: Option<Ticket>,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        match ticket {
            None => Self::submit(self, group, command, deadline).await,
            Some(ticket) => Self::submit_once(self, group, command, ticket, deadline).await,
        }
    }

    async fn open_session(
        &self,
        group: GroupId,
        timeout_ms: u64,
        deadline: Deadline,
    ) -> Result<OpenedSession, RequestError> {
        Self::open_session(self, group, timeout_ms, deadline).await
    }

    async fn keep_session(
        &self,
        group: GroupId,
        session: SessionId,
        answered_below: u64,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        Self::keep_session(self, group, session, answered_below, deadline).await
    }

    async fn close_session(
        &self,
        group: GroupId,
        session: SessionId,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        Self::close_session(self, group, session, deadline).await
    }

    async fn query(
        &self,
        group: GroupId,
        request: Bytes,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Queried, RequestError> {
        Self::query(self, group, request, consistency, deadline).await
    }

    async fn upload(
        &self,
        reference: PluginReference,
        bytes: Bytes,
        deadline: Deadline,
    ) -> Result<PluginView, RequestError> {
        Self::upload(self, reference, bytes, deadline).await
    }

    fn plugins(&self) -> Vec<PluginView> {
        Self::plugins(self)
    }

    async fn create_group(&self, create: CreateGroup, deadline: Deadline) -> Result<GroupView, RequestError> {
        Self::create_group(self, create, deadline).await
    }

    async fn delete_group(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        Self::delete_group(self, name, deadline).await
    }

    fn groups(&self) -> Vec<GroupView> {
        Self::groups(self)
    }

    async fn describe_group(&self, name: &GroupName, deadline: Deadline) -> Result<GroupView, RequestError> {
        Self::describe_group(self, name, deadline).await
    }

    fn nodes(&self) -> Vec<NodeView> {
        Self::nodes(self)
    }

    async fn status(&self) -> Result<NodeStatus, RequestError> {
        Self::status(self).await
    }

    async fn set_node_status(
        &self,
        node: NodeId,
        status: quorate_catalog::NodeStatus,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        Self::set_node_status(self, node, status, deadline).await
    }

    async fn snapshot(&self, group: GroupId, deadline: Deadline) -> Result<SnapshotTaken, RequestError> {
        Self::snapshot(self, group, deadline).await
    }

    async fn change_members(
        &self,
        name: &GroupName,
        change: ChangeMembers,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        Self::change_members(self, name, change, deadline).await
    }

    async fn transfer(
        &self,
        name: &GroupName,
        to: Option<NodeId>,
        deadline: Deadline,
    ) -> Result<LeadershipMoved, RequestError> {
        Self::transfer(self, name, to, deadline).await
    }

    async fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        priority: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        Self::set_priority(self, name, node, priority, deadline).await
    }

    async fn recover(
        &self,
        name: &GroupName,
        survivors: Vec<NodeId>,
        deadline: Deadline,
    ) -> Result<GroupRecovered, RequestError> {
        Self::recover(self, name, survivors, deadline).await
    }

    async fn upgrade_group(
        &self,
        name: &GroupName,
        plugin: Option<PluginReference>,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        Self::upgrade_group(self, name, plugin, deadline).await
    }

    async fn verify_upgrade(
        &self,
        name: &GroupName,
        plugin: &PluginReference,
        deadline: Deadline,
    ) -> Result<ShadowReport, RequestError> {
        Self::verify_upgrade(self, name, plugin, deadline).await
    }

    async fn cancel_upgrade(&self, name: &GroupName, deadline: Deadline) -> Result<GroupView, RequestError> {
        Self::cancel_upgrade(self, name, deadline).await
    }

    async fn unfreeze(&self, name: &GroupName, deadline: Deadline) -> Result<(), RequestError> {
        Self::unfreeze(self, name, deadline).await
    }

    async fn set_checkpoints(
        &self,
        name: &GroupName,
        mode: CheckpointMode,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        Self::set_checkpoints(self, name, mode, deadline).await
    }

    async fn set_poison_policy(
        &self,
        name: &GroupName,
        freeze_after_traps: u32,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        Self::set_poison_policy(self, name, freeze_after_traps, deadline).await
    }

    fn watch(&self, group: GroupId) -> Result<broadcast::Receiver<GroupEvent>, RequestError> {
        Self::watch(self, group)
    }
}

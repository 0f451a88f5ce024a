use super::{
    config::NodeConfig,
    view::{
        Consistency, CreateGroup, GroupEvent, GroupView, NodeStatus, NodeView, PluginView, Queried,
        SnapshotTaken, Submitted,
    },
};
use crate::RequestError;
use bytes::Bytes;
use quorate_vocabulary::{GroupId, GroupName, PluginReference};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

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
}

/// A running node, for whoever serves its API. Cheap to clone.
#[derive(Clone)]
pub struct NodeHandle {
    config: Arc<NodeConfig>,
}

impl NodeHandle {
    /// What the node was told when it started.
    #[must_use]
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// The number of the group of that name. Asks the cluster when this node's catalog has none.
    pub async fn resolve(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        let _ = (name, deadline);
        Err(starting())
    }

    /// Replicates a command and answers once it is applied. Only at the leader of the group.
    pub async fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        let _ = (group, command, deadline);
        Err(starting())
    }

    /// Answers a query from the state of this node's replica, leader or not.
    pub async fn query(
        &self,
        group: GroupId,
        request: Bytes,
        consistency: Consistency,
        deadline: Deadline,
    ) -> Result<Queried, RequestError> {
        let _ = (group, request, consistency, deadline);
        Err(starting())
    }

    /// Checks a plugin, has a majority of the nodes hold it, and publishes it. The same bytes again are no error.
    pub async fn upload(
        &self,
        reference: PluginReference,
        bytes: Bytes,
        deadline: Deadline,
    ) -> Result<PluginView, RequestError> {
        let _ = (reference, bytes, deadline);
        Err(starting())
    }

    /// Every published plugin, as this node's catalog has them.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginView> {
        Vec::new()
    }

    /// Creates a group, and answers once it has a leader that takes commands.
    pub async fn create_group(
        &self,
        create: CreateGroup,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        let _ = (create, deadline);
        Err(starting())
    }

    /// Deletes a group and its data on every node.
    pub async fn delete_group(&self, name: &GroupName, deadline: Deadline) -> Result<GroupId, RequestError> {
        let _ = (name, deadline);
        Err(starting())
    }

    /// Every group, as this node's catalog has them.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        Vec::new()
    }

    /// One group, with the replica this node holds of it.
    pub async fn describe_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        let _ = (name, deadline);
        Err(starting())
    }

    /// Every registered node, as this node's catalog has them.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeView> {
        Vec::new()
    }

    /// This node and every replica it holds.
    pub async fn status(&self) -> Result<NodeStatus, RequestError> {
        Err(starting())
    }

    /// Takes a snapshot of the replica on this node: a store machine's at once, a memory machine's at a checkpoint that
    /// the leader proposes, so that it works at the leader only.
    pub async fn snapshot(&self, group: GroupId, deadline: Deadline) -> Result<SnapshotTaken, RequestError> {
        let _ = (group, deadline);
        Err(starting())
    }

    /// The events of a group from now on, as this node's replica applies it. A slow receiver loses the oldest.
    pub fn watch(&self, group: GroupId) -> Result<broadcast::Receiver<GroupEvent>, RequestError> {
        let _ = group;
        Err(starting())
    }
}

fn starting() -> RequestError {
    RequestError::GroupNotReady { group: GroupId::CATALOG, why: "the node is starting".to_owned() }
}

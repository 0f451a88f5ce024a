//! What the workers of a node share.

use super::{attesting::Attesting, healing::Healing, inbox::ShardInbox, waiters::Waiters};
use quorate_vocabulary::{GroupId, NodeId, PluginDigest};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The ways from a worker back to the shard and to those who wait. Clones are the same.
#[derive(Clone)]
pub(super) struct Services {
    /// This node.
    pub(super) node: NodeId,
    /// The shard's inbox.
    pub(super) inbox: Arc<ShardInbox>,
    /// Who waits for what.
    pub(super) waiters: Arc<Waiters>,
    /// Replicas that cannot go on without a plugin that is not compiled here: one message for each that stands still.
    pub(super) lacking: mpsc::UnboundedSender<(GroupId, PluginDigest)>,
    /// Takes what replicas have noted, for their leaders on other nodes.
    pub(super) attesting: Attesting,
    /// Says that a replica has come to lead its group.
    pub(super) leading: Arc<watch::Sender<()>>,
    /// Who is of no use any more.
    pub(super) healing: Arc<Healing>,
    /// Runs what may take long: writing snapshots, reading the log back.
    pub(super) runtime: tokio::runtime::Handle,
}

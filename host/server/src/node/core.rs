//! What a running node consists of, for the parts of it that work together.

use super::{
    config::NodeConfig,
    hosting::Hosting,
    membership::Membership,
    plugins::{PluginCache, PluginLoader},
    pool::Pool,
    registry::Registry,
    services::Services,
    storage_health::StorageHealth,
    upgrading::Upgrading,
};
use crate::{LeaderHint, RequestError};
use quorate_catalog::{CatalogHandle, CatalogState};
use quorate_machine::Engine;
use quorate_storage::{DataFolder, RaftStore};
use quorate_transport::PeersHandle;
use quorate_vocabulary::{GroupId, Member, NodeId};
use std::sync::{Arc, OnceLock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Everything the parts of a node share.
pub(super) struct Core {
    pub(super) config: Arc<NodeConfig>,
    pub(super) services: Services,
    pub(super) registry: Arc<Registry>,
    pub(super) health: Arc<StorageHealth>,
    pub(super) folder: DataFolder,
    pub(super) store: Arc<RaftStore>,
    pub(super) engine: Engine,
    pub(super) loader: Arc<dyn PluginLoader>,
    pub(super) plugins: Arc<PluginCache>,
    pub(super) catalog: CatalogHandle,
    pub(super) hosting: Hosting,
    pub(super) membership: Membership,
    pub(super) upgrading: Upgrading,
    pub(super) apply_pool: Pool,
    pub(super) observe_pool: Pool,
    /// Known once the peer streams are started, which need the node to hand things to.
    pub(super) peers: OnceLock<PeersHandle>,
    /// Ends the node's tasks.
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Core {
    /// This node.
    pub(super) fn node(&self) -> NodeId {
        self.config.node
    }

    /// The catalog as this node has applied it.
    pub(super) fn catalog_state(&self) -> Arc<CatalogState> {
        self.catalog.state()
    }

    /// The peer streams.
    pub(super) fn peers(&self) -> Result<&PeersHandle, RequestError> {
        self.peers.get().ok_or_else(|| RequestError::GroupNotReady {
            group: GroupId::CATALOG,
            why: "the node is starting".to_owned(),
        })
    }

    /// Where a node is reached: as the catalog says, or as the founders were configured.
    pub(super) fn address(&self, node: NodeId) -> Option<String> {
        if let Some(node) = self.catalog_state().node(node) {
            return Some(node.address.clone());
        }
        let founder = self.config.founders.iter().find(|founder| founder.0 == node);
        founder.map(|(_, address)| address.clone())
    }

    /// What to tell somebody who looks for this leader.
    pub(super) fn leader_hint(&self, leader: Option<Member>) -> Option<LeaderHint> {
        let node = leader?.node;
        self.address(node).map(|address| LeaderHint { node, address })
    }

    /// Whether this node has heard of another one lately.
    pub(super) fn is_reachable(&self, node: NodeId) -> bool {
        if node == self.node() {
            return true;
        }
        let Some(peers) = self.peers.get() else { return false };
        peers.status().iter().any(|peer| peer.node == node && peer.connected())
    }

    /// Every node the cluster is known to have: those of the catalog, and those that founded it.
    pub(super) fn known_nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.catalog_state().nodes().map(|node| node.id).collect();
        nodes.extend(self.config.founders.iter().map(|founder| founder.0));
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

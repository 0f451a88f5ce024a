use super::{
    losses::Losses,
    peer::Peer,
    queue::{LaneQueue, Phase, Pushed},
    status::PeerStatus,
};
use crate::{
    AddressError, CallError, Lane, PeerIdentity, PeerInbound, PeersConfig,
    background::Background,
    connection::{Target, check_address},
    snapshot::Throttle,
};
use quorate_proto::peer::v1::RaftMessage;
use quorate_vocabulary::NodeId;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The calling half of the peer streams.
#[derive(Debug)]
pub struct Peers;

impl Peers {
    /// Starts lanes to these nodes on the current tokio runtime. This node's own address among them is passed over.
    ///
    /// # Errors
    /// When one of the addresses is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        identity: PeerIdentity,
        config: PeersConfig,
        addresses: impl IntoIterator<Item = (NodeId, String)>,
        inbound: Arc<dyn PeerInbound>,
    ) -> Result<PeersHandle, AddressError> {
        let inner = Arc::new(Inner {
            identity,
            snapshot_sends: Arc::new(Semaphore::new(config.snapshot_sends_max.max(1))),
            snapshot_throttle: Throttle::new(config.snapshot_total_bytes_per_second_max),
            config: Arc::new(config),
            runtime: Handle::current(),
            background: Background::default(),
            peers: RwLock::default(),
            losses: Arc::default(),
            inbound: inbound.clone(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let (losses, shutdown) = (inner.losses.clone(), inner.shutdown.clone());
        inner.tasks.spawn_on(async move { losses.tell(inbound.as_ref(), &shutdown).await }, &inner.runtime);
        let handle = PeersHandle { inner };
        for (node, address) in addresses {
            handle.set_address(node, &address)?;
        }
        Ok(handle)
    }
}

/// Speaks to the other nodes. Clones are the same.
#[derive(Clone)]
pub struct PeersHandle {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) identity: PeerIdentity,
    pub(crate) config: Arc<PeersConfig>,
    pub(crate) runtime: Handle,
    /// Where snapshots are sent from.
    pub(crate) background: Background,
    peers: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
    pub(crate) losses: Arc<Losses>,
    pub(crate) inbound: Arc<dyn PeerInbound>,
    pub(crate) snapshot_sends: Arc<Semaphore>,
    pub(crate) snapshot_throttle: Throttle,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl PeersHandle {
    /// Sends a message to a node, or drops it: when no address of the node is known, the lane is broken or full, or
    /// the message is too large. A loss is told by [`PeerInbound::unreachable`]. Never blocks, and may be called from
    /// any thread.
    pub fn send(&self, node: NodeId, lane: Lane, message: RaftMessage) {
        let pushed = self.inner.peer(node).map_or(Pushed::Lost, |peer| peer.push(lane, message));
        if pushed == Pushed::Lost {
            self.inner.losses.add(node);
        }
    }

    /// Learns where a node is: opens lanes to a new one, turns the lanes of a known one to the new address.
    ///
    /// # Errors
    /// When the address is none; a known node then stays where it was.
    pub fn set_address(&self, node: NodeId, address: &str) -> Result<(), AddressError> {
        check_address(address)?;
        if node == self.inner.identity.node {
            return Ok(());
        }
        let mut peers = self.inner.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&node) {
            peer.set_address(address);
        } else if !self.inner.shutdown.is_cancelled() {
            peers.insert(node, Arc::new(Peer::start(&self.inner, node, address.to_owned())));
        }
        Ok(())
    }

    /// Forgets a node that has left the cluster and closes the lanes to it.
    pub fn remove(&self, node: NodeId) {
        self.inner.peers.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    /// Where a node is looked for.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<String> {
        self.inner.peer(node).map(|peer| peer.address())
    }

    /// Waits until every lane to the node has been connected; `false` if the node is not known, or forgotten meanwhile.
    pub async fn connected(&self, node: NodeId) -> bool {
        // Only the receivers are kept: they tell when the node is forgotten.
        let phases: Vec<_> = match self.inner.peer(node) {
            Some(peer) => peer.queues().map(LaneQueue::phase).collect(),
            None => return false,
        };
        for mut phase in phases {
            if phase.wait_for(|phase| *phase == Phase::Connected).await.is_err() {
                return false;
            }
        }
        true
    }

    /// How the ways to all nodes are, in the order of their ids.
    #[must_use]
    pub fn status(&self) -> Vec<PeerStatus> {
        let peers = self.inner.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.values().map(|peer| peer.status()).collect()
    }

    /// Closes all lanes and ends all transfers, and waits until they have ended. Messages that wait are dropped.
    pub async fn shutdown(&self) {
        self.inner.shutdown.cancel();
        self.inner.peers.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    pub(crate) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    pub(crate) fn target(&self, node: NodeId) -> Result<Target, CallError> {
        if self.shutdown.is_cancelled() {
            return Err(CallError::Closed);
        }
        let peer = self.peer(node).ok_or(CallError::UnknownNode { node })?;
        Ok(Target { node, address: peer.address() })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl fmt::Debug for PeersHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PeersHandle").field("identity", &self.inner.identity).finish_non_exhaustive()
    }
}

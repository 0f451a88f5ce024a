use crate::PeerInbound;
use quorate_vocabulary::NodeId;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Which nodes messages were lost to. Told from a task of its own, so that a shard thread that sends is never called
/// back, and at most once for all that was lost meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    nodes: Mutex<BTreeSet<NodeId>>,
    added: Notify,
}

impl Losses {
    pub(crate) fn add(&self, node: NodeId) {
        if self.nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(node) {
            self.added.notify_one();
        }
    }

    /// Tells of losses until the shutdown.
    pub(crate) async fn tell(&self, inbound: &dyn PeerInbound, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.added.notified() => {}
            }
            let nodes = std::mem::take(&mut *self.nodes.lock().unwrap_or_else(PoisonError::into_inner));
            for node in nodes {
                inbound.unreachable(node);
            }
        }
    }
}

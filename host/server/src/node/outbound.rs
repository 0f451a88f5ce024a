//! What leaves the shard thread for the network and the disk's readers. Nothing here makes the shard wait.

use super::{local_replica::LocalReplica, services::Services, snapshot_source::StoredSource};
use quorate_consensus::{Input, Lane, RaftMessage, lane};
use quorate_storage::RaftStore;
use quorate_transport::{PeersHandle, SnapshotTransfer};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::sync::Arc;

/// The ways out.
pub(super) struct Outbound {
    pub(super) services: Services,
    pub(super) peers: PeersHandle,
    pub(super) store: Arc<RaftStore>,
}

impl Outbound {
    /// Sends a message, or loses it; raft repeats what is lost.
    pub(super) fn send(&self, message: RaftMessage) {
        let lane = match lane(&message) {
            Lane::Control => quorate_transport::Lane::Control,
            Lane::Append => quorate_transport::Lane::Append,
        };
        self.peers.send(NodeId(message.to_node), lane, message);
    }

    /// Reads entries back from disk, away from the shard thread.
    pub(super) fn fetch(&self, group: GroupId, first: u64, last: u64, bytes_max: usize) {
        let (store, services) = (self.store.clone(), self.services.clone());
        self.services.runtime.spawn_blocking(move || {
            let entries = store.entries(group, first, last, bytes_max).unwrap_or_else(|error| {
                tracing::warn!(%group, first, last, %error, "entries of the log cannot be read back");
                Vec::new()
            });
            services.inbox.feedback([Input::Fetched { group, first, entries }]);
        });
    }

    /// Sends a snapshot, and tells raft what became of it: raft waits for nothing else.
    pub(super) fn send_snapshot(
        &self,
        replica: Option<Arc<LocalReplica>>,
        group: GroupId,
        to: ReplicaId,
        node: NodeId,
        message: RaftMessage,
    ) {
        let (services, peers) = (self.services.clone(), self.peers.clone());
        self.services.runtime.spawn(async move {
            // Told also when the task is cut off by the end of the runtime, or panics.
            let mut report = Report { services, group, to, delivered: false };
            let Some(replica) = replica else { return };
            let point = message.snapshot.clone().unwrap_or_default();
            let (index, term) = (point.index, point.term);
            let snapshots = replica.shared.snapshots.clone();
            drop(replica);
            let opened = tokio::task::spawn_blocking(move || StoredSource::open(&snapshots, index)).await;
            let source = match opened {
                Ok(Ok(source)) => source,
                Ok(Err(error)) => {
                    tracing::warn!(%group, index, %error, "a snapshot cannot be read");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%group, index, %error, "a snapshot cannot be read");
                    return;
                }
            };
            let transfer = SnapshotTransfer { group, to, index, term, source: Box::new(source), message };
            match peers.send_snapshot(node, transfer).await {
                Ok(()) => {
                    tracing::info!(%group, %to, %node, index, "snapshot sent");
                    report.delivered = true;
                }
                Err(error) => tracing::warn!(%group, %to, %node, index, %error, "a snapshot was not sent"),
            }
        });
    }
}

/// Tells raft what became of a snapshot, however the sending ended.
struct Report {
    services: Services,
    group: GroupId,
    to: ReplicaId,
    delivered: bool,
}

impl Drop for Report {
    fn drop(&mut self) {
        let (group, to, delivered) = (self.group, self.to, self.delivered);
        self.services.inbox.feedback([Input::SnapshotSent { group, to, delivered }]);
    }
}

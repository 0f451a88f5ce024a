//! What leaves the shard thread for the network and the disk's readers. Nothing here makes the shard wait.

use super::{
    apply_worker::ApplyWork,
    local_replica::LocalReplica,
    services::Services,
    snapshot_source::{StateSource, StoredSource},
};
use quorate_consensus::{Input, Lane, LogPoint, RaftMessage, lane, standing_at};
use quorate_storage::RaftStore;
use quorate_transport::{PeersHandle, SnapshotSource, SnapshotTransfer};
use quorate_vocabulary::{GroupId, MachineKind, NodeId, ReplicaId};
use std::{io, sync::Arc};
use tokio::sync::oneshot;

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
            // While it waits for its turn the replica may go.
            let Some(replica) = replica.map(|replica| Arc::downgrade(&replica)) else { return };
            let transfer = async move {
                let replica = replica.upgrade().ok_or_else(|| io::Error::other("the replica is gone"))?;
                let opened = match replica.shared.kind {
                    MachineKind::Memory => stored(&replica, message).await,
                    MachineKind::Store => state_now(&replica, message).await,
                };
                let (source, message) = opened.map_err(io::Error::other)?;
                let point = message.snapshot.as_ref();
                let (index, term) = point.map_or((0, 0), |point| (point.index, point.term));
                Ok(SnapshotTransfer { group, to, index, term, source, message })
            };
            match peers.send_snapshot_when_due(node, transfer).await {
                Ok(()) => {
                    tracing::info!(%group, %to, %node, "snapshot sent");
                    report.delivered = true;
                }
                Err(error) => tracing::warn!(%group, %to, %node, %error, "a snapshot was not sent"),
            }
        });
    }
}

/// What is sent, and raft's message for it.
type Opened = (Box<dyn SnapshotSource>, RaftMessage);

/// The snapshot that the message names, from the disk.
async fn stored(replica: &LocalReplica, message: RaftMessage) -> Result<Opened, String> {
    let index = message.snapshot.as_ref().map_or(0, |point| point.index);
    let snapshots = replica.shared.snapshots.clone();
    let opened = tokio::task::spawn_blocking(move || StoredSource::open(&snapshots, index)).await;
    let source = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok((Box::new(source), message))
}

/// The state of a store machine as it is now, which is at the place that the message names or behind it.
async fn state_now(replica: &LocalReplica, message: RaftMessage) -> Result<Opened, String> {
    let (reply, state) = oneshot::channel();
    replica.apply(ApplyWork::Stream(reply));
    let state = state.await.map_err(|_| "the replica has stopped".to_owned())?;
    let stream = state.into_stream();
    let point = &stream.header().point;
    let place = LogPoint { index: point.index, term: point.term };
    let message = standing_at(message, place, &point.configuration);
    let snapshots = replica.shared.snapshots.clone();
    let opened = tokio::task::spawn_blocking(move || StateSource::open(&snapshots, stream)).await;
    let source = opened.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok((Box::new(source), message))
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

//! What the tests are made of. Nothing here waits for a time: only for what happens, with [`GUARD`] against hanging.

mod inbound;
mod proxy;
mod raw;
mod server;
mod snapshot;

pub(super) use inbound::{Recorder, Seen};
pub(super) use proxy::Proxy;
pub(super) use raw::{Script, raw_client};
pub(super) use server::TestServer;
pub(super) use snapshot::{CHUNK_BYTES, MemorySource, SnapshotStore, manifest_of, pattern};

use crate::{PeerIdentity, Peers, PeersConfig, PeersHandle};
use quorate_proto::peer::v1::{RaftMessage, RaftMessageType};
use quorate_vocabulary::{FolderId, NodeId};
use std::{sync::Arc, time::Duration};

/// Far longer than anything takes; only there so that a broken test ends.
pub(super) const GUARD: Duration = Duration::from_secs(60);

pub(super) const ONE: NodeId = NodeId(1);
pub(super) const TWO: NodeId = NodeId(2);

pub(super) fn identity(node: NodeId) -> PeerIdentity {
    PeerIdentity { cluster: "test".to_owned(), node, folder: FolderId(node.0 + 100) }
}

/// The defaults, but impatient where a test would wait.
pub(super) fn config() -> PeersConfig {
    PeersConfig {
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        connect_timeout: GUARD,
        keep_alive_timeout: GUARD,
        snapshot_chunk_bytes: CHUNK_BYTES,
        snapshot_bytes_per_second_max: 0,
        snapshot_total_bytes_per_second_max: 0,
        ..PeersConfig::default()
    }
}

/// Node 1's calling half, with node 2 at this address.
pub(super) fn peers(config: PeersConfig, two_at: &str) -> (PeersHandle, Recorder) {
    let recorder = Recorder::new();
    let addresses = [(TWO, two_at.to_owned())];
    let handle = Peers::start(identity(ONE), config, addresses, Arc::new(recorder.inbound()));
    (handle.expect("an address"), recorder)
}

/// A message from node 1 to node 2; `index` tells them apart.
pub(super) fn message(group: u64, index: u64) -> RaftMessage {
    RaftMessage {
        group,
        r#type: RaftMessageType::Append.into(),
        from_replica: 11,
        to_replica: 12,
        from_node: ONE.0,
        to_node: TWO.0,
        index,
        ..RaftMessage::default()
    }
}

/// A message that is about this large.
pub(super) fn large_message(group: u64, index: u64, bytes: usize) -> RaftMessage {
    RaftMessage { context: vec![7; bytes].into(), ..message(group, index) }
}

/// Waits for something that must happen.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(GUARD, future).await {
        Ok(done) => done,
        Err(_) => panic!("did not happen: {what}"),
    }
}

use quorate_vocabulary::{FolderId, NodeId};
use std::time::Duration;

/// The version of what nodes say to each other. A node speaks to nodes of exactly this version.
pub const PROTOCOL_VERSION: u32 = 1;

/// What stands around a message in a frame, with room to spare.
const FRAME_OVERHEAD_BYTES: usize = 64 * 1024;

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The cluster's name. Nodes of another one are refused.
    pub cluster: String,
    /// This node.
    pub node: NodeId,
    /// The data folder it lives in.
    pub folder: FolderId,
}

/// Limits and times of the peer streams. The sizes should be the same on all nodes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeersConfig {
    /// How many append lanes lead to each node.
    pub append_lanes: usize,
    /// The largest raft message that is sent or taken.
    pub message_bytes_max: usize,
    /// An envelope takes further messages up to this many bytes.
    pub envelope_bytes_max: usize,
    /// An envelope takes up to this many messages.
    pub envelope_messages_max: usize,
    /// How many bytes may wait in one lane.
    pub lane_bytes_max: usize,
    /// How many messages may wait in one lane.
    pub lane_messages_max: usize,
    /// How long connecting, the hello included, may take.
    pub connect_timeout: Duration,
    /// The wait before the second attempt to connect; doubled with every further one.
    pub backoff_min: Duration,
    /// The longest wait between attempts to connect.
    pub backoff_max: Duration,
    /// How often a silent connection is probed.
    pub keep_alive_interval: Duration,
    /// How long a probe may stay unanswered before the connection counts as broken.
    pub keep_alive_timeout: Duration,
    /// The size of a snapshot's chunks.
    pub snapshot_chunk_bytes: usize,
    /// How many chunks of a snapshot may be under way, sent and not yet written by the receiver.
    pub snapshot_chunks_ahead_max: usize,
    /// The largest chunk and manifest of a snapshot that is taken.
    pub snapshot_chunk_bytes_max: usize,
    /// How many bytes of snapshots are sent to one node in a second; 0 is no limit.
    pub snapshot_bytes_per_second_max: u64,
    /// How many bytes of snapshots are sent to all nodes together in a second; 0 is no limit.
    pub snapshot_total_bytes_per_second_max: u64,
    /// How many snapshots this node sends at once.
    pub snapshot_sends_max: usize,
    /// How many snapshots this node sends to one other at once.
    pub snapshot_sends_per_node_max: usize,
    /// How many snapshots this node takes at once; more are refused as busy.
    pub snapshot_receives_max: usize,
    /// How often a transfer is begun again without having come further.
    pub snapshot_attempts_max: u32,
    /// How long a transfer may stand still before it counts as broken.
    pub snapshot_stall_timeout: Duration,
    /// How long the receiver may take to verify a whole snapshot and make it last.
    pub snapshot_finish_timeout: Duration,
    /// The largest plugin that is sent or taken.
    pub plugin_bytes_max: usize,
    /// How many plugins this node takes at once; more are refused as busy.
    pub plugin_receives_max: usize,
    /// How long sending or fetching one plugin may take.
    pub plugin_timeout: Duration,
    /// The largest command and outcome of a change of the catalog.
    pub catalog_change_bytes_max: usize,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            append_lanes: 2,
            message_bytes_max: 16 * 1024 * 1024,
            envelope_bytes_max: 1024 * 1024,
            envelope_messages_max: 1024,
            lane_bytes_max: 64 * 1024 * 1024,
            lane_messages_max: 16 * 1024,
            connect_timeout: Duration::from_secs(3),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            keep_alive_interval: Duration::from_secs(2),
            keep_alive_timeout: Duration::from_secs(5),
            snapshot_chunk_bytes: 1024 * 1024,
            snapshot_chunks_ahead_max: 8,
            snapshot_chunk_bytes_max: 1024 * 1024,
            snapshot_bytes_per_second_max: 1024 * 1024 * 1024,
            snapshot_total_bytes_per_second_max: 1024 * 1024 * 1024,
            snapshot_sends_max: 4,
            snapshot_sends_per_node_max: 2,
            snapshot_receives_max: 4,
            snapshot_attempts_max: 5,
            snapshot_stall_timeout: Duration::from_secs(30),
            snapshot_finish_timeout: Duration::from_secs(300),
            plugin_bytes_max: 64 * 1024 * 1024,
            plugin_receives_max: 2,
            plugin_timeout: Duration::from_secs(120),
            catalog_change_bytes_max: 4 * 1024 * 1024,
        }
    }
}

impl PeersConfig {
    /// The largest frame of the Peer service that is read or written.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        self.message_bytes_max
            .saturating_add(self.envelope_bytes_max)
            .max(self.snapshot_chunk_bytes_max.saturating_mul(2))
            .max(self.catalog_change_bytes_max)
            .saturating_add(FRAME_OVERHEAD_BYTES)
    }
}

use quorate_replica::CheckpointPolicy;
use quorate_vocabulary::NodeId;
use std::{path::PathBuf, time::Duration};

/// What a node is told when it starts.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The cluster's name; a data folder of another cluster is refused.
    pub cluster: String,
    /// This node.
    pub node: NodeId,
    /// Where it keeps everything.
    pub data_folder: PathBuf,
    /// Where other nodes and clients reach it, as `host:port`.
    pub address: String,
    /// The nodes that found the cluster, id and address, this one among them; or, of one that joins, those it asks first.
    pub founders: Vec<(NodeId, String)>,
    /// After how long without word from a leader a replica asks to become one.
    pub election_timeout: Duration,
    /// How often a leader says that it is there.
    pub heartbeat_interval: Duration,
    /// How much shorter than the election timeout a leader's lease is; none: a tenth of it.
    pub lease_margin: Option<Duration>,
    /// After how long without anything to do a group sleeps; none: never.
    pub hibernate_after: Option<Duration>,
    /// Threads that apply committed entries.
    pub apply_threads: usize,
    /// Threads that answer queries and run lifecycle callbacks.
    pub observer_threads: usize,
    /// Requests that may wait for the shard thread; beyond, they are refused as overload.
    pub shard_inbox_max: usize,
    /// Queries that may wait for a thread; beyond, they are refused as overload.
    pub observer_inbox_max: usize,
    /// The largest plugin taken, in bytes.
    pub plugin_bytes_max: usize,
    /// Instances of plugins that may live at a time.
    pub plugin_instances_max: u32,
    /// Lines that the plugin of one group may log in a second; further ones are dropped.
    pub plugin_log_lines_per_second_max: u32,
    /// Compiled code kept on disk, in bytes.
    pub compiled_bytes_max: u64,
    /// A snapshot is taken once so many entries were applied since the last.
    pub snapshot_entries: u64,
    /// A snapshot is also taken when this time has passed; none: never by time alone.
    pub snapshot_interval: Option<Duration>,
    /// But only when so many entries were applied since the last.
    pub snapshot_interval_entries_min: u64,
    /// The replicas of a group are compared once so many entries have asked something of the machine since the last time.
    pub check_entries: u64,
    /// Or when this time has passed and any have; none: never by time alone.
    pub check_interval: Option<Duration>,
    /// Whether a replica that is of no use any more is replaced by a new one without being asked for.
    pub rebuild_replicas: bool,
    /// Entries kept behind a snapshot for followers that lag.
    pub log_margin_entries: u64,
    /// Snapshots kept of each replica.
    pub snapshots_kept: usize,
    /// How many bytes of snapshots are sent to one node in a second; 0: no limit.
    pub snapshot_bytes_per_second_max: u64,
    /// How many bytes of snapshots are sent to all nodes together in a second; 0: no limit.
    pub snapshot_total_bytes_per_second_max: u64,
    /// How many snapshots this node sends at once; further ones wait.
    pub snapshot_sends_max: usize,
    /// How many snapshots this node takes at once; further ones are refused as busy, and sent again.
    pub snapshot_receives_max: usize,
}

impl NodeConfig {
    /// When snapshots are due.
    pub(super) fn checkpoints(&self) -> CheckpointPolicy {
        CheckpointPolicy {
            entries_max: self.snapshot_entries,
            timed_entries_min: self.snapshot_interval_entries_min,
            ..CheckpointPolicy::default()
        }
    }

    /// A node with the defaults for everything that has one.
    #[must_use]
    pub fn new(cluster: &str, node: NodeId, data_folder: PathBuf, founders: Vec<(NodeId, String)>) -> Self {
        let address = founders
            .iter()
            .find(|founder| founder.0 == node)
            .map(|founder| founder.1.clone())
            .unwrap_or_default();
        Self {
            cluster: cluster.to_owned(),
            node,
            data_folder,
            address,
            founders,
            election_timeout: Duration::from_millis(1000),
            heartbeat_interval: Duration::from_millis(100),
            lease_margin: None,
            hibernate_after: Some(Duration::from_secs(10)),
            apply_threads: 2,
            observer_threads: 2,
            shard_inbox_max: 16 * 1024,
            observer_inbox_max: 4 * 1024,
            plugin_bytes_max: 64 * 1024 * 1024,
            plugin_instances_max: 2_000,
            plugin_log_lines_per_second_max: 100,
            compiled_bytes_max: 1024 * 1024 * 1024,
            snapshot_entries: 10_000,
            snapshot_interval: Some(Duration::from_secs(3600)),
            snapshot_interval_entries_min: 100,
            check_entries: 10_000,
            check_interval: Some(Duration::from_secs(60)),
            rebuild_replicas: true,
            log_margin_entries: 1_000,
            snapshots_kept: 2,
            snapshot_bytes_per_second_max: 1024 * 1024 * 1024,
            snapshot_total_bytes_per_second_max: 1024 * 1024 * 1024,
            snapshot_sends_max: 4,
            snapshot_receives_max: 4,
        }
    }
}

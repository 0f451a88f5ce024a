//! The file as it is written, before its values are checked.

use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// The keys of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// The name of the cluster, the same on all its nodes.
    pub(super) cluster: Spanned<String>,
    /// The number of this node, one of `[[nodes]]`.
    pub(super) node: Spanned<u64>,
    /// Where this node keeps its data.
    pub(super) folder: Spanned<PathBuf>,
    /// Where it listens; its address in `[[nodes]]` when missing.
    pub(super) listen: Option<Spanned<String>>,
    /// Where others reach it; its address in `[[nodes]]` when missing.
    pub(super) advertise: Option<Spanned<String>>,
    /// The nodes that found the cluster.
    pub(super) nodes: Spanned<Vec<NodeEntry>>,
    /// How long things may take.
    #[serde(default)]
    pub(super) timeouts: TimeoutsSection,
    /// How much there may be.
    #[serde(default)]
    pub(super) limits: LimitsSection,
    /// When snapshots are taken.
    #[serde(default)]
    pub(super) snapshots: SnapshotsSection,
    /// How replicas are kept from being wrong.
    #[serde(default)]
    pub(super) replicas: ReplicasSection,
}

/// One of `[[nodes]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeEntry {
    /// Its number.
    pub(super) id: Spanned<u64>,
    /// Where it is reached.
    pub(super) address: Spanned<String>,
}

/// `[timeouts]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimeoutsSection {
    pub(super) election_ms: Option<Spanned<u64>>,
    pub(super) heartbeat_ms: Option<Spanned<u64>>,
    pub(super) lease_margin_ms: Option<Spanned<u64>>,
    pub(super) hibernate_after_ms: Option<Spanned<u64>>,
    pub(super) request_default_ms: Option<Spanned<u64>>,
    pub(super) request_max_ms: Option<Spanned<u64>>,
    pub(super) shutdown_ms: Option<Spanned<u64>>,
}

/// `[limits]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    pub(super) plugin_bytes_max: Option<Spanned<usize>>,
    pub(super) apply_threads: Option<Spanned<usize>>,
    pub(super) observer_threads: Option<Spanned<usize>>,
    pub(super) shard_inbox_max: Option<Spanned<usize>>,
    pub(super) observer_inbox_max: Option<Spanned<usize>>,
    pub(super) plugin_instances_max: Option<Spanned<u32>>,
    pub(super) plugin_log_lines_per_second_max: Option<Spanned<u32>>,
    pub(super) compiled_bytes_max: Option<Spanned<u64>>,
    pub(super) stream_in_flight_max: Option<Spanned<usize>>,
    pub(super) uploads_max: Option<Spanned<usize>>,
    pub(super) watchers_max: Option<Spanned<usize>>,
}

/// `[snapshots]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SnapshotsSection {
    pub(super) entries: Option<Spanned<u64>>,
    pub(super) interval_ms: Option<Spanned<u64>>,
    pub(super) interval_entries_min: Option<Spanned<u64>>,
    pub(super) log_margin_entries: Option<Spanned<u64>>,
    pub(super) kept: Option<Spanned<usize>>,
    pub(super) bytes_per_second_max: Option<Spanned<u64>>,
    pub(super) total_bytes_per_second_max: Option<Spanned<u64>>,
    pub(super) sends_max: Option<Spanned<usize>>,
    pub(super) receives_max: Option<Spanned<usize>>,
}

/// `[replicas]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReplicasSection {
    pub(super) check_entries: Option<Spanned<u64>>,
    pub(super) check_interval_ms: Option<Spanned<u64>>,
    pub(super) rebuild: Option<bool>,
}

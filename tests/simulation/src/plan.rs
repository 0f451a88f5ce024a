//! What kind of cluster a seed makes.

use crate::random::{Random, mix};
use quorate_consensus::ShardConfig;
use quorate_replica::{CheckpointPolicy, ports::GroupLimits};
use quorate_vocabulary::NodeId;
use std::time::Duration;

/// What a command or a query may burn: as little as a group may be given.
pub(crate) const FUEL: u64 = 10_000;
/// What an instance may take: the same.
pub(crate) const MEMORY_BYTES: u64 = 64 << 10;

/// The cluster of one run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: u64,
    /// As many groups are wished for, beside the catalog.
    pub(crate) groups: u64,
    /// The pause between two actions is at most this long.
    pub(crate) pause_us_max: u64,
    /// And that between two upsets.
    pub(crate) calm_us_max: u64,
    /// So many of the nodes found the catalog; the others join it.
    pub(crate) founders: u64,
    /// Whether members change as the catalog says, or only by what is asked of raft.
    pub(crate) members_by_catalog: bool,
    pub(crate) checkpoints: CheckpointPolicy,
    /// After so many entries that asked something of a machine its replicas are compared.
    pub(crate) check_entries: u64,
    /// Snapshots that are kept of a group.
    pub(crate) snapshots_kept: usize,
    shard: ShardConfig,
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(mix(&[seed, 77]), crate::random::Stream::Plan);
        let mut shard = ShardConfig::new(NodeId(0), seed);
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        shard.heartbeat_interval = Duration::from_millis(100);
        shard.election_timeout = Duration::from_millis(100 * random.between(3, 8));
        // Twice what the clocks of two nodes may drift apart.
        shard.lease_margin = shard.election_timeout / 8;
        // Soon, so that they do.
        let sleeps = random.chance(700);
        shard.hibernate_after = sleeps.then(|| Duration::from_millis(random.between(300, 4_000)));
        // In some clusters hardly anybody asks for anything, so that groups sleep most of the time.
        let is_quiet = Random::new(mix(&[seed, 78]), crate::random::Stream::Plan).chance(200);
        if is_quiet {
            shard.hibernate_after = Some(shard.election_timeout.max(Duration::from_millis(500)));
        }
        shard.wakes_per_tick_max = bytes(random.between(1, 4));
        shard.promotion_lag_entries_max = random.between(1, 30);
        shard.entry_commands_max = bytes(random.between(1, 8));
        shard.entry_bytes_max = 512;
        shard.append_bytes_max = bytes(random.between(100, 600));
        shard.inflight_messages_max = bytes(random.between(2, 16));
        shard.inflight_entries_max = bytes(random.between(1, 6));
        shard.waiting_bytes_max = 4_000;
        shard.applying_bytes_max = bytes(random.between(100, 2_000));
        shard.log_cache_bytes_max = bytes(random.between(300, 4_000));
        shard.log_margin_entries = random.below(20);
        let nodes = random.between(3, 5);
        let mut ways = Random::new(mix(&[seed, 79]), crate::random::Stream::Plan);
        let members_by_catalog = ways.chance(600);
        Self {
            seed,
            nodes: if members_by_catalog { nodes + ways.below(2) } else { nodes },
            founders: if members_by_catalog && ways.chance(300) { 3 } else { nodes },
            members_by_catalog,
            check_entries: ways.between(5, 60),
            groups: random.between(1, 6),
            pause_us_max: random.between(5_000, 60_000) * if is_quiet { 40 } else { 1 },
            calm_us_max: random.between(300_000, 4_000_000),
            checkpoints: CheckpointPolicy {
                entries_max: random.between(8, 60),
                ..CheckpointPolicy::default()
            },
            snapshots_kept: bytes(random.between(2, 3)),
            shard,
        }
    }

    /// How the shard of this node is driven in this life of it.
    pub(crate) fn shard(&self, node: NodeId, life: u64) -> ShardConfig {
        ShardConfig { node, seed: mix(&[self.seed, node.0, life]), ..self.shard.clone() }
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        self.shard.heartbeat_interval
    }

    pub(crate) fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId)
    }

    pub(crate) fn founder_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.founders).map(NodeId)
    }

    pub(crate) fn limits() -> GroupLimits {
        GroupLimits {
            fuel_per_command: FUEL,
            fuel_per_query: FUEL,
            memory_bytes_max: MEMORY_BYTES,
            sessions_max: 8,
            session_commands_max: 16,
            ..GroupLimits::default()
        }
    }
}

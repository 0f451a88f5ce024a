use quorate_vocabulary::NodeId;
use std::time::Duration;

/// How a shard drives its replicas. The same for all replicas of a cluster but for `node` and `seed`.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The node this shard is on.
    pub node: NodeId,
    /// The shortest time without a leader after which a replica campaigns; the longest is twice as long.
    pub election_timeout: Duration,
    /// How often a leader shows that it lives. Also the shard's tick.
    pub heartbeat_interval: Duration,
    /// An entry into which commands are packed is at most this large, in bytes. A larger command has an entry of its own.
    pub entry_bytes_max: usize,
    /// The largest command, in bytes. What carries entries must have room for one of it with its frame.
    pub command_bytes_max: usize,
    /// An entry holds at most this many commands.
    pub entry_commands_max: usize,
    /// An append message carries at most this many bytes of entries, but always one entry.
    pub append_bytes_max: usize,
    /// Append messages on their way to one follower.
    pub inflight_messages_max: usize,
    /// Entries of one group that are proposed and not yet committed. Beyond, commands wait and are packed together.
    pub inflight_entries_max: usize,
    /// Bytes of one group's commands that wait or are not yet committed. Beyond, proposals are refused.
    pub waiting_bytes_max: usize,
    /// Reads of one group that wait for their index.
    pub waiting_reads_max: usize,
    /// Bytes of committed entries handed to apply and not yet applied, of one group. Beyond, entries stay in the log.
    pub applying_bytes_max: usize,
    /// Bytes of entries that one replica keeps in memory; older ones are fetched from disk when they are needed.
    pub log_cache_bytes_max: usize,
    /// Entries kept in the log behind a snapshot, so that a slow follower needs no snapshot.
    pub log_margin_entries: u64,
    /// Where this process' randomness comes from: must differ between nodes and between runs of one node.
    pub seed: u64,
}

impl ShardConfig {
    /// The defaults for a node.
    #[must_use]
    pub fn new(node: NodeId, seed: u64) -> Self {
        const KIB: usize = 1 << 10;
        const MIB: usize = 1 << 20;
        Self {
            node,
            election_timeout: Duration::from_millis(1_000),
            heartbeat_interval: Duration::from_millis(100),
            entry_bytes_max: MIB,
            command_bytes_max: 16 * MIB,
            entry_commands_max: 1_024,
            append_bytes_max: MIB,
            inflight_messages_max: 64,
            inflight_entries_max: 4,
            waiting_bytes_max: 32 * MIB,
            waiting_reads_max: 16 * 1_024,
            applying_bytes_max: 8 * MIB,
            log_cache_bytes_max: 256 * KIB,
            log_margin_entries: 1_024,
            seed,
        }
    }

    /// Whether a shard can be driven by this.
    ///
    /// # Errors
    /// Names the first field that does not fit, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        /// A leader that misses one heartbeat must not be taken for dead.
        const HEARTBEATS_PER_ELECTION_MIN: u32 = 3;
        let refuse = |field, cause| Err(ConfigError { field, cause });
        if self.heartbeat_interval.is_zero() {
            return refuse("heartbeat_interval", "must be longer than nothing");
        }
        if self.election_timeout < self.heartbeat_interval * HEARTBEATS_PER_ELECTION_MIN {
            return refuse("election_timeout", "must be at least three heartbeat intervals");
        }
        for (field, value) in [
            ("entry_bytes_max", self.entry_bytes_max),
            ("command_bytes_max", self.command_bytes_max),
            ("entry_commands_max", self.entry_commands_max),
            ("append_bytes_max", self.append_bytes_max),
            ("inflight_messages_max", self.inflight_messages_max),
            ("inflight_entries_max", self.inflight_entries_max),
            ("waiting_bytes_max", self.waiting_bytes_max),
            ("waiting_reads_max", self.waiting_reads_max),
            ("applying_bytes_max", self.applying_bytes_max),
            ("log_cache_bytes_max", self.log_cache_bytes_max),
        ] {
            if value == 0 {
                return refuse(field, "must be at least 1");
            }
        }
        if self.waiting_bytes_max < self.entry_bytes_max {
            return refuse(
                "waiting_bytes_max",
                "must be at least entry_bytes_max, or the largest command never fits",
            );
        }
        Ok(())
    }
}

/// A configuration that no shard can be driven by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {cause}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub cause: &'static str,
}

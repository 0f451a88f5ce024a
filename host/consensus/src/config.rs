use quorate_vocabulary::NodeId;
use std::time::Duration;

/// How a shard drives its replicas. The same for all replicas of a cluster but for `node` and `seed`.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The node this shard is on.
    pub node: NodeId,
    /// The shortest time without a leader after which a replica campaigns; the longest is half as much again, and twice
    /// as long for one that campaigned in vain.
    pub election_timeout: Duration,
    /// How often a leader shows that it lives. Also the shard's tick.
    pub heartbeat_interval: Duration,
    /// How much shorter than the election timeout a leader's lease is: more than the clocks of two nodes may differ by
    /// after one election timeout. A tenth of it is far more than clocks that work do.
    pub lease_margin: Duration,
    /// A group in which nothing has happened for so long, and whose members have all of its log, sleeps: it costs no ticks
    /// and no messages until something comes for it. None lets no group sleep.
    pub hibernate_after: Option<Duration>,
    /// Groups that wake in one tick because the node of their leader is dead, or another has come back.
    pub wakes_per_tick_max: usize,
    /// An entry into which commands are packed is at most this large, in bytes. A larger command has an entry of its own.
    pub entry_bytes_max: usize,
    /// The largest command, in bytes. What carries entries must have room for one of it with its frame.
    pub command_bytes_max: usize,
    /// An entry holds at most this many commands.
    pub entry_commands_max: usize,
    /// An append message carries at most this many bytes of entries, but always one entry.
    pub append_bytes_max: usize,
    /// Append messages with entries on their way to one follower of one group.
    pub inflight_messages_max: usize,
    /// Bytes of entries on their way to one follower of one group, so that one that is slow or dead costs no more
    /// memory than this. Kept by sending only as many messages as fit if each were as large as may be.
    pub inflight_bytes_max: usize,
    /// Entries of one group that are proposed and not yet committed. Beyond, commands wait and are packed together.
    pub inflight_entries_max: usize,
    /// A learner may become a voter when it lacks at most so many entries.
    pub promotion_lag_entries_max: u64,
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
            lease_margin: Duration::from_millis(100),
            hibernate_after: Some(Duration::from_secs(10)),
            wakes_per_tick_max: 128,
            entry_bytes_max: MIB,
            command_bytes_max: 16 * MIB,
            entry_commands_max: 1_024,
            append_bytes_max: MIB,
            inflight_messages_max: 64,
            inflight_bytes_max: 16 * MIB,
            inflight_entries_max: 4,
            promotion_lag_entries_max: 1_000,
            waiting_bytes_max: 32 * MIB,
            waiting_reads_max: 16 * 1_024,
            applying_bytes_max: 8 * MIB,
            log_cache_bytes_max: 256 * KIB,
            log_margin_entries: 1_024,
            seed,
        }
    }

    /// How many append messages may be on their way to one follower: as many as may by their count and by their bytes,
    /// and at least one. A message has at most `append_bytes_max` bytes, or one entry.
    pub(crate) fn inflight_window(&self) -> usize {
        let message_bytes_max = self.append_bytes_max.max(self.entry_bytes_max).max(1);
        self.inflight_messages_max.min(self.inflight_bytes_max / message_bytes_max).max(1)
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
        if self.lease_margin.is_zero() || self.lease_margin >= self.election_timeout {
            return refuse(
                "lease_margin",
                "must be longer than nothing and shorter than the election timeout",
            );
        }
        for (field, value) in [
            ("entry_bytes_max", self.entry_bytes_max),
            ("wakes_per_tick_max", self.wakes_per_tick_max),
            ("command_bytes_max", self.command_bytes_max),
            ("entry_commands_max", self.entry_commands_max),
            ("append_bytes_max", self.append_bytes_max),
            ("inflight_messages_max", self.inflight_messages_max),
            ("inflight_bytes_max", self.inflight_bytes_max),
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

//! How much the catalog holds at most. Names are bounded by the vocabulary.

/// Nodes of a cluster.
pub const NODES_MAX: usize = 1_000;
/// Published versions of plugins.
pub const PLUGINS_MAX: usize = 10_000;
/// Groups.
pub const GROUPS_MAX: usize = 100_000;
/// Voters of a group.
pub const GROUP_REPLICAS_MAX: usize = 7;
/// Learners of a group.
pub const GROUP_LEARNERS_MAX: usize = 8;
/// Deleted groups that are remembered; older ones are forgotten.
pub const TOMBSTONES_MAX: usize = 10_000;
/// Changes the audit trail remembers; older ones are forgotten.
pub const AUDIT_RECORDS_MAX: usize = 10_000;
/// Upgrades that are remembered of each group; older ones are forgotten.
pub const UPGRADES_MAX: usize = 64;
/// Why an upgrade failed, in bytes; the rest of a longer text is cut.
pub const FAILURE_BYTES_MAX: usize = 1_024;
/// A node's address, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 255;
/// An engine's fingerprint, in bytes.
pub const FINGERPRINT_BYTES_MAX: usize = 1_024;
/// The name of who asked for a change, in bytes.
pub const ACTOR_BYTES_MAX: usize = 255;
/// A version of the contract with plugins, in bytes.
pub const CONTRACT_VERSION_BYTES_MAX: usize = 63;
/// Alarms of a group that are kept.
pub const GROUP_ALARMS_MAX: usize = 8;
/// The longest text of an alarm; the rest of a longer one is cut.
pub const ALARM_BYTES_MAX: usize = 1024;

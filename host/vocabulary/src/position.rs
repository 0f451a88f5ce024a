use serde::{Deserialize, Serialize};

/// Where a command stands in its group's log, the same on every replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The index of the entry.
    pub index: u64,
    /// The command's place in the entry, from 0.
    pub ordinal: u32,
    /// Milliseconds since the Unix epoch as the leader stamped them; never less than at an earlier position.
    pub time_ms: u64,
}

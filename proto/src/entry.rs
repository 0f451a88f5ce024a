//! Entries of a group's raft log as plain Rust values, and the bytes they are kept and sent as (`quorate.log.v1`).

mod configuration;
mod encoding;
mod order;
#[cfg(test)]
mod tests;

use crate::session::SessionCommand;
use bytes::Bytes;
pub use configuration::Configuration;
pub use encoding::ENTRY_FORMAT;
pub use order::{Activation, Order};

/// A digest of the state.
const DIGEST_BYTES: usize = 32;

/// Why bytes are not an entry that this build can apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by another build.
    #[error(
        "the log entry has format {format}, this build reads format {ENTRY_FORMAT}: run the version of Quorate that wrote it, or a newer one"
    )]
    Format {
        /// The format the entry says it has.
        format: u8,
    },
    /// A kind this build does not know.
    #[error(
        "the log entry is of kind {kind}, which this build does not know: run a newer version of Quorate"
    )]
    Kind {
        /// The kind the entry says it is.
        kind: u8,
    },
    /// Bytes that do not read as what they say they are.
    #[error("the log entry is damaged: {cause}")]
    Damaged {
        /// What is wrong with them.
        cause: String,
    },
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPoint {
    /// The index of the entry.
    pub index: u64,
    /// The term of the entry.
    pub term: u64,
}

/// One entry as it is stored and sent: where it stands, and its body as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// An encoded [`EntryBody`].
    pub data: Bytes,
}

impl LogEntry {
    /// Where the entry stands.
    #[must_use]
    pub fn point(&self) -> LogPoint {
        LogPoint { index: self.index, term: self.term }
    }

    /// CRC-32C over index, term and data, kept beside the entry on disk and on the wire.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let place =
            crc32c::crc32c_append(crc32c::crc32c(&self.index.to_le_bytes()), &self.term.to_le_bytes());
        crc32c::crc32c_append(place, &self.data)
    }
}

/// What an entry means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EntryBody {
    /// Nothing: the first entry of a leader's term.
    #[default]
    Empty,
    /// Commands for the machine.
    Commands {
        /// The leader's stamp, in milliseconds since the Unix epoch; never less than in an earlier entry.
        time_ms: u64,
        /// The commands, in order.
        commands: Vec<Bytes>,
    },
    /// Commands of which at least one is of a session or about one.
    SessionCommands {
        /// The leader's stamp.
        time_ms: u64,
        /// The commands, in order.
        commands: Vec<SessionCommand>,
    },
    /// Every replica saves its state here and starts again from what it saved.
    Checkpoint {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// Every replica begins to save its state as of here, on another instance, while commands go on.
    BackgroundCheckpoint {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// Every replica goes on from what it saved as of a checkpoint, with the entries since applied to it again. Does nothing
    /// when that checkpoint is not under way any more.
    TakeOver {
        /// The leader's stamp.
        time_ms: u64,
        /// The index of the checkpoint.
        checkpoint: u64,
    },
    /// Every replica notes the digest of all it has applied, and tells its leader.
    Attest {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// What most replicas have noted. One that has noted something else stops.
    Verdict {
        /// The leader's stamp.
        time_ms: u64,
        /// The entry at which it was noted.
        index: u64,
        /// What was.
        digest: [u8; DIGEST_BYTES],
        /// The last entry before that at which all of them had noted the same; 0: not known.
        agreed: u64,
    },
    /// The members from here on.
    Configuration(Configuration),
    /// The timers of the group that are due fire.
    Timers {
        /// The leader's stamp.
        time_ms: u64,
    },
    /// The group does what an operator has ordered.
    Order {
        /// The leader's stamp.
        time_ms: u64,
        /// What.
        order: Order,
    },
    /// In the log of a witness: an entry whose content it does not hold.
    Withheld {
        /// The kind of that entry, as its header says.
        kind: u8,
    },
}

impl EntryBody {
    /// The stamp of an entry that has one.
    #[must_use]
    pub fn time_ms(&self) -> Option<u64> {
        match self {
            Self::Commands { time_ms, .. }
            | Self::SessionCommands { time_ms, .. }
            | Self::Checkpoint { time_ms }
            | Self::BackgroundCheckpoint { time_ms }
            | Self::TakeOver { time_ms, .. }
            | Self::Attest { time_ms }
            | Self::Verdict { time_ms, .. }
            | Self::Timers { time_ms }
            | Self::Order { time_ms, .. } => Some(*time_ms),
            Self::Empty | Self::Configuration(_) | Self::Withheld { .. } => None,
        }
    }

    /// Whether it is the host's own affair, which nobody waits for and which a leader proposes again if it is lost.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(
            self,
            Self::BackgroundCheckpoint { .. }
                | Self::TakeOver { .. }
                | Self::Attest { .. }
                | Self::Verdict { .. }
        )
    }

    /// The same entry with this stamp, if it is one that has a stamp.
    #[must_use]
    pub fn stamped(mut self, stamp_ms: u64) -> Self {
        match &mut self {
            Self::Commands { time_ms, .. }
            | Self::SessionCommands { time_ms, .. }
            | Self::Checkpoint { time_ms }
            | Self::BackgroundCheckpoint { time_ms }
            | Self::TakeOver { time_ms, .. }
            | Self::Attest { time_ms }
            | Self::Verdict { time_ms, .. }
            | Self::Order { time_ms, .. }
            | Self::Timers { time_ms } => *time_ms = stamp_ms,
            Self::Empty | Self::Configuration(_) | Self::Withheld { .. } => {}
        }
        self
    }
}

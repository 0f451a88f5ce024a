use super::{SessionAnswer, TimerChanges};
use bytes::Bytes;
use quorate_vocabulary::{Member, ReplicaId};
use std::fmt;

/// What one call into a plugin gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The answer.
    pub outcome: Outcome,
    /// What the call burnt; the whole budget when it trapped.
    pub fuel: u64,
    /// What it emitted; empty unless the outcome is a reply.
    pub events: Vec<Event>,
    /// What it did to the timers of the group; nothing unless the outcome is a reply.
    pub timers: TimerChanges,
    /// What it logged, whatever the outcome.
    pub logs: Vec<LogLine>,
}

impl Call {
    /// A call that gave this outcome, burnt no fuel and did nothing else.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, fuel: 0, events: Vec::new(), timers: TimerChanges::new(), logs: Vec::new() }
    }
}

/// How a command, the firing of a timer or a query ended, the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Reply(Bytes),
    /// The plugin refused it; the state is as it was.
    Rejection(Bytes),
    /// The plugin broke; the state is as if it had never run.
    Trapped(Trap),
    /// The plugin was not asked: the group is frozen, after too many traps.
    Frozen,
    /// The plugin was not asked: it was about a session, or of one that does not allow it.
    Session(SessionAnswer),
}

/// How a plugin broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Which way.
    pub kind: TrapKind,
    /// In words, for the plugin's author. Not compared between replicas.
    pub message: String,
}

impl fmt::Display for Trap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

/// The ways a plugin breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrapKind {
    /// It burnt its budget.
    OutOfFuel,
    /// It broke after its memory or table was not let grow.
    OutOfMemory,
    /// It recursed too deep.
    StackOverflow,
    /// It passed a limit of the group: a reply, event, key or value too large, too many of something.
    LimitExceeded,
    /// It called what may not be called there, such as `store.put` in a query.
    NotAllowed,
    /// It executed an instruction that traps: `unreachable` (a panic), a division by zero, an access out of bounds.
    Instruction,
    /// It was not run: the commands before it in its entry of the log gave back all that one entry may.
    EntryFull,
    /// The watchdog ended it. Of queries and callbacks only: for a command that is a [`HostFault`](super::HostFault).
    Watchdog,
}

impl TrapKind {
    /// The stable code of this kind, as digests and the wire hold it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::OutOfFuel => 1,
            Self::OutOfMemory => 2,
            Self::StackOverflow => 3,
            Self::LimitExceeded => 4,
            Self::NotAllowed => 5,
            Self::Instruction => 6,
            Self::Watchdog => 7,
            Self::EntryFull => 8,
        }
    }

    /// The kind that has this code.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        let all = [
            Self::OutOfFuel,
            Self::OutOfMemory,
            Self::StackOverflow,
            Self::LimitExceeded,
            Self::NotAllowed,
            Self::Instruction,
            Self::EntryFull,
            Self::Watchdog,
        ];
        all.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether the verdict may hang on what the instance did before, so that a fresh instance is asked as well.
    #[must_use]
    pub fn depends_on_history(self) -> bool {
        matches!(self, Self::OutOfFuel | Self::OutOfMemory)
    }
}

impl fmt::Display for TrapKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OutOfFuel => "out of fuel",
            Self::OutOfMemory => "out of memory",
            Self::StackOverflow => "stack overflow",
            Self::LimitExceeded => "limit exceeded",
            Self::NotAllowed => "call not allowed here",
            Self::Instruction => "trap",
            Self::Watchdog => "took too long",
            Self::EntryFull => "not run",
        })
    }
}

/// Something a plugin tells those who watch the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub topic: String,
    /// The plugin's bytes.
    pub payload: Bytes,
}

/// A line a plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // The names say it.
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Why `snapshot.save` or `snapshot.load` failed, by the plugin's doing: the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// It answered with an error.
    #[error("the plugin refused: {0}")]
    Refused(String),
    /// It trapped.
    #[error("the plugin trapped: {0}")]
    Trapped(Trap),
}

/// What a plugin that exports `lifecycle` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// This replica leads the group in `term`, and has applied all that was committed before.
    LeaderStart {
        /// The term.
        term: u64,
    },
    /// This replica no longer leads.
    LeaderStop {
        /// The term in which it led.
        term: u64,
    },
    /// This replica follows `leader`.
    StartFollowing {
        /// Whom.
        leader: ReplicaId,
        /// In which term.
        term: u64,
    },
    /// This replica no longer follows `leader`.
    StopFollowing {
        /// Whom it followed.
        leader: ReplicaId,
        /// In which term.
        term: u64,
    },
    /// The members of the group changed.
    ConfigurationCommitted {
        /// By the entry at this index.
        index: u64,
        /// They are these now.
        members: Vec<Member>,
    },
    /// The replica met a fault and applies no more.
    Error {
        /// Which.
        message: String,
    },
    /// The replica is being closed in good order.
    Shutdown,
}

/// What a lifecycle callback gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callback {
    /// Commands it wants proposed; empty when it failed.
    pub proposals: Vec<Bytes>,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// How it broke, if it did. Nothing replicated is touched by that.
    pub failure: Option<Trap>,
}

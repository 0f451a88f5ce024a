use quorate_vocabulary::SessionId;

/// What came of a command about a session, or of one of a session that the machine was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAnswer {
    /// It is open.
    Opened(OpenedSession),
    /// It was used.
    Kept,
    /// It has ended, now or before.
    Closed,
    /// Nothing was done.
    Refused(SessionRefusal),
}

/// A session that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// Its id.
    pub session: SessionId,
    /// It ends when so much of the log's time has passed since it was last used.
    pub timeout_ms: u64,
    /// Commands of it that may wait for the client to say that it has their answers.
    pub commands_max: u64,
}

/// Why nothing was done. The machine was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// There is no such session.
    #[error("the group has no session {session}: it has ended, or never was")]
    Unknown {
        /// Its id.
        session: SessionId,
    },
    /// The group has as many sessions as it may.
    #[error("the group has {max} sessions, as many as it may")]
    TooMany {
        /// How many.
        max: u64,
    },
    /// The time-out that was asked for is none that the group allows.
    #[error("the time-out of a session of this group may be from {min} to {max} milliseconds")]
    Timeout {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// Too many commands of the session wait for the client to say that it has their answers.
    #[error(
        "the client has said of the session's commands before {answered_below} that it has their answers, and may be at most {max} ahead of that"
    )]
    TooFarAhead {
        /// What it has said.
        answered_below: u64,
        /// How many there may be.
        max: u64,
    },
    /// The answers that are kept have as many bytes as they may.
    #[error("{bytes} bytes of answers are kept that clients have not said they have, and there may be {max}")]
    RepliesFull {
        /// How many bytes.
        bytes: u64,
        /// How many there may be.
        max: u64,
    },
    /// The client has said that it has the answer, so it was forgotten.
    #[error(
        "the client has said of all commands of the session before {answered_below} that it has their answers"
    )]
    Answered {
        /// What it has said.
        answered_below: u64,
    },
    /// The sequence number was used for another command.
    #[error("another command of the session had this sequence number")]
    OtherCommand,
}

impl SessionRefusal {
    /// The stable code of this refusal, as digests hold it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Unknown { .. } => 1,
            Self::TooMany { .. } => 2,
            Self::Timeout { .. } => 3,
            Self::TooFarAhead { .. } => 4,
            Self::RepliesFull { .. } => 5,
            Self::Answered { .. } => 6,
            Self::OtherCommand => 7,
        }
    }
}

//! Commands of sessions, and about them, as entries of the log hold them.

use crate::{entry::EntryError, log::v1 as wire};
use bytes::Bytes;
use quorate_vocabulary::SessionId;

/// A command of an entry that has to do with sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCommand {
    /// For the machine, of no session.
    Plain(Bytes),
    /// For the machine, to be applied once however often it is in the log.
    Once {
        /// Which one it is.
        ticket: Ticket,
        /// The bytes for the machine.
        command: Bytes,
    },
    /// A session begins.
    Open {
        /// It ends when so much of the log's time has passed since it was last used, in milliseconds.
        timeout_ms: u64,
    },
    /// A session is used, without a command.
    Keep {
        /// Which one.
        session: SessionId,
        /// As in [`Ticket`].
        answered_below: u64,
    },
    /// A session ends, if it has not.
    Close {
        /// Which one.
        session: SessionId,
    },
}

/// Which command of a session one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The session.
    pub session: SessionId,
    /// Which of its commands, counted from 1.
    pub sequence: u64,
    /// The client has the answers of all commands of the session before this one, so they need not be kept. At most
    /// `sequence`.
    pub answered_below: u64,
}

/// What protobuf adds to such a command at most: its frame and that of the command within, the session, two numbers.
pub(crate) const SESSION_FRAME_BYTES_MAX: usize = 80;

impl SessionCommand {
    /// The bytes for the machine; none when it is about a session.
    #[must_use]
    pub fn command(&self) -> Option<&Bytes> {
        match self {
            Self::Plain(command) | Self::Once { command, .. } => Some(command),
            Self::Open { .. } | Self::Keep { .. } | Self::Close { .. } => None,
        }
    }

    /// How many these bytes are.
    #[must_use]
    pub fn command_bytes(&self) -> usize {
        self.command().map_or(0, Bytes::len)
    }
}

impl From<SessionId> for wire::SessionId {
    fn from(SessionId { term, number }: SessionId) -> Self {
        Self { term, number }
    }
}

fn session(id: Option<wire::SessionId>) -> Result<SessionId, EntryError> {
    let wire::SessionId { term, number } = id.ok_or_else(|| damaged("a command of no session"))?;
    Ok(SessionId { term, number })
}

fn damaged(cause: &str) -> EntryError {
    EntryError::Damaged { cause: cause.into() }
}

impl From<&SessionCommand> for wire::SessionCommand {
    fn from(command: &SessionCommand) -> Self {
        use wire::session_command::What;
        let what = match command {
            SessionCommand::Plain(command) => What::Plain(command.clone()),
            SessionCommand::Once { ticket: Ticket { session, sequence, answered_below }, command } => {
                What::Once(wire::CommandOnce {
                    session: Some((*session).into()),
                    sequence: *sequence,
                    answered_below: *answered_below,
                    command: command.clone(),
                })
            }
            SessionCommand::Open { timeout_ms } => What::Open(wire::OpenSession { timeout_ms: *timeout_ms }),
            SessionCommand::Keep { session, answered_below } => What::Keep(wire::KeepSession {
                session: Some((*session).into()),
                answered_below: *answered_below,
            }),
            SessionCommand::Close { session } => {
                What::Close(wire::CloseSession { session: Some((*session).into()) })
            }
        };
        Self { what: Some(what) }
    }
}

impl TryFrom<wire::SessionCommand> for SessionCommand {
    type Error = EntryError;

    fn try_from(message: wire::SessionCommand) -> Result<Self, EntryError> {
        use wire::session_command::What;
        let unknown = || damaged("a command of a kind that this build does not know");
        Ok(match message.what.ok_or_else(unknown)? {
            What::Plain(command) => Self::Plain(command),
            What::Once(wire::CommandOnce { session: id, sequence, answered_below, command }) => {
                Self::Once { ticket: Ticket { session: session(id)?, sequence, answered_below }, command }
            }
            What::Open(wire::OpenSession { timeout_ms }) => Self::Open { timeout_ms },
            What::Keep(wire::KeepSession { session: id, answered_below }) => {
                Self::Keep { session: session(id)?, answered_below }
            }
            What::Close(wire::CloseSession { session: id }) => Self::Close { session: session(id)? },
        })
    }
}

//! Sessions of clients: opened, used and closed by entries of the group's log.

use super::{core::Core, handle::Deadline};
use crate::RequestError;
use quorate_consensus::SessionCommand;
use quorate_replica::ports::{OpenedSession, Outcome, SessionAnswer};
use quorate_vocabulary::{GroupId, SessionId};

impl Core {
    /// Opens a session.
    pub(super) async fn open_session(
        &self,
        group: GroupId,
        timeout_ms: u64,
        deadline: Deadline,
    ) -> Result<OpenedSession, RequestError> {
        match self.change_session(group, SessionCommand::Open { timeout_ms }, deadline).await? {
            SessionAnswer::Opened(opened) => Ok(opened),
            other => Err(unexpected(&other)),
        }
    }

    /// Uses a session, and takes down which answers its client has.
    pub(super) async fn keep_session(
        &self,
        group: GroupId,
        session: SessionId,
        answered_below: u64,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.change_session(group, SessionCommand::Keep { session, answered_below }, deadline).await.map(drop)
    }

    /// Ends a session.
    pub(super) async fn close_session(
        &self,
        group: GroupId,
        session: SessionId,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        self.change_session(group, SessionCommand::Close { session }, deadline).await.map(drop)
    }

    async fn change_session(
        &self,
        group: GroupId,
        command: SessionCommand,
        deadline: Deadline,
    ) -> Result<SessionAnswer, RequestError> {
        let replica = self.replica(group)?;
        match self.propose(&replica, command, deadline).await?.outcome {
            Outcome::Session(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &impl std::fmt::Debug) -> RequestError {
    RequestError::Internal { why: format!("a session was answered with {answer:?}") }
}

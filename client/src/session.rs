//! Commands that are applied once, however often they are submitted.

use crate::{Client, ClientError, Submitted, attempt::Attempt, retry::Repeat};
use bytes::Bytes;
use quorate_proto::v1::{
    CloseSessionRequest, KeepSessionRequest, OpenSessionRequest, SessionId, SubmitRequest, Ticket,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// A client's identity within a group: the group applies each command of it once, so that a command whose answer is lost is
/// submitted again until there is an answer.
///
/// Commands may be submitted at the same time, and are applied in the order in which they reach the group's log. A session
/// ends when it was not used for as long as its time-out says: see [`Session::keep_alive`]. Once it has ended, commands fail
/// with `SESSION_EXPIRED`, and nothing is applied.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    group: String,
    id: SessionId,
    timeout: Duration,
    commands_max: u64,
    sequences: Mutex<Sequences>,
    /// A sequence is done.
    done: Notify,
}

#[derive(Debug)]
struct Sequences {
    next: u64,
    /// Those that are not done.
    pending: BTreeSet<u64>,
}

/// A command of a session, to be submitted until its outcome is known. Dropped before that, its answer is given up.
#[derive(Debug)]
pub struct OnceCommand {
    shared: Arc<Shared>,
    sequence: u64,
    command: Bytes,
    may_be_done: bool,
}

impl Sequences {
    fn answered_below(&self) -> u64 {
        self.pending.first().copied().unwrap_or(self.next)
    }

    /// The next sequence, unless it is too far ahead of what is not done.
    fn take(&mut self, commands_max: u64) -> Option<u64> {
        if self.next - self.answered_below() >= commands_max {
            return None;
        }
        let sequence = self.next;
        self.next += 1;
        self.pending.insert(sequence);
        Some(sequence)
    }
}

impl Shared {
    fn sequences(&self) -> MutexGuard<'_, Sequences> {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> u64 {
        loop {
            let done = self.done.notified();
            if let Some(sequence) = self.sequences().take(self.commands_max) {
                return sequence;
            }
            done.await;
        }
    }
}

impl Client {
    /// Opens a session of a group (`tenant/name`), which ends when it was not used for so long (whole milliseconds; a second
    /// or more, and as much as the group allows).
    ///
    /// # Errors
    /// When none was opened in time, or the group has as many as it may.
    pub async fn open_session(&self, group: &str, timeout: Duration) -> Result<Session, ClientError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        let request = OpenSessionRequest { group: group.to_owned(), timeout_ms };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.commands().open_session(request).await }
        };
        // One that was opened by an attempt whose answer is lost ends by itself.
        let opened = self.call(self.at_leader(group, Repeat::Harmless), run).await?.into_inner();
        let nothing = || ClientError::unexpected("the node has opened a session without an id");
        let shared = Shared {
            client: self.clone(),
            group: group.to_owned(),
            id: opened.session.ok_or_else(nothing)?,
            timeout: Duration::from_millis(opened.timeout_ms),
            commands_max: opened.commands_max.max(1),
            sequences: Mutex::new(Sequences { next: 1, pending: BTreeSet::new() }),
            done: Notify::new(),
        };
        Ok(Session { shared: Arc::new(shared) })
    }
}

impl Session {
    /// Submits a command, again and again until its outcome is known or the client's deadline is over.
    ///
    /// # Errors
    /// When it was not applied; or when nobody could tell in time, which [`ClientError::outcome_unknown`] tells. To go on asking
    /// after that, use [`Session::command`].
    pub async fn submit(&self, command: impl Into<Bytes>) -> Result<Submitted, ClientError> {
        self.command(command).await.submit().await
    }

    /// Gives a command its place, once fewer wait than the group allows.
    pub async fn command(&self, command: impl Into<Bytes>) -> OnceCommand {
        let sequence = self.shared.take().await;
        OnceCommand { shared: self.shared.clone(), sequence, command: command.into(), may_be_done: false }
    }

    /// Uses the session without a command, so that it does not end. Every command does as much.
    ///
    /// # Errors
    /// When it has ended, or nobody answered in time.
    pub async fn keep_alive(&self) -> Result<(), ClientError> {
        let Shared { client, group, id, .. } = &*self.shared;
        let answered_below = self.shared.sequences().answered_below();
        let request = KeepSessionRequest { group: group.clone(), session: Some(*id), answered_below };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.commands().keep_session(request).await }
        };
        client.call(client.at_leader(group, Repeat::Harmless), run).await.map(drop)
    }

    /// Ends the session. Commands of it that are still on their way are not applied any more.
    ///
    /// # Errors
    /// When nobody answered in time; then it ends by itself.
    pub async fn close(self) -> Result<(), ClientError> {
        let Shared { client, group, id, .. } = &*self.shared;
        let request = CloseSessionRequest { group: group.clone(), session: Some(*id) };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.commands().close_session(request).await }
        };
        client.call(client.at_leader(group, Repeat::Harmless), run).await.map(drop)
    }

    /// Its id, as logs and tickets name it: the term in which it was opened, and its number.
    #[must_use]
    pub fn id(&self) -> (u64, u64) {
        (self.shared.id.term, self.shared.id.number)
    }

    /// It ends when it was not used for so long.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.shared.timeout
    }
}

impl OnceCommand {
    /// Which of the session's commands it is, counted from 1.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Submits the command, again and again until its outcome is known or the client's deadline is over. May be called again
    /// after an error that says that the outcome is not known.
    ///
    /// # Errors
    /// When it was not applied; or when nobody could tell in time, which [`ClientError::outcome_unknown`] tells.
    pub async fn submit(&mut self) -> Result<Submitted, ClientError> {
        let Shared { client, group, id, .. } = &*self.shared;
        let (sequence, command) = (self.sequence, self.command.clone());
        let run = |attempt: Attempt| {
            let answered_below = self.shared.sequences().answered_below().min(sequence);
            let request = attempt.request(SubmitRequest {
                group: group.clone(),
                command: command.clone(),
                ticket: Some(Ticket { session: Some(*id), sequence, answered_below }),
            });
            async move { attempt.commands().submit(request).await }
        };
        let repeat = Repeat::InSession { may_be_done: self.may_be_done };
        let answered = client.call(client.at_leader(group, repeat), run).await;
        let answered = answered.and_then(|answer| Submitted::try_from(answer.into_inner()));
        self.may_be_done = answered.as_ref().is_err_and(ClientError::outcome_unknown);
        answered
    }
}

impl Drop for OnceCommand {
    fn drop(&mut self) {
        self.shared.sequences().pending.remove(&self.sequence);
        self.shared.done.notify_waiters();
    }
}

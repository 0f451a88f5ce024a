//! The sessions of a group: what makes a command that is sent again be applied once.

mod answer;
mod rows;
mod session;
#[cfg(test)]
mod tests;

pub use answer::{OpenedSession, SessionAnswer, SessionRefusal};
pub use rows::SessionRows;
pub(crate) use session::Kept;

use super::GroupLimits;
use quorate_proto::session::Ticket;
use quorate_vocabulary::SessionId;
use session::Session;
use std::{collections::BTreeMap, sync::Arc};

/// The shortest time-out of a session.
pub const SESSION_TIMEOUT_MS_MIN: u64 = 1_000;
/// The table is in so many parts: an entry copies those that it changes.
const PARTS: u64 = 64;

type Part = BTreeMap<SessionId, Arc<Session>>;

/// The sessions of a group, with the answers that their clients may still ask for.
///
/// Replicated state: it stands in every snapshot, and beside a store machine's keys on disk, in rows of its own. Cheap to
/// clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// How many were ever opened.
    opened: u64,
    /// None when there is no session.
    table: Option<Arc<Table>>,
}

#[derive(Clone, Debug)]
struct Table {
    parts: Vec<Arc<Part>>,
    sessions: u64,
    /// Bytes of the answers that all of them keep.
    reply_bytes: u64,
    /// None of them ends before this; how much later one does hangs on when this was last looked up.
    none_ends_before_ms: u64,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Table {}

impl Default for Table {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Arc::default()).collect();
        Self { parts, sessions: 0, reply_bytes: 0, none_ends_before_ms: u64::MAX }
    }
}

/// What is to be done with a command of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The machine is to be asked, and what it answers to be kept.
    Apply,
    /// It was asked before, and answered this.
    Repeat(Kept),
    /// Nothing.
    Refused(SessionRefusal),
}

fn place(session: SessionId) -> usize {
    usize::try_from(session.number % PARTS).unwrap_or(0)
}

impl Table {
    fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.parts.get(place(id))?.get(&id)
    }

    fn part(&mut self, id: SessionId) -> Option<&mut Part> {
        self.parts.get_mut(place(id)).map(Arc::make_mut)
    }

    fn all(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.parts.iter().flat_map(|part| part.iter().map(|(id, session)| (*id, session.as_ref())))
    }

    fn insert(&mut self, id: SessionId, session: Session) {
        self.none_ends_before_ms = self.none_ends_before_ms.min(session.ends_ms());
        self.reply_bytes = self.reply_bytes.saturating_add(session.reply_bytes);
        self.sessions += 1;
        if let Some(part) = self.part(id) {
            part.insert(id, Arc::new(session));
        }
    }

    fn remove(&mut self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.part(id)?.remove(&id)?;
        self.sessions -= 1;
        self.reply_bytes = self.reply_bytes.saturating_sub(session.reply_bytes);
        Some(session)
    }

    /// Changes a session, and keeps count of what all of them keep.
    fn change<T>(&mut self, id: SessionId, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let session = Arc::make_mut(self.part(id)?.get_mut(&id)?);
        let before = session.reply_bytes;
        let value = change(session);
        let after = session.reply_bytes;
        self.reply_bytes = self.reply_bytes.saturating_sub(before).saturating_add(after);
        Some(value)
    }
}

impl Sessions {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.table.as_ref().map_or(0, |table| table.sessions)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the answers that are kept.
    #[must_use]
    pub fn reply_bytes(&self) -> u64 {
        self.table.as_ref().map_or(0, |table| table.reply_bytes)
    }

    /// How many were ever opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// None, of a group that has opened so many.
    pub(crate) fn none_of(opened: u64) -> Self {
        Self { opened, table: None }
    }

    /// What stands in the encoding of a point: all but the rows.
    #[must_use]
    pub fn without_rows(&self) -> Self {
        Self::none_of(self.opened)
    }

    fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.table.as_ref()?.get(id)
    }

    fn table(&mut self) -> &mut Table {
        Arc::make_mut(self.table.get_or_insert_default())
    }

    /// Those whose time is over end.
    pub(crate) fn expire(&mut self, time_ms: u64, rows: &mut SessionRows) {
        if self.table.as_ref().is_none_or(|table| time_ms < table.none_ends_before_ms) {
            return;
        }
        let over = |(id, session): (SessionId, &Session)| (session.ends_ms() <= time_ms).then_some(id);
        let over: Vec<SessionId> = self.table().all().filter_map(over).collect();
        for id in over {
            self.end(id, rows);
        }
        if self.table.is_some() {
            let table = self.table();
            table.none_ends_before_ms =
                table.all().map(|(_, session)| session.ends_ms()).min().unwrap_or(u64::MAX);
        }
    }

    fn end(&mut self, id: SessionId, rows: &mut SessionRows) {
        if self.get(id).is_none() {
            return;
        }
        if let Some(session) = self.table().remove(id) {
            rows.removed(id, &session);
        }
        if self.is_empty() {
            self.table = None;
        }
    }

    /// One begins, by an entry of this term and time.
    pub(crate) fn open(
        &mut self,
        (term, time_ms): (u64, u64),
        timeout_ms: u64,
        limits: &GroupLimits,
        rows: &mut SessionRows,
    ) -> SessionAnswer {
        let (min, max) = (SESSION_TIMEOUT_MS_MIN, limits.session_timeout_ms_max);
        if !(min..=max).contains(&timeout_ms) {
            return SessionAnswer::Refused(SessionRefusal::Timeout { min, max });
        }
        if self.len() >= limits.sessions_max {
            return SessionAnswer::Refused(SessionRefusal::TooMany { max: limits.sessions_max });
        }
        self.opened += 1;
        let id = SessionId { term, number: self.opened };
        let session = Session::new(timeout_ms, time_ms);
        rows.changed(id, &session);
        self.table().insert(id, session);
        SessionAnswer::Opened(OpenedSession {
            session: id,
            timeout_ms,
            commands_max: limits.session_commands_max,
        })
    }

    /// One is used, without a command.
    pub(crate) fn keep(
        &mut self,
        session: SessionId,
        answered_below: u64,
        time_ms: u64,
        rows: &mut SessionRows,
    ) -> SessionAnswer {
        if self.touch(session, answered_below, time_ms, rows) {
            SessionAnswer::Kept
        } else {
            SessionAnswer::Refused(SessionRefusal::Unknown { session })
        }
    }

    /// One ends.
    pub(crate) fn close(&mut self, session: SessionId, rows: &mut SessionRows) -> SessionAnswer {
        self.end(session, rows);
        SessionAnswer::Closed
    }

    /// Whether it is there.
    fn touch(&mut self, id: SessionId, answered_below: u64, time_ms: u64, rows: &mut SessionRows) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let touched = self.table().change(id, |session| {
            session.touch(time_ms);
            for sequence in session.answered(answered_below) {
                rows.forgotten(id, sequence);
            }
            rows.changed(id, session);
        });
        touched.is_some()
    }

    /// A command of a session has its turn, by an entry of this time. `fingerprint` is a number for its bytes.
    pub(crate) fn begin(
        &mut self,
        ticket: &Ticket,
        fingerprint: u32,
        time_ms: u64,
        limits: &GroupLimits,
        rows: &mut SessionRows,
    ) -> Turn {
        let Ticket { session: id, sequence, answered_below } = *ticket;
        // Nobody has the answer of a command that is yet to come.
        if !self.touch(id, answered_below.min(sequence), time_ms, rows) {
            return Turn::Refused(SessionRefusal::Unknown { session: id });
        }
        let group_bytes = self.reply_bytes();
        let Some(session) = self.get(id) else {
            return Turn::Refused(SessionRefusal::Unknown { session: id });
        };
        let answered_below = session.answered_below;
        if let Some(kept) = session.replies.get(&sequence) {
            return if kept.fingerprint == fingerprint {
                Turn::Repeat(kept.clone())
            } else {
                Turn::Refused(SessionRefusal::OtherCommand)
            };
        }
        if sequence < answered_below {
            return Turn::Refused(SessionRefusal::Answered { answered_below });
        }
        let max = limits.session_commands_max;
        if sequence - answered_below >= max {
            return Turn::Refused(SessionRefusal::TooFarAhead { answered_below, max });
        }
        let bounds = [
            (session.reply_bytes, limits.session_reply_bytes_max),
            (group_bytes, limits.sessions_reply_bytes_max),
        ];
        match bounds.into_iter().find(|(bytes, max)| bytes >= max) {
            Some((bytes, max)) => Turn::Refused(SessionRefusal::RepliesFull { bytes, max }),
            None => Turn::Apply,
        }
    }

    /// The machine has answered a command of a session.
    pub(crate) fn answered(&mut self, ticket: &Ticket, kept: Kept, rows: &mut SessionRows) {
        let Ticket { session: id, sequence, .. } = *ticket;
        rows.kept(id, sequence, &kept);
        self.table().change(id, |session| session.keep(sequence, kept));
    }
}

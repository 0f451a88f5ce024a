//! The sessions of a group while one entry is applied.

use crate::{
    ports::{AppliedPoint, Call, GroupLimits, Kept, Outcome, SessionAnswer, SessionRows, Sessions, Turn},
    replica::Repeat,
    task::Task,
};
use bytes::Bytes;
use quorate_proto::session::SessionCommand;
use quorate_vocabulary::Position;

/// What an entry does to sessions.
#[derive(Default)]
pub(crate) struct EntrySessions {
    term: u64,
    time_ms: u64,
    rows: SessionRows,
    repeats: Vec<Repeat>,
}

impl EntrySessions {
    /// Begins an entry, which this is the point of: the sessions whose time is over by then have ended.
    pub(crate) fn begin(point: &mut AppliedPoint) -> Self {
        let AppliedPoint { term, time_ms, sessions, .. } = point;
        let mut rows = SessionRows::default();
        sessions.expire(*time_ms, &mut rows);
        Self { term: *term, time_ms: *time_ms, rows, repeats: Vec::new() }
    }

    /// What comes of a task that the machine is not to be asked for. `ordinal` is its place in the entry.
    pub(crate) fn answer(
        &mut self,
        sessions: &mut Sessions,
        limits: &GroupLimits,
        task: &Task,
        ordinal: u32,
    ) -> Option<Call> {
        let outcome = match task {
            Task::Command(_) | Task::Timer(_) => return None,
            Task::Session(about) => Outcome::Session(self.about(sessions, limits, about)?),
            Task::Once(ticket, command) => {
                let fingerprint = fingerprint(command);
                match sessions.begin(ticket, fingerprint, self.time_ms, limits, &mut self.rows) {
                    Turn::Apply => return None,
                    Turn::Repeat(kept) => {
                        self.repeats.push(Repeat { ordinal, first: kept.position });
                        kept.outcome()
                    }
                    Turn::Refused(refusal) => Outcome::Session(SessionAnswer::Refused(refusal)),
                }
            }
        };
        Some(Call::of(outcome))
    }

    fn about(
        &mut self,
        sessions: &mut Sessions,
        limits: &GroupLimits,
        about: &SessionCommand,
    ) -> Option<SessionAnswer> {
        let (term, time_ms, rows) = (self.term, self.time_ms, &mut self.rows);
        match about {
            SessionCommand::Open { timeout_ms } => {
                Some(sessions.open((term, time_ms), *timeout_ms, limits, rows))
            }
            SessionCommand::Keep { session, answered_below } => {
                Some(sessions.keep(*session, *answered_below, time_ms, rows))
            }
            SessionCommand::Close { session } => Some(sessions.close(*session, rows)),
            SessionCommand::Plain(_) | SessionCommand::Once { .. } => None,
        }
    }

    /// The machine was asked for this command, and answered.
    pub(crate) fn keep(
        &mut self,
        sessions: &mut Sessions,
        task: &Task,
        position: Position,
        outcome: &Outcome,
    ) {
        let Task::Once(ticket, command) = task else { return };
        if let Some(kept) = Kept::of(position, fingerprint(command), outcome) {
            sessions.answered(ticket, kept, &mut self.rows);
        }
    }

    /// The rows that changed, and the commands that were applied before.
    pub(crate) fn finish(self) -> (SessionRows, Vec<Repeat>) {
        (self.rows, self.repeats)
    }
}

/// A number that tells commands apart that a client has given the same sequence by mistake.
fn fingerprint(command: &Bytes) -> u32 {
    crc32c::crc32c(command)
}

//! What must come of commands of sessions, by somebody who is not the room that is tested.

use quorate_consensus::{SessionCommand, Ticket};
use quorate_replica::ports::{Call, Outcome, SessionAnswer, SessionRefusal};
use quorate_vocabulary::SessionId;
use std::collections::BTreeMap;

/// The sessions of one group.
#[derive(Debug, Default)]
pub(super) struct SessionModel {
    open: BTreeMap<SessionId, Open>,
    given: Vec<SessionId>,
}

#[derive(Debug)]
struct Open {
    timeout_ms: u64,
    used_ms: u64,
    answered_below: u64,
    /// What came of the commands that were applied, also of those whose answers are forgotten.
    applied: BTreeMap<u64, Outcome>,
}

fn refused(call: &Call) -> Option<SessionRefusal> {
    match call.outcome {
        Outcome::Session(SessionAnswer::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

impl SessionModel {
    /// Whether the machine must not have been asked for this command, by an entry of this time; says what is wrong with what
    /// came of it.
    pub(super) fn is_spared(
        &mut self,
        command: &SessionCommand,
        time_ms: u64,
        call: &Call,
    ) -> Result<bool, String> {
        self.open.retain(|_, open| time_ms <= open.used_ms + open.timeout_ms);
        match command {
            SessionCommand::Plain(_) => Ok(false),
            SessionCommand::Open { timeout_ms } => self.opened(*timeout_ms, time_ms, call).map(|()| true),
            SessionCommand::Close { session } => {
                self.open.remove(session);
                Ok(true)
            }
            SessionCommand::Keep { session, answered_below } => {
                self.used(*session, *answered_below, time_ms, call)?;
                Ok(true)
            }
            SessionCommand::Once { ticket, .. } => self.once(ticket, time_ms, call),
        }
    }

    fn opened(&mut self, timeout_ms: u64, time_ms: u64, call: &Call) -> Result<(), String> {
        let Outcome::Session(SessionAnswer::Opened(opened)) = &call.outcome else {
            return match refused(call) {
                Some(SessionRefusal::TooMany { max }) if self.open.len() as u64 == max => Ok(()),
                _ => Err(format!("{} sessions are open, and another: {:?}", self.open.len(), call.outcome)),
            };
        };
        if self.given.contains(&opened.session) {
            return Err(format!("session {} is opened again", opened.session));
        }
        self.given.push(opened.session);
        let open = Open { timeout_ms, used_ms: time_ms, answered_below: 1, applied: BTreeMap::new() };
        self.open.insert(opened.session, open);
        Ok(())
    }

    /// The session, if it is open.
    fn used(
        &mut self,
        session: SessionId,
        answered_below: u64,
        time_ms: u64,
        call: &Call,
    ) -> Result<Option<&mut Open>, String> {
        let is_unknown = matches!(refused(call), Some(SessionRefusal::Unknown { .. }));
        let Some(open) = self.open.get_mut(&session) else {
            let is_told = is_unknown.then_some(None);
            return is_told.ok_or_else(|| format!("session {session} is over, and: {:?}", call.outcome));
        };
        if is_unknown {
            return Err(format!("session {session} is open, and was refused as unknown"));
        }
        open.used_ms = open.used_ms.max(time_ms);
        open.answered_below = open.answered_below.max(answered_below);
        Ok(Some(open))
    }

    fn once(&mut self, ticket: &Ticket, time_ms: u64, call: &Call) -> Result<bool, String> {
        let Ticket { session, sequence, answered_below } = *ticket;
        let Some(open) = self.used(session, answered_below.min(sequence), time_ms, call)? else {
            return Ok(true);
        };
        let which = || format!("command {sequence} of session {session}");
        match (refused(call), open.applied.get(&sequence)) {
            (Some(SessionRefusal::Answered { .. }), _) if sequence < open.answered_below => Ok(true),
            (Some(SessionRefusal::TooFarAhead { max, .. }), None)
                if sequence - open.answered_below.min(sequence) >= max =>
            {
                Ok(true)
            }
            (Some(refusal), _) => Err(format!("{} was refused: {refusal}", which())),
            (None, Some(known)) if *known == call.outcome => Ok(true),
            (None, Some(known)) => {
                Err(format!("{} came to {known:?}, and again to {:?}", which(), call.outcome))
            }
            (None, None) if sequence < open.answered_below => {
                Err(format!("{} was answered before, and is applied", which()))
            }
            (None, None) => {
                open.applied.insert(sequence, call.outcome.clone());
                Ok(false)
            }
        }
    }
}

//! Clients with sessions: what they ask for they ask for again, at once, later, and at other nodes.

use crate::{
    checks::{Invariant, number},
    cluster::Simulation,
    history::Place,
};
use bytes::Bytes;
use quorate_consensus::{Input, RequestId, SessionCommand, Ticket};
use quorate_replica::ports::{Call, Outcome, SessionAnswer, SessionRefusal};
use quorate_vocabulary::{GroupId, NodeId, SessionId};
use std::collections::BTreeMap;

/// Sessions of one group at a time.
const SESSIONS_MAX: usize = 3;
/// Commands that are done and may still be repeated.
const DONE_MAX: usize = 4;
/// How far a session goes ahead of what it has not heard of.
const AHEAD_MAX: u64 = 12;
/// Time-outs of sessions, in milliseconds: some that end in the midst of it.
const TIMEOUTS_MS: [u64; 3] = [1_500, 6_000, 600_000];

/// What clients with sessions know.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<GroupId, Vec<ClientSession>>,
    opening: BTreeMap<RequestId, GroupId>,
    attempts: BTreeMap<RequestId, Attempt>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    session: SessionId,
    sequence: u64,
}

#[derive(Debug)]
struct ClientSession {
    id: SessionId,
    next: u64,
    commands: BTreeMap<u64, OnceAsked>,
}

/// A command, whose answer is known or not.
#[derive(Debug)]
struct OnceAsked {
    command: Bytes,
    place: Place,
    /// All up to here was finished when it was asked first.
    floor: u64,
    value: Option<i64>,
}

impl ClientSession {
    fn answered_below(&self) -> u64 {
        let pending = self.commands.iter().find(|(_, asked)| asked.value.is_none());
        pending.map_or(self.next, |(sequence, _)| *sequence)
    }

    /// Those that are done and too many will not be repeated.
    fn forget(&mut self) {
        let done = self.commands.iter().filter(|(_, asked)| asked.value.is_some());
        let done: Vec<u64> = done.map(|(sequence, _)| *sequence).collect();
        for sequence in &done[..done.len().saturating_sub(DONE_MAX)] {
            self.commands.remove(sequence);
        }
    }
}

impl Sessions {
    fn get(&mut self, group: GroupId, id: SessionId) -> Option<&mut ClientSession> {
        self.open.get_mut(&group)?.iter_mut().find(|session| session.id == id)
    }

    fn end(&mut self, group: GroupId, id: SessionId) {
        if let Some(open) = self.open.get_mut(&group) {
            open.retain(|session| session.id != id);
        }
    }

    /// Nobody will answer this request.
    pub(crate) fn lost(&mut self, request: RequestId) {
        self.opening.remove(&request);
        self.attempts.remove(&request);
    }

    /// A group goes on from what its survivors have: clients begin with new sessions.
    pub(crate) fn end_era(&mut self, group: GroupId) {
        self.open.remove(&group);
    }

    /// The commands of a group of which no answer is known.
    fn unresolved(&self, group: GroupId) -> Vec<(SessionId, u64)> {
        let open = self.open.get(&group).into_iter().flatten();
        let pending = open.flat_map(|session| {
            let pending = session.commands.iter().filter(|(_, asked)| asked.value.is_none());
            pending.map(|(sequence, _)| (session.id, *sequence))
        });
        pending.collect()
    }
}

impl Simulation {
    /// A client with a session does something: a new command, one again, or something about the session.
    pub(super) fn use_session(&mut self, group: GroupId) {
        let Some(node) = self.session_target(group) else { return };
        if group.is_catalog() {
            return;
        }
        let sessions = self.sessions.open.get(&group).map_or(0, Vec::len);
        let what = self.random.sessions.below(100);
        if sessions == 0 || (what < 10 && sessions < SESSIONS_MAX) {
            return self.open_session(node, group);
        }
        let place = usize::try_from(self.random.sessions.below(sessions as u64)).unwrap_or(0);
        let Some(id) = self.sessions.open.get(&group).and_then(|open| Some(open.get(place)?.id)) else {
            return;
        };
        match what {
            0..55 => self.submit_once(node, group, id),
            55..94 => self.submit_again(node, group, id),
            94..97 => {
                self.tell_about(node, group, SessionCommand::Keep { session: id, answered_below: 0 });
            }
            97 => {
                self.sessions.end(group, id);
                self.tell_about(node, group, SessionCommand::Close { session: id });
            }
            // Of a session that nobody has opened.
            _ => {
                let session = SessionId { term: id.term + 1, ..id };
                self.attempt(
                    node,
                    group,
                    Ticket { session, sequence: 1, answered_below: 0 },
                    "add k0 1".into(),
                );
            }
        }
    }

    fn session_target(&mut self, group: GroupId) -> Option<NodeId> {
        let holders: Vec<NodeId> = self.holders(group).into_iter().collect();
        let other = self.random.sessions.pick(&holders);
        let leader = self.leader_of(group).filter(|_| self.random.sessions.chance(850));
        leader.or(other)
    }

    fn open_session(&mut self, node: NodeId, group: GroupId) {
        let timeout_ms = self.random.sessions.pick(&TIMEOUTS_MS).unwrap_or(TIMEOUTS_MS[0]);
        let request = self.tell_about(node, group, SessionCommand::Open { timeout_ms });
        self.sessions.opening.insert(request, group);
    }

    fn tell_about(&mut self, node: NodeId, group: GroupId, command: SessionCommand) -> RequestId {
        let request = self.request(node);
        self.tell(node, [Input::ProposeInSession { group, request, command }]);
        request
    }

    fn submit_once(&mut self, node: NodeId, group: GroupId, id: SessionId) {
        let key = self.key(group);
        let floor = self.checks.finished(group);
        self.amounts += 1;
        // The amount tells the command from all others.
        let amount = i64::try_from(SESSION_AMOUNTS + self.amounts).unwrap_or(i64::MAX);
        let Some(session) = self.sessions.get(group, id) else { return };
        if session.next - session.answered_below() >= AHEAD_MAX {
            return self.submit_again(node, group, id);
        }
        let sequence = session.next;
        session.next += 1;
        let command = Bytes::from(format!("add k{key} {amount}"));
        let place = self.history.begin((group, key), amount);
        session.commands.insert(sequence, OnceAsked { command: command.clone(), place, floor, value: None });
        let answered_below = session.answered_below();
        session.forget();
        self.attempt(node, group, Ticket { session: id, sequence, answered_below }, command);
    }

    fn submit_again(&mut self, node: NodeId, group: GroupId, id: SessionId) {
        let Some(session) = self.sessions.get(group, id) else { return };
        let sequences: Vec<u64> = session.commands.keys().copied().collect();
        let Some(sequence) = self.random.sessions.pick(&sequences) else { return };
        let is_late = self.random.sessions.chance(300);
        self.repeat(node, group, id, sequence, is_late);
    }

    /// The same command again; one that was on its way for long says what was true then.
    fn repeat(&mut self, node: NodeId, group: GroupId, id: SessionId, sequence: u64, is_late: bool) {
        let Some(session) = self.sessions.get(group, id) else { return };
        let Some(command) = session.commands.get(&sequence).map(|asked| asked.command.clone()) else {
            return;
        };
        let answered_below = if is_late { 0 } else { session.answered_below().min(sequence) };
        self.coverage.commands_repeated += 1;
        self.attempt(node, group, Ticket { session: id, sequence, answered_below }, command);
    }

    fn attempt(&mut self, node: NodeId, group: GroupId, ticket: Ticket, command: Bytes) {
        let request = self.tell_about(node, group, SessionCommand::Once { ticket, command });
        let Ticket { session, sequence, .. } = ticket;
        self.sessions.attempts.insert(request, Attempt { session, sequence });
    }

    /// A request of a client with a session is answered. Whether it is one.
    pub(crate) fn answer_in_session(
        &mut self,
        group: GroupId,
        (index, ordinal): (u64, usize),
        request: RequestId,
        call: &Call,
    ) -> bool {
        if let Some(group) = self.sessions.opening.remove(&request) {
            if let Outcome::Session(SessionAnswer::Opened(opened)) = &call.outcome {
                self.coverage.sessions_opened += 1;
                let session = ClientSession { id: opened.session, next: 1, commands: BTreeMap::new() };
                self.sessions.open.entry(group).or_default().push(session);
            }
            return true;
        }
        let Some(Attempt { session, sequence }) = self.sessions.attempts.remove(&request) else {
            return false;
        };
        match &call.outcome {
            Outcome::Reply(reply) => {
                self.resolve((group, session, sequence), (index, ordinal), number(reply));
            }
            Outcome::Session(SessionAnswer::Refused(SessionRefusal::Unknown { .. })) => {
                // What is not known by now never will be.
                if self.sessions.get(group, session).is_some() {
                    self.coverage.sessions_expired += 1;
                }
                self.sessions.end(group, session);
            }
            _ => {}
        }
        true
    }

    fn resolve(
        &mut self,
        (group, session, sequence): (GroupId, SessionId, u64),
        (index, ordinal): (u64, usize),
        value: Option<i64>,
    ) {
        let known = self.sessions.get(group, session).and_then(|session| session.commands.get_mut(&sequence));
        // The client may have given it up.
        let (Some(asked), Some(value)) = (known, value) else { return };
        if let Some(told) = asked.value {
            if told != value {
                let what = format!(
                    "group {group}: command {sequence} of session {session} was answered with {told}, and then with {value}"
                );
                self.checks.violate(Invariant::ExactlyOnce, what);
            }
            return;
        }
        asked.value = Some(value);
        let (place, floor, command) = (asked.place, asked.floor, asked.command.clone());
        self.history.resolve(place, value);
        self.coverage.commands_once += 1;
        self.checks.acknowledged(group, index, ordinal, &command);
        self.checks.finish(group, floor, index, false);
    }

    /// Faults are over: what is not known is asked for again, at the leader. How many commands that are.
    pub(crate) fn ask_for_unresolved(&mut self, group: GroupId, asks: bool) -> usize {
        let unresolved = self.sessions.unresolved(group);
        if let Some(leader) = self.leader_of(group).filter(|_| asks) {
            for (session, sequence) in &unresolved {
                self.repeat(leader, group, *session, *sequence, false);
            }
        }
        unresolved.len()
    }
}

/// Amounts of commands of sessions are above all others.
const SESSION_AMOUNTS: u64 = 1 << 32;

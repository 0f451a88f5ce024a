//! What the host is told of who leads.

use super::{Announced, Replica, election_ticks, role};
use crate::{Effect, Refusal, Role};

impl Replica {
    /// Tells of what has changed about who leads, and lets go of what only a leader, or only that leader, can answer.
    pub(super) fn announce(&mut self, effects: &mut Vec<Effect>) {
        let raft = &self.raw.raft;
        let before = self.announced;
        let same_term = before.term == raft.term && before.role == role(raft.state);
        let mut now = Announced {
            role: role(raft.state),
            term: raft.term,
            leader: self.leader(),
            established: same_term && before.established,
        };
        if now.role == Role::Leader && !now.established {
            let first = self.raw.store().first_of_term(now.term);
            now.established = first.is_some_and(|first| first <= self.applying.handed);
        }
        self.announced = now;
        if now.role != Role::Leader || !same_term {
            let leader = now.leader.or_else(|| self.transfers_to());
            self.proposals.stop_leading(self.group, leader, effects);
            self.end_promotion(&Refusal::Lost, effects);
            self.lease.restart();
            self.witnesses.restart();
            self.preference.restart(election_ticks(&self.config));
        }
        if !same_term || before.leader != now.leader {
            self.reads.ask_again();
            let Announced { role, term, leader, .. } = now;
            effects.push(Effect::RoleChanged { group: self.group, role, term, leader });
        }
        self.transfer_seen(now.leader, effects);
        if now.established && !(same_term && before.established) {
            effects.push(Effect::LeaderEstablished { group: self.group, term: now.term });
        }
    }
}

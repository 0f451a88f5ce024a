//! What the host is told of who leads.
//!
//! A voter that needs nobody else's vote leads for raft the moment it campaigns, with its term and vote still on their way to
//! disk. Should it go down then, it has forgotten the term, and another may lead in it. So to everybody else it is a candidate
//! until they are written.

use super::{Announced, Replica, election_ticks, role};
use crate::{Effect, Refusal, Role, log_window::hard_state};
use quorate_vocabulary::Member;

impl Replica {
    /// What it is to everybody else.
    pub(super) fn outward_role(&self) -> Role {
        let raft = &self.raw.raft;
        match role(raft.state) {
            Role::Leader if !self.disk.keeps_vote(hard_state(&raft.hard_state())) => Role::Candidate,
            role => role,
        }
    }

    /// Whom everybody else may take for its leader.
    pub(super) fn outward_leader(&self) -> Option<Member> {
        self.leader().filter(|_| !self.is_leader() || self.outward_role() == Role::Leader)
    }

    /// Tells of what has changed about who leads, and lets go of what only a leader, or only that leader, can answer.
    pub(super) fn announce(&mut self, effects: &mut Vec<Effect>) {
        let raft = &self.raw.raft;
        let before = self.announced;
        let same_term = before.term == raft.term && before.role == role(raft.state);
        let mut now = Announced {
            role: role(raft.state),
            outward_role: self.outward_role(),
            term: raft.term,
            leader: self.outward_leader(),
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
        if !same_term || before.outward_role != now.outward_role || before.leader != now.leader {
            self.reads.ask_again();
            let Announced { outward_role: role, term, leader, .. } = now;
            effects.push(Effect::RoleChanged { group: self.group, role, term, leader });
        }
        self.transfer_seen(now.leader, effects);
        if now.established && !(same_term && before.established) {
            effects.push(Effect::LeaderEstablished { group: self.group, term: now.term });
        }
    }
}

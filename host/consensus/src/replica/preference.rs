//! Which of its voters a group prefers as its leader, once it has one.

use super::{Replica, election_ticks};
use quorate_vocabulary::ReplicaId;

/// How long a leader lets things rest before it hands over to a better one, and longer after every time in vain.
#[derive(Default)]
pub(super) struct Preference {
    ticks_left: usize,
    attempts: u32,
}

/// A handover in vain is followed by a rest of twice as many election timeouts, up to two to the power of this.
const DOUBLINGS_MAX: u32 = 6;

impl Preference {
    /// Who leads is another, or the term.
    pub(super) fn restart(&mut self, election_ticks: usize) {
        *self = Self { ticks_left: election_ticks, attempts: 0 };
    }

    /// Whether this is the tick to look for a better leader.
    fn is_due(&mut self) -> bool {
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.ticks_left == 0
    }

    fn rest(&mut self, election_ticks: usize) {
        self.attempts = (self.attempts + 1).min(DOUBLINGS_MAX);
        self.ticks_left = election_ticks.saturating_mul(1 << self.attempts);
    }
}

impl Replica {
    pub(super) fn own_priority(&self) -> u32 {
        self.configuration.priority(self.replica)
    }

    /// The voter that should lead instead of this one, and could at once: it answers, and has the whole log.
    pub(super) fn better_leader(&self) -> Option<ReplicaId> {
        if self.configuration.priorities.is_empty() || self.configuration.is_joint() {
            return None;
        }
        let last = self.raw.raft.raft_log.last_index();
        let able = self.configuration.voters().filter(|voter| {
            self.follows(*voter).is_some_and(|progress| progress.matched == last)
                && self.lease.answers(*voter, self.now, self.config.election_timeout)
        });
        let best =
            able.max_by_key(|voter| (self.configuration.priority(*voter), std::cmp::Reverse(*voter)))?;
        (self.configuration.priority(best) > self.own_priority()).then_some(best)
    }

    /// A leader that is not the best hands over to who is: one that must not lead at once, others after a while.
    pub(super) fn prefer_better(&mut self) {
        let is_due = self.preference.is_due();
        if !self.is_leader()
            || self.transfer.is_some()
            || !(is_due || (self.own_priority() == 0 && self.preference.attempts == 0))
            || !self.raw.raft.commit_to_current_term()
            || self.raw.raft.has_pending_conf()
        {
            return;
        }
        let ticks = election_ticks(&self.config);
        match self.better_leader() {
            Some(better) => {
                self.preference.rest(ticks);
                self.begin_transfer(better, None, false);
            }
            None if is_due => self.preference.ticks_left = ticks,
            None => {}
        }
    }
}

//! When a replica campaigns.

use crate::random::mix;

/// A replica's patience, drawn from the seed and from where it is.
pub(crate) struct Election {
    seed: u64,
    replica: u64,
    ticks_min: usize,
    /// Campaigns in vain since there was a leader: each is followed by another draw, or two replicas could fail together
    /// forever.
    attempts: u64,
    early: Option<Early>,
    /// A replica of less priority than this leaves it to others to campaign.
    target: u32,
    /// Ticks in which it did so, since the target was last lowered.
    deferred_ticks: usize,
}

/// Campaigns before the timeout.
struct Early {
    /// Only in this term: later there is a leader, or has been.
    term: u64,
    ticks_left: u32,
    attempts_left: u32,
}

impl Election {
    pub(crate) fn new(seed: u64, replica: u64, ticks_min: usize, target: u32) -> Self {
        Self { seed, replica, ticks_min, attempts: 0, early: None, target, deferred_ticks: 0 }
    }

    /// There is a leader: when it is lost, a voter of this priority is expected to follow.
    pub(crate) fn expect_priority(&mut self, highest: u32) {
        (self.target, self.deferred_ticks, self.attempts) = (highest, 0, 0);
    }

    /// There has been no leader for a timeout: whether a replica of this priority is to campaign, or leaves it to better
    /// ones for now. What it takes falls by a fifth, and at least by ten, for every shortest timeout that passes without
    /// a leader (as SOFAJRaft does), so that nobody waits for the dead. Who should never lead comes last, for it may
    /// alone have what all others must have before one of them can lead; it hands over then.
    pub(crate) fn may_campaign(&mut self, priority: u32) -> bool {
        const DECAY_MIN: u32 = 10;
        if priority >= self.target {
            return true;
        }
        self.deferred_ticks += 1;
        if self.deferred_ticks >= self.ticks_min {
            self.deferred_ticks = 0;
            let lowered = self.target.saturating_sub(DECAY_MIN.max(self.target / 5));
            self.target = if self.target > 1 { lowered.max(1) } else { 0 };
        }
        priority >= self.target
    }

    /// The ticks without a leader after which to campaign: at least the minimum, less than half as much again, and after
    /// a campaign in vain less than twice the minimum.
    ///
    /// A wide draw keeps voters from campaigning together, and everybody waits for it. A pre-vote round takes a small
    /// part of a tick, and the ticks of two nodes fall apart by themselves: so at first a narrow one is enough, and if it
    /// was not, those who failed together draw from a wide one.
    pub(crate) fn timeout_ticks(&self, term: u64) -> usize {
        let span = if self.attempts == 0 { self.ticks_min.div_ceil(2) } else { self.ticks_min };
        let span = u64::try_from(span).unwrap_or(u64::MAX).max(1);
        let drawn = mix(&[self.seed, self.replica, term, self.attempts]) % span;
        self.ticks_min + usize::try_from(drawn).unwrap_or(0)
    }

    pub(crate) fn campaigned(&mut self) {
        self.attempts += 1;
    }

    /// Campaign from the next tick on.
    ///
    /// A group that is new has no leader whose timeout to wait for, so its voter with the lowest replica need not be
    /// patient. That one only, for if all campaigned together they would split the vote; and it tries more than once,
    /// for the others may be created a moment later.
    pub(crate) fn campaign_early(&mut self, term: u64) {
        const ATTEMPTS: u32 = 4;
        self.early = Some(Early { term, ticks_left: 1, attempts_left: ATTEMPTS });
    }

    /// A tick passes in this term: whether to campaign before the timeout.
    pub(crate) fn is_early(&mut self, term: u64, has_leader: bool) -> bool {
        const TICKS_BETWEEN: u32 = 2;
        let Some(early) = &mut self.early else { return false };
        if early.term != term || has_leader || early.attempts_left == 0 {
            self.early = None;
            return false;
        }
        early.ticks_left -= 1;
        if early.ticks_left > 0 {
            return false;
        }
        early.ticks_left = TICKS_BETWEEN;
        early.attempts_left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_it_takes_to_campaign_falls_until_all_may() {
        let ticks_until = |priority| {
            let mut election = Election::new(1, 1, 10, 100);
            (0..1_000).find(|_| election.may_campaign(priority)).expect("in the end")
        };
        assert_eq!(ticks_until(100), 0);
        // 100, 80, 64, 52, 42, 32, 22, 12, 2, 1, 0.
        assert_eq!(ticks_until(80), 9);
        assert_eq!(ticks_until(50), 39);
        assert_eq!(ticks_until(1), 89);
        assert_eq!(ticks_until(0), 99);
    }

    #[test]
    fn a_leader_puts_an_end_to_the_decay() {
        let mut election = Election::new(1, 1, 10, 100);
        assert!(!(0..35).any(|_| election.may_campaign(50)));
        election.expect_priority(100);
        assert!(!(0..35).any(|_| election.may_campaign(50)));
    }

    fn drawn(attempts: u64) -> BTreeSet<usize> {
        let draw = |replica, term| {
            let mut election = Election::new(7, replica, 10, 0);
            (0..attempts).for_each(|_| election.campaigned());
            election.timeout_ticks(term)
        };
        (1..=5).flat_map(|replica| (1..50).map(move |term| draw(replica, term))).collect()
    }

    #[test]
    fn the_first_timeouts_without_a_leader_are_short_and_those_after_a_campaign_in_vain_differ_more() {
        assert_eq!(drawn(0), (10..15).collect());
        assert_eq!(drawn(1), (10..20).collect());
        assert_eq!(drawn(7), (10..20).collect());
    }

    #[test]
    fn a_leader_makes_timeouts_short_again() {
        let mut election = Election::new(7, 1, 1_000, 0);
        let first = election.timeout_ticks(1);
        (0..100).for_each(|_| election.campaigned());
        assert_ne!(election.timeout_ticks(1), first);
        election.expect_priority(0);
        assert_eq!(election.timeout_ticks(1), first);
    }

    #[test]
    fn the_same_seed_draws_the_same_timeouts() {
        let draw =
            |seed| (0..20).map(|term| Election::new(seed, 1, 10, 0).timeout_ticks(term)).collect::<Vec<_>>();
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn a_campaign_in_vain_is_followed_by_another_draw() {
        let mut election = Election::new(1, 1, 1_000, 0);
        let before = election.timeout_ticks(1);
        election.campaigned();
        assert_ne!(before, election.timeout_ticks(1));
    }

    #[test]
    fn early_campaigns_end_with_a_leader_or_after_some_attempts() {
        let early = |has_leader: bool| {
            let mut election = Election::new(1, 1, 10, 0);
            election.campaign_early(1);
            (0..20).filter(|_| election.is_early(1, has_leader)).count()
        };
        assert_eq!(early(false), 4);
        assert_eq!(early(true), 0);
    }
}

//! What the replicas of a group have noted at one entry, as their leader collects it.

use crate::ports::{Attested, StateDigest};
use quorate_vocabulary::ReplicaId;
use std::collections::BTreeMap;

/// What came of comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nobody has said anything else so far.
    Nothing,
    /// All have said the same.
    Agreed,
    /// Most have said this, and somebody else has not: the leader proposes the verdict. Found once.
    Verdict {
        /// What most have said.
        attested: Attested,
        /// The last entry at which all agreed; 0: not known.
        agreed: u64,
    },
    /// They differ, and whatever is still to come, no majority will say the same: nobody knows who is right. Found once.
    Undecided {
        /// Where they were found to differ.
        index: u64,
        /// The last entry at which all agreed; 0: not known.
        agreed: u64,
    },
}

/// Collects what the replicas say of the newest entry that asked them.
///
/// A majority of the voters that hold data decides. The leader counts as one of them: when it is the one that differs, it makes
/// the verdict against itself, and stops when it applies it.
#[derive(Clone, Debug, Default)]
pub struct Attestations {
    index: u64,
    /// A handful, kept for as long as the replica leads: no larger than need be.
    said: Vec<(ReplicaId, StateDigest)>,
    /// The last entry before this one at which all agreed.
    agreed: u64,
    is_agreed: bool,
    is_found: bool,
}

impl Attestations {
    /// Takes in what a replica has noted. `voters` hold data and vote.
    pub fn take(&mut self, replica: ReplicaId, attested: Attested, voters: &[ReplicaId]) -> Finding {
        if attested.index < self.index {
            return Finding::Nothing;
        }
        if attested.index > self.index {
            let agreed = if self.is_agreed { self.index } else { self.agreed };
            *self = Self { index: attested.index, agreed, ..Self::default() };
        }
        match self.said.iter_mut().find(|(said_by, _)| *said_by == replica) {
            Some((_, digest)) => *digest = attested.digest,
            None => {
                self.said.reserve_exact(1);
                self.said.push((replica, attested.digest));
            }
        }
        self.compare(voters)
    }

    fn compare(&mut self, voters: &[ReplicaId]) -> Finding {
        let mut counts: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for (_, digest) in &self.said {
            counts.entry(digest.0).or_default();
        }
        let heard: Vec<_> = self.said.iter().filter(|(replica, _)| voters.contains(replica)).collect();
        for (_, digest) in &heard {
            *counts.entry(digest.0).or_default() += 1;
        }
        if counts.len() == 1 {
            if heard.len() < voters.len() {
                return Finding::Nothing;
            }
            self.is_agreed = true;
            return Finding::Agreed;
        }
        // A learner may speak up after all others have agreed.
        self.is_agreed = false;
        if self.is_found {
            return Finding::Nothing;
        }
        let (index, agreed) = (self.index, self.agreed);
        let majority = voters.len() / 2 + 1;
        let unheard = voters.len() - heard.len();
        let Some((digest, most)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return Finding::Nothing;
        };
        if most >= majority {
            self.is_found = true;
            return Finding::Verdict { attested: Attested { index, digest: StateDigest(digest) }, agreed };
        }
        if most + unheard < majority {
            self.is_found = true;
            return Finding::Undecided { index, agreed };
        }
        Finding::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOTERS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];

    fn attested(index: u64, digest: u8) -> Attested {
        Attested { index, digest: StateDigest([digest; 32]) }
    }

    fn take(attestations: &mut Attestations, said: &[(u64, u64, u8)]) -> Vec<Finding> {
        said.iter()
            .map(|&(replica, index, digest)| {
                attestations.take(ReplicaId(replica), attested(index, digest), &VOTERS)
            })
            .collect()
    }

    #[test]
    fn all_agree_when_all_have_said_the_same() {
        let found = take(&mut Attestations::default(), &[(1, 5, 7), (2, 5, 7), (3, 5, 7)]);
        assert_eq!(found, [Finding::Nothing, Finding::Nothing, Finding::Agreed]);
    }

    #[test]
    fn a_majority_decides_whoever_leads_and_in_whatever_order_they_speak() {
        let verdict = Finding::Verdict { attested: attested(9, 7), agreed: 5 };
        for odd in 1..=3 {
            let mut attestations = Attestations::default();
            take(&mut attestations, &[(1, 5, 1), (2, 5, 1), (3, 5, 1)]);
            let said: Vec<_> =
                (1..=3).map(|replica| (replica, 9, if replica == odd { 8 } else { 7 })).collect();
            let found = take(&mut attestations, &said);
            assert_eq!(found.iter().filter(|found| **found == verdict).count(), 1, "{odd}: {found:?}");
            assert!(!found.contains(&Finding::Agreed));
        }
    }

    #[test]
    fn a_learner_that_differs_is_found_and_does_not_count() {
        let mut attestations = Attestations::default();
        let found = take(&mut attestations, &[(4, 5, 8), (1, 5, 7), (2, 5, 7)]);
        let verdict = Finding::Verdict { attested: attested(5, 7), agreed: 0 };
        assert_eq!(found, [Finding::Nothing, Finding::Nothing, verdict]);
        let found = take(&mut attestations, &[(4, 6, 8), (5, 6, 8), (1, 6, 7)]);
        assert_eq!(found, [Finding::Nothing; 3], "learners are no majority");
    }

    #[test]
    fn a_learner_that_speaks_last_takes_back_that_all_agreed() {
        let mut attestations = Attestations::default();
        take(&mut attestations, &[(1, 5, 7), (2, 5, 7), (3, 5, 7)]);
        let found = take(&mut attestations, &[(1, 9, 6), (2, 9, 6), (3, 9, 6), (4, 9, 8)]);
        let verdict = |index, digest| Finding::Verdict { attested: attested(index, digest), agreed: 5 };
        assert_eq!(found[2..], [Finding::Agreed, verdict(9, 6)], "5 is the last at which nobody differed");
        let found = take(&mut attestations, &[(1, 12, 6), (2, 12, 6), (4, 12, 8)]);
        assert_eq!(found[2], verdict(12, 6));
    }

    #[test]
    fn where_no_majority_can_be_had_nobody_is_right() {
        let undecided = Finding::Undecided { index: 5, agreed: 0 };
        let found = take(&mut Attestations::default(), &[(1, 5, 7), (2, 5, 8), (3, 5, 9), (3, 5, 9)]);
        assert_eq!(found, [Finding::Nothing, Finding::Nothing, undecided, Finding::Nothing]);
        let mut two = Attestations::default();
        let mut take = |replica, digest| two.take(ReplicaId(replica), attested(5, digest), &VOTERS[..2]);
        assert_eq!((take(1, 7), take(2, 8)), (Finding::Nothing, undecided));
    }

    #[test]
    fn what_is_said_of_an_earlier_entry_comes_too_late() {
        let mut attestations = Attestations::default();
        let found = take(&mut attestations, &[(1, 9, 7), (2, 5, 8), (3, 5, 8), (2, 9, 7), (3, 9, 7)]);
        assert_eq!(found[1..3], [Finding::Nothing; 2]);
        assert_eq!(found[4], Finding::Agreed);
    }
}

use quorate_vocabulary::{GroupId, NodeId};
use std::time::Duration;

/// At which moments the time has come to do something about a group, such as a snapshot: once in every interval, each group of a node and each node of
/// a group at another moment of it, so that neither all groups of a node nor all replicas of a group are busy at once.
///
/// Nothing is kept for a group: a moment follows from the numbers of the group and the node. A question of cost only, so it
/// is not replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSchedule {
    interval: Duration,
    node: NodeId,
}

impl GroupSchedule {
    /// The schedule of a node. None when the interval is zero: then time alone never asks for it.
    #[must_use]
    pub fn new(interval: Duration, node: NodeId) -> Option<Self> {
        (!interval.is_zero()).then_some(Self { interval, node })
    }

    /// Whether a moment of the group lies after `from` and not after `through`, both counted from when the node started.
    #[must_use]
    pub fn is_due(&self, group: GroupId, from: Duration, through: Duration) -> bool {
        let first = self.first_nanos(group);
        self.moments(first, through) > self.moments(first, from)
    }

    /// How many moments lie up to here, of which this is the first.
    fn moments(&self, first: u64, through: Duration) -> u64 {
        nanos(through).checked_sub(first).map_or(0, |since| since / nanos(self.interval).max(1) + 1)
    }

    /// When the first moment of the group is; never at the very beginning, which is when the node starts. Multiples of these
    /// fractions of a circle spread evenly over it (the R2 sequence of M. Roberts), and take no time to compute: every group is
    /// asked at every look.
    fn first_nanos(&self, group: GroupId) -> u64 {
        const OF_GROUPS: u64 = 0xC13F_A9A9_02A6_328F;
        const OF_NODES: u64 = 0x91E1_0DA5_C79E_7B1D;
        let part = group.0.wrapping_mul(OF_GROUPS).wrapping_add(self.node.0.wrapping_mul(OF_NODES));
        // Less than the interval, since `part` is less than 2^64; at least 1.
        let offset = (u128::from(nanos(self.interval)) * u128::from(part)) >> u64::BITS;
        u64::try_from(offset).unwrap_or(u64::MAX).max(1)
    }
}

/// Five centuries at most.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(600);

    fn schedule(node: u64) -> GroupSchedule {
        GroupSchedule::new(INTERVAL, NodeId(node)).expect("an interval")
    }

    /// The seconds, of so many, in which the group is due.
    fn due(schedule: GroupSchedule, group: u64, seconds: u64) -> Vec<u64> {
        let second = Duration::from_secs;
        (0..seconds).filter(|&at| schedule.is_due(GroupId(group), second(at), second(at + 1))).collect()
    }

    #[test]
    fn a_group_is_due_once_in_every_interval() {
        for group in 0..50 {
            let due = due(schedule(1), group, 3 * INTERVAL.as_secs());
            assert_eq!(due.len(), 3, "group {group}: {due:?}");
            assert!(due.windows(2).all(|pair| pair[1] - pair[0] == INTERVAL.as_secs()), "{due:?}");
        }
    }

    #[test]
    fn a_look_that_comes_late_misses_nothing_and_finds_it_once() {
        let schedule = schedule(1);
        assert!(schedule.is_due(GroupId(7), Duration::ZERO, 5 * INTERVAL));
        assert!(!schedule.is_due(GroupId(7), INTERVAL, INTERVAL), "no time has passed");
    }

    #[test]
    fn the_groups_of_a_node_are_spread_over_the_interval() {
        let mut of_minutes = [0; 10];
        for group in 1..=1_000 {
            let moment = due(schedule(1), group, INTERVAL.as_secs())[0];
            of_minutes[usize::try_from(moment / 60).expect("small")] += 1;
        }
        assert!(of_minutes.iter().all(|count| (50..=150).contains(count)), "{of_minutes:?}");
    }

    #[test]
    fn the_nodes_of_a_group_are_due_at_different_moments() {
        let moments: Vec<_> = (1..=3).map(|node| due(schedule(node), 7, INTERVAL.as_secs())).collect();
        assert!(moments[0] != moments[1] && moments[1] != moments[2], "{moments:?}");
    }

    #[test]
    fn without_an_interval_there_is_no_schedule() {
        assert_eq!(GroupSchedule::new(Duration::ZERO, NodeId(1)), None);
    }
}

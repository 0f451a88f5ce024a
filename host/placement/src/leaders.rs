//! Which node should lead which group: facts in, hand-overs out.

use quorate_vocabulary::{GroupId, NodeId};
use std::collections::BTreeMap;

/// What is known of a group's leadership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderFacts {
    /// The group.
    pub group: GroupId,
    /// The node that leads it.
    pub leader: NodeId,
    /// The nodes that could: those that live and hold a voter, the leader's own among them.
    pub candidates: Vec<NodeId>,
}

/// A leadership that is to be handed from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The group.
    pub group: GroupId,
    /// The node that leads.
    pub from: NodeId,
    /// The node that is to lead.
    pub to: NodeId,
}

/// The hand-overs after which no leadership could be moved to a node that has at least two fewer: at most so many, in the
/// order in which they are to be done, each of which makes the nodes more equal. A group is moved once at most.
///
/// The same facts give the same hand-overs, in whatever order they come.
#[must_use]
pub fn balance_leaders(facts: &[LeaderFacts], hand_overs_max: usize) -> Vec<HandOver> {
    let mut led: BTreeMap<NodeId, usize> = BTreeMap::new();
    for group in facts {
        *led.entry(group.leader).or_default() += 1;
        group.candidates.iter().for_each(|node| {
            led.entry(*node).or_default();
        });
    }
    let mut open: BTreeMap<GroupId, &LeaderFacts> = facts.iter().map(|group| (group.group, group)).collect();
    let mut hand_overs = Vec::new();
    while hand_overs.len() < hand_overs_max {
        // From the node that leads the most to the one that leads the fewest, the lowest numbers among equals.
        let gain = |hand_over: &HandOver| led[&hand_over.from].saturating_sub(led[&hand_over.to]);
        let best = open
            .values()
            .flat_map(|group| {
                group.candidates.iter().map(|to| HandOver { group: group.group, from: group.leader, to: *to })
            })
            .filter(|hand_over| gain(hand_over) >= 2)
            .min_by_key(|one| (std::cmp::Reverse(gain(one)), one.from, one.to, one.group));
        let Some(best) = best else { break };
        *led.entry(best.from).or_default() -= 1;
        *led.entry(best.to).or_default() += 1;
        open.remove(&best.group);
        hand_overs.push(best);
    }
    hand_overs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups from 1 on, each `(leader, candidates)`.
    fn facts(groups: &[(u64, &[u64])]) -> Vec<LeaderFacts> {
        let facts = (1..).zip(groups).map(|(group, (leader, candidates))| LeaderFacts {
            group: GroupId(group),
            leader: NodeId(*leader),
            candidates: candidates.iter().map(|node| NodeId(*node)).collect(),
        });
        facts.collect()
    }

    fn led(facts: &[LeaderFacts], hand_overs: &[HandOver]) -> BTreeMap<u64, usize> {
        let mut led = BTreeMap::new();
        for group in facts {
            let moved = hand_overs.iter().find(|hand_over| hand_over.group == group.group);
            *led.entry(moved.map_or(group.leader, |hand_over| hand_over.to).0).or_default() += 1;
        }
        led
    }

    #[test]
    fn a_node_that_leads_everything_hands_over_until_all_lead_as_many() {
        let all: &[u64] = &[1, 2, 3];
        let facts = facts(&[(1, all); 9]);
        let hand_overs = balance_leaders(&facts, 100);
        assert_eq!(hand_overs.len(), 6);
        assert_eq!(led(&facts, &hand_overs), [(1, 3), (2, 3), (3, 3)].into());
    }

    #[test]
    fn what_is_even_stays() {
        let all: &[u64] = &[1, 2, 3];
        assert_eq!(balance_leaders(&facts(&[(1, all), (2, all), (3, all), (1, all)]), 100), []);
        assert_eq!(balance_leaders(&[], 100), []);
    }

    #[test]
    fn a_bound_is_kept_and_what_is_left_is_found_again() {
        let all: &[u64] = &[1, 2];
        let facts = facts(&[(1, all); 6]);
        assert_eq!(balance_leaders(&facts, 1).len(), 1);
        assert_eq!(balance_leaders(&facts, 0), []);
    }

    #[test]
    fn only_candidates_are_handed_to() {
        let facts = facts(&[(1, &[1, 2]), (1, &[1, 2]), (1, &[1, 2]), (3, &[3, 4])]);
        let hand_overs = balance_leaders(&facts, 100);
        assert_eq!(hand_overs, [HandOver { group: GroupId(1), from: NodeId(1), to: NodeId(2) }]);
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter() {
        let mut facts = facts(&[(1, &[1, 2, 3]), (1, &[1, 3]), (1, &[2, 1]), (2, &[1, 2]), (1, &[1, 3, 2])]);
        let choice = balance_leaders(&facts, 100);
        assert!(!choice.is_empty());
        for _ in 0..facts.len() {
            facts.rotate_left(1);
            assert_eq!(balance_leaders(&facts, 100), choice);
        }
    }
}

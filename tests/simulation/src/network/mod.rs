//! The network: who hears whom, and what becomes of a message.

use crate::{faults::Faults, random::Random};
use quorate_vocabulary::NodeId;
use std::{collections::BTreeSet, time::Duration};

/// Who does not hear whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    /// From, to.
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    pub(crate) fn hears(&self, from: NodeId, to: NodeId) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Whether everybody hears everybody.
    pub(crate) fn is_whole(&self) -> bool {
        self.cut.is_empty()
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Those on one side hear nothing of the others, and the other way round.
    pub(crate) fn divide(&mut self, side: &BTreeSet<NodeId>, all: &[NodeId]) {
        for (from, to) in pairs(all) {
            if side.contains(&from) != side.contains(&to) {
                self.cut.insert((from, to));
            }
        }
    }

    /// One node is heard by nobody, but hears; or the other way round.
    pub(crate) fn divide_one_way(&mut self, node: NodeId, all: &[NodeId], hears: bool) {
        let cut = pairs(all).filter(|(from, to)| if hears { *from == node } else { *to == node });
        self.cut.extend(cut);
    }

    /// One pair, one way.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }
}

fn pairs(all: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> {
    all.iter().flat_map(|from| all.iter().filter(move |to| *to != from).map(|to| (*from, *to)))
}

/// When the copies of a message arrive: none when it is lost.
pub(crate) fn arrivals(random: &mut Random, faults: &Faults) -> Vec<Duration> {
    // Drawn in any case, so that one kind of fault does not change what another does.
    let (dropped, doubled) = (random.below(1_000), random.below(1_000));
    let delays = [delay(random, faults.message_delay_us_max), delay(random, faults.message_delay_us_max)];
    let copies = match (dropped < faults.drop_per_mille, doubled < faults.duplicate_per_mille) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    };
    delays.into_iter().take(copies).collect()
}

/// A delay of at most so many microseconds, and now and then of ten times as many.
pub(crate) fn delay(random: &mut Random, us_max: u64) -> Duration {
    let factor = if random.below(100) == 0 { 10 } else { 1 };
    Duration::from_micros(1 + random.below(us_max) * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> Vec<NodeId> {
        numbers.iter().map(|number| NodeId(*number)).collect()
    }

    #[test]
    fn a_division_cuts_both_ways_and_only_between_the_sides() {
        let mut network = Network::default();
        network.divide(&[NodeId(1)].into(), &ids(&[1, 2, 3]));
        assert!(!network.hears(NodeId(1), NodeId(2)) && !network.hears(NodeId(3), NodeId(1)));
        assert!(network.hears(NodeId(2), NodeId(3)));
        network.heal();
        assert!(network.hears(NodeId(1), NodeId(2)));
    }

    #[test]
    fn a_one_way_division_cuts_one_way() {
        let mut network = Network::default();
        network.divide_one_way(NodeId(1), &ids(&[1, 2]), true);
        assert!(!network.hears(NodeId(1), NodeId(2)) && network.hears(NodeId(2), NodeId(1)));
    }
}

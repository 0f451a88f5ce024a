//! Where the replicas of a node go that is to be emptied: facts in, nodes out.

use crate::{NodeFacts, PlacementError, Wanted, place};
use quorate_vocabulary::{GroupId, NodeId};

/// A replica that is to have another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat<'a> {
    /// Its group.
    pub group: GroupId,
    /// The nodes that hold a member of the group already.
    pub taken: Vec<NodeId>,
    /// The engine that it must run on; none when it runs nothing.
    pub engine_fingerprint: Option<&'a str>,
}

/// A node for each of these replicas, in their order: of those that fit the one that holds the fewest replicas, with those
/// that were chosen before. A group of which no node fits keeps nobody from the others.
///
/// The same facts give the same nodes, in whatever order the facts come.
#[must_use]
pub fn reseat(seats: &[Seat<'_>], facts: &[NodeFacts]) -> Vec<Result<NodeId, PlacementError>> {
    let mut facts = facts.to_vec();
    let mut chosen = Vec::with_capacity(seats.len());
    for seat in seats {
        let free = facts.iter().filter(|node| !seat.taken.contains(&node.id));
        let free: Vec<NodeFacts> = match seat.engine_fingerprint {
            Some(_) => free.cloned().collect(),
            None => {
                free.map(|node| NodeFacts { engine_fingerprint: String::new(), ..node.clone() }).collect()
            }
        };
        let engine_fingerprint = seat.engine_fingerprint.unwrap_or_default();
        let node = place(&free, Wanted { replicas: 1, engine_fingerprint })
            .and_then(|nodes| nodes.first().copied().ok_or(PlacementError::NoneWanted));
        for facts in facts.iter_mut().filter(|facts| node.as_ref() == Ok(&facts.id)) {
            facts.replicas += 1;
        }
        chosen.push(node);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, replicas: usize) -> NodeFacts {
        let (is_live, is_open) = (true, id != 1);
        NodeFacts { id: NodeId(id), is_live, is_open, engine_fingerprint: "engine".into(), replicas }
    }

    fn seat(group: u64, taken: &[u64]) -> Seat<'static> {
        let taken = taken.iter().map(|node| NodeId(*node)).collect();
        Seat { group: GroupId(group), taken, engine_fingerprint: Some("engine") }
    }

    /// The number of the chosen node of each; none where none fits.
    fn numbers(seats: &[Seat<'_>], facts: &[NodeFacts]) -> Vec<Option<u64>> {
        reseat(seats, facts).into_iter().map(|node| node.ok().map(|node| node.0)).collect()
    }

    #[test]
    fn replicas_are_spread_over_those_that_have_the_fewest() {
        let facts = [node(1, 5), node(2, 4), node(3, 2), node(4, 2), node(5, 9)];
        let seats = [seat(7, &[1, 2]), seat(8, &[1, 2]), seat(9, &[1, 2]), seat(10, &[1, 3, 4])];
        assert_eq!(numbers(&seats, &facts), [Some(3), Some(4), Some(3), Some(2)]);
        let reversed: Vec<NodeFacts> = facts.iter().rev().cloned().collect();
        assert_eq!(numbers(&seats, &reversed), numbers(&seats, &facts));
    }

    #[test]
    fn a_replica_for_which_no_node_fits_keeps_nobody_from_the_others() {
        let mut facts = [node(1, 0), node(2, 0), node(3, 0), node(4, 0)];
        facts[2].is_live = false;
        facts[3].engine_fingerprint = "another".into();
        let witness = Seat { engine_fingerprint: None, ..seat(9, &[1, 2]) };
        let seats = [seat(7, &[1, 2]), seat(8, &[1]), witness];
        assert_eq!(numbers(&seats, &facts), [None, Some(2), Some(4)]);
    }
}

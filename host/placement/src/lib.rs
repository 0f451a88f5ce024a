//! Where replicas belong: facts in, a choice out.
//!
//! Pure and deterministic: the same facts give the same choice, in whatever order they come.

mod leaders;
mod members;
mod seats;

pub use leaders::{HandOver, LeaderFacts, balance_leaders};
pub use members::{MemberFacts, MembersStep, MembersWait, members_step, same_members};
pub use seats::{Seat, reseat};

use quorate_vocabulary::NodeId;

/// What is known of a node when a group is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its number.
    pub id: NodeId,
    /// Whether it was heard of lately.
    pub is_live: bool,
    /// Whether it may be given new replicas.
    pub is_open: bool,
    /// What its engine is and how it is set.
    pub engine_fingerprint: String,
    /// How many replicas it holds.
    pub replicas: usize,
}

/// What a group needs of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// How many replicas.
    pub replicas: usize,
    /// The engine they must all run on.
    pub engine_fingerprint: &'a str,
}

/// Why a group cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// A group of no replicas.
    #[error("a group has at least one replica")]
    NoneWanted,
    /// Too few nodes fit.
    #[error(
        "{wanted} replicas need as many nodes, and {fitting} of {known} fit: {not_live} not heard of, {not_open} draining, {other_engine} with another engine. Ask for fewer replicas, or bring nodes back"
    )]
    TooFew {
        /// How many replicas were asked for.
        wanted: usize,
        /// How many nodes fit.
        fitting: usize,
        /// How many nodes there are.
        known: usize,
        /// How many were not heard of lately.
        not_live: usize,
        /// How many of the others are given no new replicas.
        not_open: usize,
        /// How many of the others have another engine.
        other_engine: usize,
    },
}

/// Chooses the nodes for a new group: those that fit and hold the fewest replicas, among equals those with the lowest
/// numbers. In the order of the choice, so that the first is the one with the most room, as for a first leader.
pub fn place(facts: &[NodeFacts], wanted: Wanted<'_>) -> Result<Vec<NodeId>, PlacementError> {
    if wanted.replicas == 0 {
        return Err(PlacementError::NoneWanted);
    }
    let (mut not_live, mut not_open, mut other_engine) = (0, 0, 0);
    let mut fitting: Vec<(usize, NodeId)> = Vec::new();
    for node in facts {
        if !node.is_live {
            not_live += 1;
        } else if !node.is_open {
            not_open += 1;
        } else if node.engine_fingerprint != wanted.engine_fingerprint {
            other_engine += 1;
        } else {
            fitting.push((node.replicas, node.id));
        }
    }
    if fitting.len() < wanted.replicas {
        let (wanted, fitting, known) = (wanted.replicas, fitting.len(), facts.len());
        return Err(PlacementError::TooFew { wanted, fitting, known, not_live, not_open, other_engine });
    }
    fitting.sort_unstable();
    fitting.truncate(wanted.replicas);
    Ok(fitting.into_iter().map(|(_, id)| id).collect())
}

/// Chooses the nodes for the witnesses of a new group, beside those that hold its data: with room, the fewest replicas
/// first. They run nothing, so any engine will do.
pub fn place_witnesses(
    facts: &[NodeFacts],
    data: &[NodeId],
    wanted: usize,
) -> Result<Vec<NodeId>, PlacementError> {
    let others: Vec<NodeFacts> = facts
        .iter()
        .filter(|node| !data.contains(&node.id))
        .map(|node| NodeFacts { engine_fingerprint: String::new(), ..node.clone() })
        .collect();
    if wanted == 0 {
        return Ok(Vec::new());
    }
    place(&others, Wanted { replicas: wanted, engine_fingerprint: "" })
}

/// The engine to place a new group on: the one that most nodes have that could take a replica, among equals that of the
/// node with the lowest number. While nodes are upgraded one by one there are two.
#[must_use]
pub fn prevailing_engine(facts: &[NodeFacts]) -> Option<&str> {
    let fitting = || facts.iter().filter(|node| node.is_live && node.is_open);
    let count = |engine: &str| fitting().filter(|node| node.engine_fingerprint == engine).count();
    fitting()
        .max_by_key(|node| (count(&node.engine_fingerprint), std::cmp::Reverse(node.id)))
        .map(|node| node.engine_fingerprint.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, replicas: usize) -> NodeFacts {
        NodeFacts {
            id: NodeId(id),
            is_live: true,
            is_open: true,
            engine_fingerprint: "engine".into(),
            replicas,
        }
    }

    fn three() -> Wanted<'static> {
        Wanted { replicas: 3, engine_fingerprint: "engine" }
    }

    fn ids(numbers: &[u64]) -> Vec<NodeId> {
        numbers.iter().map(|number| NodeId(*number)).collect()
    }

    #[test]
    fn the_nodes_with_the_fewest_replicas_are_chosen_first() {
        let facts = [node(1, 5), node(2, 1), node(3, 9), node(4, 0)];
        assert_eq!(place(&facts, three()), Ok(ids(&[4, 2, 1])));
    }

    #[test]
    fn among_equals_the_lowest_numbers_are_chosen() {
        let facts = [node(4, 1), node(2, 1), node(3, 1), node(1, 1)];
        assert_eq!(place(&facts, three()), Ok(ids(&[1, 2, 3])));
    }

    #[test]
    fn the_order_of_the_facts_does_not_matter() {
        let mut facts = vec![node(1, 2), node(2, 0), node(3, 1), node(4, 1), node(5, 0)];
        let choice = place(&facts, three()).expect("five fit");
        for _ in 0..facts.len() {
            facts.rotate_left(1);
            assert_eq!(place(&facts, three()).expect("five fit"), choice);
        }
    }

    #[test]
    fn placing_group_after_group_spreads_replicas_evenly() {
        let mut facts: Vec<NodeFacts> = (1..=5).map(|id| node(id, 0)).collect();
        for _ in 0..10 {
            for chosen in place(&facts, three()).expect("five fit") {
                facts.iter_mut().find(|node| node.id == chosen).expect("one of them").replicas += 1;
            }
        }
        assert!(facts.iter().all(|node| node.replicas == 6), "{facts:?}");
    }

    #[test]
    fn a_node_is_chosen_once_even_when_it_is_empty() {
        let facts = [node(1, 0), node(2, 100), node(3, 100)];
        assert_eq!(place(&facts, three()), Ok(ids(&[1, 2, 3])));
    }

    #[test]
    fn nodes_that_are_gone_draining_or_different_are_passed_over() {
        let gone = NodeFacts { is_live: false, ..node(1, 0) };
        let draining = NodeFacts { is_open: false, ..node(2, 0) };
        let different = NodeFacts { engine_fingerprint: "other".into(), ..node(3, 0) };
        let facts = [gone, draining, different, node(4, 7), node(5, 8), node(6, 9)];
        assert_eq!(place(&facts, three()), Ok(ids(&[4, 5, 6])));
        let error = place(&facts, Wanted { replicas: 4, ..three() }).expect_err("three fit");
        assert_eq!(
            error,
            PlacementError::TooFew {
                wanted: 4,
                fitting: 3,
                known: 6,
                not_live: 1,
                not_open: 1,
                other_engine: 1
            }
        );
    }

    #[test]
    fn an_error_says_how_many_nodes_are_missing_and_why() {
        let text = place(&[node(1, 0)], three()).expect_err("one node").to_string();
        assert!(text.contains("3 replicas") && text.contains("1 of 1 fit"), "{text}");
    }

    #[test]
    fn a_group_of_nothing_is_refused() {
        let facts = [node(1, 0)];
        assert_eq!(place(&facts, Wanted { replicas: 0, ..three() }), Err(PlacementError::NoneWanted));
    }

    #[test]
    fn witnesses_are_placed_beside_the_data_on_any_engine() {
        let different = NodeFacts { engine_fingerprint: "other".into(), ..node(4, 0) };
        let gone = NodeFacts { is_live: false, ..node(5, 0) };
        let facts = [node(1, 0), node(2, 0), node(3, 9), different, gone];
        assert_eq!(place_witnesses(&facts, &ids(&[1, 2]), 1), Ok(ids(&[4])));
        assert_eq!(place_witnesses(&facts, &ids(&[1, 2]), 2), Ok(ids(&[4, 3])));
        assert_eq!(place_witnesses(&facts, &ids(&[1, 2]), 0), Ok(ids(&[])));
        assert!(place_witnesses(&facts, &ids(&[1, 2]), 3).is_err());
    }

    #[test]
    fn the_engine_that_most_open_nodes_have_prevails() {
        let old = |id| NodeFacts { engine_fingerprint: "old".into(), ..node(id, 0) };
        assert_eq!(prevailing_engine(&[]), None);
        assert_eq!(prevailing_engine(&[old(1), node(2, 0), node(3, 0)]), Some("engine"));
        assert_eq!(prevailing_engine(&[node(2, 0), old(1)]), Some("old"), "the lowest number decides");
        let gone = NodeFacts { is_live: false, ..old(4) };
        assert_eq!(prevailing_engine(&[old(1), gone, node(2, 0), node(3, 0)]), Some("engine"));
    }
}

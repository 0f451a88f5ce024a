use super::fixtures::{ENGINE, create, delete, furnished, group, ids, must, publish};
use crate::{CatalogState, Hosted, Instruction, reconcile};
use quorate_vocabulary::{GroupId, NodeId, PluginDigest, ReplicaId};

fn hosted(replicas: &[(u64, u64)], plugins: &[&[u8]]) -> Hosted {
    Hosted {
        engine_fingerprint: ENGINE.into(),
        replicas: replicas.iter().map(|(group, replica)| (GroupId(*group), ReplicaId(*replica))).collect(),
        plugins: plugins.iter().map(|bytes| PluginDigest::of(bytes)).collect(),
    }
}

/// Group 1 on nodes 1, 2, 3 as replicas 1, 2, 3; group 2 on nodes 3, 4 as replicas 4, 5.
fn two_groups() -> CatalogState {
    let mut state = furnished();
    must(&mut state, [publish("acme/lock@1", b"lock")]);
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2, 3]), create("acme/b", "acme/lock@1", &[3, 4])]);
    state
}

#[test]
fn a_node_with_nothing_fetches_what_it_needs_and_creates_its_replicas() {
    let state = two_groups();
    let instructions = reconcile(&state, NodeId(3), &hosted(&[], &[]));
    let fetch =
        |bytes: &[u8], from: &[u64]| Instruction::Fetch { digest: PluginDigest::of(bytes), from: ids(from) };
    let create =
        |name, replica| Instruction::Create { group: group(&state, name), replica: ReplicaId(replica) };
    assert_eq!(
        instructions,
        [fetch(b"kv 1", &[1, 2]), create("acme/a", 3), fetch(b"lock", &[1, 2, 4]), create("acme/b", 4)]
    );
}

#[test]
fn a_node_that_is_what_the_catalog_says_has_nothing_to_do() {
    let state = two_groups();
    let done = hosted(&[(1, 3), (2, 4)], &[b"kv 1", b"lock", b"something else"]);
    assert_eq!(reconcile(&state, NodeId(3), &done), []);
    assert_eq!(reconcile(&state, NodeId(9), &hosted(&[], &[])), [], "a node that nobody knows");
    assert_eq!(reconcile(&CatalogState::default(), NodeId(1), &hosted(&[], &[])), []);
}

#[test]
fn a_plugin_is_fetched_once_and_also_for_replicas_that_are_there() {
    let mut state = two_groups();
    must(&mut state, [create("acme/c", "acme/kv@1", &[1])]);
    let fetches = |hosted: &Hosted| {
        let instructions = reconcile(&state, NodeId(1), hosted);
        instructions.iter().filter(|instruction| matches!(instruction, Instruction::Fetch { .. })).count()
    };
    assert_eq!(fetches(&hosted(&[], &[])), 1);
    assert_eq!(fetches(&hosted(&[(1, 1), (3, 6)], &[])), 1, "the node went down before it had the bytes");
    assert_eq!(fetches(&hosted(&[], &[b"kv 1"])), 0);
}

#[test]
fn replicas_of_deleted_groups_are_removed() {
    let mut state = two_groups();
    must(&mut state, [delete("acme/a")]);
    let now = hosted(&[(1, 3), (2, 4)], &[b"kv 1", b"lock"]);
    let remove = Instruction::Remove { group: GroupId(1), replica: ReplicaId(3) };
    assert_eq!(reconcile(&state, NodeId(3), &now), [remove]);
}

#[test]
fn a_replica_that_is_no_member_makes_way_for_the_one_that_is() {
    let state = two_groups();
    // As if replica 2 had been placed on node 3 before replica 3 was.
    let now = hosted(&[(1, 2), (2, 4)], &[b"kv 1", b"lock"]);
    let instructions = reconcile(&state, NodeId(3), &now);
    let remove = Instruction::Remove { group: GroupId(1), replica: ReplicaId(2) };
    let create = Instruction::Create { group: group(&state, "acme/a"), replica: ReplicaId(3) };
    assert_eq!(instructions, [remove, create]);
    // On a node where the group is not at all, it only goes.
    let gone = reconcile(&state, NodeId(4), &hosted(&[(1, 2), (2, 5)], &[b"lock"]));
    assert_eq!(gone, [Instruction::Remove { group: GroupId(1), replica: ReplicaId(2) }]);
}

#[test]
fn a_state_older_than_the_node_removes_nothing() {
    let later = two_groups();
    let now = hosted(&[(1, 3), (2, 4)], &[b"kv 1", b"lock"]);
    assert_eq!(reconcile(&later, NodeId(3), &now), []);
    // The catalog's replica on this node begins again from an early checkpoint.
    for early in [CatalogState::default(), furnished()] {
        assert_eq!(reconcile(&early, NodeId(3), &now), []);
    }
    let mut before_b = furnished();
    must(&mut before_b, [create("acme/a", "acme/kv@1", &[1, 2, 3])]);
    assert_eq!(reconcile(&before_b, NodeId(3), &now), []);
    // A replica of a later membership of a group that is known.
    assert_eq!(reconcile(&before_b, NodeId(3), &hosted(&[(1, 7)], &[b"kv 1"])), []);
}

#[test]
fn a_node_with_another_engine_runs_nothing_of_the_group() {
    let state = two_groups();
    let mismatch =
        Instruction::Mismatch { group: GroupId(1), replica: ReplicaId(1), engine_fingerprint: ENGINE.into() };
    for replicas in [&[][..], &[(1, 1)]] {
        let now = Hosted { engine_fingerprint: "another engine".into(), ..hosted(replicas, &[]) };
        assert_eq!(reconcile(&state, NodeId(1), &now), std::slice::from_ref(&mismatch));
    }
}

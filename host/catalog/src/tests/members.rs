use super::fixtures::{
    change, complete, create, drain, edit, furnished, group, learners, must, note_recovery, register_as,
    set_members, voters,
};
use crate::{CatalogError, CatalogState, Hosted, Instruction, MembersChange, reconcile};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};

/// The group `acme/a`, number 1, on nodes 1, 2, 3 of four as replicas 1, 2, 3.
fn three_of_four() -> CatalogState {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2, 3])]);
    state
}

fn member(replica: u64, node: u64, role: MemberRole) -> Member {
    Member { replica: ReplicaId(replica), node: NodeId(node), role }
}

fn voter(replica: u64, node: u64) -> Member {
    member(replica, node, MemberRole::Voter)
}

fn under_way(state: &CatalogState) -> MembersChange {
    group(state, "acme/a").change.expect("a change is under way")
}

fn on(state: &CatalogState, node: u64) -> Option<u64> {
    group(state, "acme/a").replica_on(NodeId(node)).map(|replica| replica.0)
}

#[test]
fn a_node_that_is_added_gets_a_replica_with_a_new_number_before_it_is_a_member() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &voters(&[4]), &[], &[])]);
    let before = group(&state, "acme/a");
    assert_eq!(before.members, [voter(1, 1), voter(2, 2), voter(3, 3)]);
    assert_eq!(under_way(&state).wanted, [voter(1, 1), voter(2, 2), voter(3, 3), voter(4, 4)]);
    assert_eq!(on(&state, 4), Some(4));
    assert!(!before.is_founder(ReplicaId(4)) && before.is_founder(ReplicaId(3)));
    must(&mut state, [complete(1, 1)]);
    let after = group(&state, "acme/a");
    assert_eq!((after.members.len(), after.change), (4, None));
    assert_eq!(after.founders, before.founders, "its log begins as it did");
}

#[test]
fn a_replica_that_is_removed_stays_until_the_leader_has_removed_it() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &[], &[3], &[])]);
    assert_eq!(under_way(&state).wanted, [voter(1, 1), voter(2, 2)]);
    assert_eq!(on(&state, 3), Some(3));
    must(&mut state, [complete(1, 1)]);
    assert_eq!(on(&state, 3), None);
    // It comes back under another number: its disk is empty by then.
    must(&mut state, [edit("acme/a", &learners(&[3]), &[], &[])]);
    assert_eq!(on(&state, 3), Some(4));
}

#[test]
fn a_replica_that_is_wanted_again_before_it_went_keeps_its_number() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &[], &[3], &[]), edit("acme/a", &learners(&[3]), &[], &[])]);
    assert_eq!(under_way(&state).wanted[2], member(3, 3, MemberRole::Learner));
    // And one that was only about to join.
    must(&mut state, [edit("acme/a", &voters(&[4]), &[], &[]), edit("acme/a", &[], &[4], &[])]);
    assert_eq!(under_way(&state).leaving, [voter(4, 4)]);
    assert_eq!(on(&state, 4), Some(4), "it may have become a member meanwhile");
    must(&mut state, [edit("acme/a", &voters(&[4]), &[], &[])]);
    assert_eq!((on(&state, 4), under_way(&state).leaving.len()), (Some(4), 0));
}

#[test]
fn a_change_that_is_taken_back_is_still_for_the_leader_to_complete() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &voters(&[4]), &[], &[]), edit("acme/a", &[], &[4], &[])]);
    let change = under_way(&state);
    assert_eq!((change.number, &change.wanted), (2, &group(&state, "acme/a").members));
    // A leader that has not heard of it yet.
    must(&mut state, [complete(1, 1)]);
    assert_eq!(under_way(&state), change);
    must(&mut state, [complete(1, 2)]);
    assert_eq!((group(&state, "acme/a").change, on(&state, 4)), (None, None));
}

#[test]
fn what_is_wanted_already_is_no_change() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &voters(&[1]), &[], &[2]), set_members("acme/a", voters(&[3, 2, 1]))]);
    assert_eq!(group(&state, "acme/a").changes, 0);
    must(&mut state, [edit("acme/a", &learners(&[4]), &[], &[]), edit("acme/a", &learners(&[4]), &[], &[])]);
    assert_eq!(group(&state, "acme/a").changes, 1);
    let audit = state.audit().count();
    must(&mut state, [complete(1, 7)]);
    assert_eq!(state.audit().count(), audit, "nothing to write down");
}

#[test]
fn learners_are_promoted_and_voters_exchanged_all_at_once() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &learners(&[4]), &[], &[]), complete(1, 1)]);
    must(&mut state, [edit("acme/a", &[], &[1, 2], &[4])]);
    assert_eq!(under_way(&state).wanted, [voter(3, 3), voter(4, 4)]);
    must(&mut state, [set_members("acme/a", voters(&[1, 2]))]);
    assert_eq!(under_way(&state).wanted, [voter(1, 1), voter(2, 2)]);
    let last = state.audit().next_back().expect("a record").change.clone();
    assert_eq!(last, "group acme/a is to have voters on 1, 2");
}

#[test]
fn members_that_no_group_can_have_are_refused_and_change_nothing() {
    let mut state = three_of_four();
    must(&mut state, [register_as(5, "10.0.0.5:7600", "another engine"), drain(4)]);
    let before = state.clone();
    let mut refused = |one| change(&mut state, one).expect_err("no group can have these");
    let unfit = |error: CatalogError, text: &str| {
        assert!(matches!(&error, CatalogError::NodesUnfit { cause } if cause.contains(text)), "{error}");
    };
    unfit(refused(edit("acme/a", &[], &[1, 2, 3], &[])), "at least one voter");
    unfit(refused(set_members("acme/a", learners(&[1]))), "at least one voter");
    unfit(refused(set_members("acme/a", voters(&[1, 1]))), "named twice");
    unfit(refused(edit("acme/a", &voters(&[1]), &[1], &[])), "named twice");
    unfit(refused(edit("acme/a", &learners(&[1]), &[], &[])), "a voter already");
    unfit(refused(edit("acme/a", &voters(&[5]), &[], &[])), "another engine");
    let (name, node) = ("acme/a".parse().expect("a name"), NodeId(4));
    assert_eq!(refused(edit("acme/a", &voters(&[4]), &[], &[])), CatalogError::NodeDraining { node });
    assert_eq!(
        refused(edit("acme/a", &voters(&[9]), &[], &[])),
        CatalogError::NodeUnknown { node: NodeId(9) }
    );
    assert_eq!(refused(edit("acme/a", &[], &[4], &[])), CatalogError::MemberUnknown { group: name, node });
    let name = "acme/b".parse().expect("a name");
    assert_eq!(refused(edit("acme/b", &[], &[1], &[])), CatalogError::GroupUnknown { name });
    assert_eq!(refused(complete(9, 1)), CatalogError::GroupGone { id: GroupId(9) });
    assert_eq!(state, before);
}

#[test]
fn a_draining_node_keeps_what_it_has() {
    let mut state = three_of_four();
    must(&mut state, [drain(3), edit("acme/a", &voters(&[4]), &[], &[]), edit("acme/a", &[], &[4], &[])]);
    assert_eq!(on(&state, 3), Some(3));
}

#[test]
fn a_node_creates_what_is_to_join_and_removes_only_what_has_left() {
    let mut state = three_of_four();
    let hosted = |replicas: &[(u64, u64)]| Hosted {
        engine_fingerprint: super::fixtures::ENGINE.into(),
        replicas: replicas.iter().map(|(group, replica)| (GroupId(*group), ReplicaId(*replica))).collect(),
        plugins: [group(&three_of_four(), "acme/a").digest].into(),
    };
    must(&mut state, [edit("acme/a", &voters(&[4]), &[1], &[])]);
    let create = Instruction::Create { group: group(&state, "acme/a"), replica: ReplicaId(4) };
    assert_eq!(reconcile(&state, NodeId(4), &hosted(&[])), [create]);
    assert_eq!(reconcile(&state, NodeId(1), &hosted(&[(1, 1)])), [], "it still votes");
    assert_eq!(state.replicas_by_node()[&NodeId(4)], 1);
    must(&mut state, [complete(1, 1)]);
    let remove = Instruction::Remove { group: GroupId(1), replica: ReplicaId(1) };
    assert_eq!(reconcile(&state, NodeId(1), &hosted(&[(1, 1)])), [remove]);
}

#[test]
fn a_group_that_was_recovered_has_its_survivors_and_nothing_else_is_wanted() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &voters(&[4]), &[1], &[])]);
    must(&mut state, [note_recovery(1, 1, &[voter(3, 3)])]);
    let after = group(&state, "acme/a");
    assert_eq!((&after.members[..], &after.change, after.epoch), (&[voter(3, 3)][..], &None, 1));
    assert!(
        [1, 2, 4].iter().all(|node| on(&state, *node).is_none()),
        "what is lost is destroyed when it is back"
    );
    let record = state.audit().next_back().expect("it is audited").change.clone();
    assert!(record.contains("lost are its replicas on 1, 2, 4"), "{record}");
    must(&mut state, [complete(1, 1), note_recovery(1, 1, &[voter(2, 2)])]);
    assert_eq!(group(&state, "acme/a"), after, "told twice, and late");
    // A node comes back with a replica of its own.
    must(&mut state, [edit("acme/a", &voters(&[2]), &[], &[])]);
    assert_eq!(on(&state, 2), Some(5));
    let stranger = change(&mut state, note_recovery(1, 2, &[voter(9, 1)]));
    assert!(matches!(stranger, Err(CatalogError::Malformed { .. })), "{stranger:?}");
}

#[test]
fn a_catalog_that_was_recovered_gives_out_no_number_that_may_have_been_lost() {
    let mut state = three_of_four();
    must(&mut state, [note_recovery(0, 1, &[voter(1, 1)])]);
    must(&mut state, [note_recovery(0, 1, &[voter(1, 1)]), create("acme/b", "acme/kv@1", &[1])]);
    let created = group(&state, "acme/b");
    assert!(created.id.0 > 1_000_000 && created.members[0].replica.0 > 1_000_000, "{created:?}");
    assert_eq!(state.epoch(), 1);
    assert_eq!(CatalogState::decode(&state.encode()), Ok(state));
}

//! Replicas that are of no use, and what takes their place.

use super::fixtures::{
    complete, create, drain, edit, furnished, group, must, note_broken, set_members, voters,
};
use crate::{CatalogState, limits::GROUP_ALARMS_MAX};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

/// The group `acme/a`, number 1, on nodes 1, 2, 3 of four as replicas 1, 2, 3.
fn three_of_four() -> CatalogState {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2, 3])]);
    state
}

fn voter(replica: u64, node: u64) -> Member {
    Member { replica: ReplicaId(replica), node: NodeId(node), role: MemberRole::Voter }
}

fn wanted(state: &CatalogState) -> Vec<Member> {
    group(state, "acme/a").wanted().to_vec()
}

#[test]
fn a_broken_replica_is_removed_and_then_added_again_under_a_new_number() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2)]);
    let alarm = &group(&state, "acme/a").alarms[0];
    assert_eq!((alarm.node, alarm.replica, alarm.ended_ms), (NodeId(3), ReplicaId(3), 0));
    assert_eq!((alarm.what.as_str(), alarm.raised_ms), ("it is wrong", 1_234));
    let read = CatalogState::decode(&state.encode()).expect("just written");
    assert_eq!(group(&read, "acme/a"), group(&state, "acme/a"), "what is to be added as well");
    // Told again, as after a restart of its node.
    must(&mut state, [note_broken(3, 3, true), complete(1, 1)]);
    let read = CatalogState::decode(&state.encode()).expect("just written");
    assert_eq!(read.encode(), state.encode());
    assert_eq!(group(&read, "acme/a"), group(&state, "acme/a"), "alarms and all");
    let between = group(&state, "acme/a");
    assert_eq!(between.members, [voter(1, 1), voter(2, 2)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(4, 3)]);
    assert_eq!(between.alarms[0].ended_ms, 0, "its node has none yet");
    // The leader tells of the first once more: it is another change by now.
    must(&mut state, [complete(1, 1), complete(1, 2)]);
    let after = group(&state, "acme/a");
    assert_eq!((after.members, after.change), (vec![voter(1, 1), voter(2, 2), voter(4, 3)], None));
    assert_eq!((after.alarms.len(), after.alarms[0].ended_ms), (1, 1_234));
    must(&mut state, [note_broken(3, 3, true)]);
    assert_eq!(group(&state, "acme/a").change, None, "it is not there any more");
}

#[test]
fn one_that_is_not_to_be_replaced_raises_an_alarm_until_an_operator_has_replaced_it() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, false), note_broken(3, 3, false)]);
    let noted = group(&state, "acme/a");
    assert_eq!((noted.alarms.len(), noted.change), (1, None));
    must(&mut state, [edit("acme/a", &[], &[3], &[]), complete(1, 1)]);
    assert_eq!(group(&state, "acme/a").alarms[0].ended_ms, 1_234);
}

#[test]
fn nothing_is_replaced_while_the_members_change() {
    let mut state = three_of_four();
    must(&mut state, [edit("acme/a", &voters(&[4]), &[], &[]), note_broken(3, 3, true)]);
    let group_now = group(&state, "acme/a");
    assert_eq!(group_now.alarms.len(), 1, "but it is noted");
    assert_eq!(wanted(&state).len(), 4);
    must(&mut state, [complete(1, 1), note_broken(3, 3, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(4, 4)]);
}

#[test]
fn a_change_that_comes_between_does_not_forget_the_new_replica_unless_it_names_all() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true), edit("acme/a", &voters(&[4]), &[], &[]), complete(1, 2)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(5, 3), voter(4, 4)]);
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true), set_members("acme/a", voters(&[1, 2, 4])), complete(1, 2)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(4, 4)]);
}

#[test]
fn a_node_that_is_to_be_emptied_gets_no_new_replica() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true), drain(3), complete(1, 1)]);
    let after = group(&state, "acme/a");
    assert_eq!((after.members, after.change), (vec![voter(1, 1), voter(2, 2)], None));
}

#[test]
fn the_last_that_holds_the_data_is_never_removed() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1]), note_broken(1, 1, true)]);
    let noted = group(&state, "acme/a");
    assert_eq!((noted.alarms.len(), noted.change), (1, None), "an operator is needed");
}

#[test]
fn one_that_is_to_become_a_member_is_exchanged_at_once() {
    let mut state = three_of_four();
    must(&mut state, [set_members("acme/a", voters(&[1, 2, 4])), note_broken(4, 4, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(5, 4)]);
    assert_eq!(group(&state, "acme/a").alarms[0].ended_ms, 0);
    assert!(
        !group(&state, "acme/a").placed().any(|member| member.replica == ReplicaId(4)),
        "it is destroyed"
    );
    must(&mut state, [note_broken(4, 4, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(5, 4)], "once");
    // A leader that has not heard of it believes the change to have come about with the first one.
    must(&mut state, [complete(1, 1)]);
    assert_eq!(group(&state, "acme/a").members, [voter(1, 1), voter(2, 2), voter(3, 3)]);
    must(&mut state, [complete(1, 2)]);
    let after = group(&state, "acme/a");
    assert_eq!((after.members, after.change), (vec![voter(1, 1), voter(2, 2), voter(5, 4)], None));
    assert_eq!(after.alarms[0].ended_ms, 1_234);
}

#[test]
fn the_new_one_in_place_of_a_broken_one_may_break_as_well() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true), complete(1, 1), note_broken(3, 4, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(5, 3)]);
    must(&mut state, [complete(1, 3)]);
    assert!(group(&state, "acme/a").alarms.iter().all(|alarm| alarm.ended_ms == 1_234));
}

#[test]
fn a_change_whose_newcomer_gets_no_other_replica_is_taken_back() {
    let mut state = three_of_four();
    must(&mut state, [set_members("acme/a", voters(&[1, 2, 4])), note_broken(4, 4, false)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(3, 3)]);
    let taken_back = group(&state, "acme/a");
    assert!(taken_back.placed().any(|member| *member == voter(4, 4)), "raft may have it as a member");
    must(&mut state, [complete(1, 2)]);
    assert_eq!((wanted(&state).len(), group(&state, "acme/a").alarms[0].ended_ms), (3, 1_234));
}

#[test]
fn what_is_taken_back_does_not_want_a_broken_member_again() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, true), edit("acme/a", &voters(&[4]), &[], &[])]);
    must(&mut state, [note_broken(4, 4, false)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2)]);
    must(&mut state, [complete(1, 3)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(5, 3)]);
}

#[test]
fn a_change_that_would_have_no_majority_without_a_broken_member_is_taken_back() {
    let mut state = three_of_four();
    must(&mut state, [set_members("acme/a", voters(&[1, 3])), note_broken(3, 3, true)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2)], "those that live, and then a new one");
    must(&mut state, [complete(1, 1)]);
    assert_eq!(group(&state, "acme/a").members.len(), 3, "that one is no more");
    must(&mut state, [complete(1, 2)]);
    assert_eq!(wanted(&state), [voter(1, 1), voter(2, 2), voter(4, 3)]);
}

#[test]
fn who_is_known_to_be_broken_counts_for_no_majority() {
    let mut state = three_of_four();
    must(&mut state, [note_broken(3, 3, false), note_broken(2, 2, true)]);
    let noted = group(&state, "acme/a");
    assert_eq!((noted.alarms.len(), noted.change), (2, None), "one of three is left");
}

#[test]
fn so_many_alarms_are_kept() {
    let mut state = three_of_four();
    let mut number = 0;
    for replica in [3].into_iter().chain(4..4 + 2 * GROUP_ALARMS_MAX as u64) {
        must(&mut state, [note_broken(3, replica, true), complete(1, number + 1), complete(1, number + 2)]);
        number += 2;
    }
    let alarms = group(&state, "acme/a").alarms;
    assert_eq!(alarms.len(), GROUP_ALARMS_MAX);
    assert!(alarms.iter().all(|alarm| alarm.ended_ms > 0));
}

//! Changes of the members.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voter, voters},
    lone::{Lone, refusals},
};
use crate::{EntryBody, Input, Refusal, ReplicaStart, RequestId, Role};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

fn learner(replica: u64) -> Member {
    Member { role: MemberRole::Learner, ..voter(replica) }
}

/// A group on nodes 1 to 3 of five, with replicas that are to join on the others.
fn with_two_to_join(seed: u64) -> Cluster {
    let mut cluster = Cluster::empty(5, seed);
    cluster.create(GROUP, &voters(1..=3));
    for node in [4, 5] {
        cluster.host(NodeId(node), ReplicaStart::joining(GROUP, ReplicaId(node)));
    }
    cluster.commit(b"before");
    cluster
}

fn configurations(cluster: &Cluster) -> Vec<crate::Configuration> {
    let bodies = cluster.checks.committed[&GROUP].values().filter_map(|(_, body)| match body {
        EntryBody::Configuration(configuration) => Some(configuration.clone()),
        _ => None,
    });
    bodies.collect()
}

#[track_caller]
fn change(cluster: &mut Cluster, members: Vec<Member>) {
    let leader = cluster.leader();
    let request = cluster.change_members(leader, members);
    let answer = cluster.answer(request);
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
}

#[test]
fn a_learner_follows_and_does_not_vote() {
    let mut cluster = with_two_to_join(1);
    let mut members = voters(1..=3);
    members.push(learner(4));
    change(&mut cluster, members);
    let index = cluster.commit(b"to all");
    cluster.applied(1..=4, index);
    assert!(!configurations(&cluster)[0].is_joint(), "one change needs no joint configuration");
    // Two of three voters gone: the learner is no help.
    cluster.crash(NodeId(2));
    cluster.crash(NodeId(3));
    cluster.run_ms(10_000);
    assert_eq!(cluster.leader_of(GROUP), None);
}

#[test]
fn a_learner_becomes_a_voter() {
    let mut cluster = with_two_to_join(2);
    for role in [MemberRole::Learner, MemberRole::Voter] {
        let mut members = voters(1..=3);
        members.push(Member { role, ..voter(4) });
        change(&mut cluster, members);
        let index = cluster.commit(b"to the newcomer, too");
        cluster.applied([4], index);
        cluster.run_ms(100);
    }
    assert_eq!(cluster.status(1).configuration.voters().count(), 4);
    cluster.crash(NodeId(1));
    cluster.leader_among(&[1]);
    cluster.commit(b"three of four");
}

#[test]
fn several_replicas_are_exchanged_at_once_by_way_of_a_joint_configuration() {
    let mut cluster = with_two_to_join(3);
    change(&mut cluster, voters([1, 4, 5]));
    let configurations = configurations(&cluster);
    assert!(configurations[0].is_joint() && !configurations[1].is_joint(), "entered and left");
    assert_eq!(configurations[0].outgoing, voters(1..=3));
    let index = cluster.commit(b"to the new");
    cluster.applied([1, 4, 5], index);
    for gone in [2, 3] {
        cluster.destroy(NodeId(gone), GROUP);
    }
    cluster.commit(b"without the old");
}

#[test]
fn all_replicas_are_exchanged() {
    let mut cluster = with_two_to_join(4);
    change(&mut cluster, voters([4, 5]));
    let next = cluster.leader_among(&[1, 2, 3]);
    assert!([4, 5].contains(&next));
    cluster.run_ms(1_000);
    for gone in [1, 2, 3] {
        cluster.destroy(NodeId(gone), GROUP);
    }
    let index = cluster.commit(b"elsewhere");
    cluster.applied([4, 5], index);
    assert_eq!(cluster.machine(4).commands.len(), 2);
}

#[test]
fn the_next_leader_leaves_a_joint_configuration_that_the_last_one_entered() {
    let mut cluster = with_two_to_join(5);
    let leader = cluster.leader();
    cluster.change_members(leader, voters([2, 3, 4]));
    cluster.until("joint", |cluster| configurations(cluster).iter().any(crate::Configuration::is_joint));
    cluster.crash(NodeId(leader));
    cluster.until("left", |cluster| configurations(cluster).last().is_some_and(|last| !last.is_joint()));
    cluster.commit(b"after");
    assert_eq!(cluster.status(2).configuration.members, voters([2, 3, 4]));
}

#[test]
fn a_change_that_its_leader_does_not_finish_is_refused_as_lost() {
    let mut lone = Lone::new(3);
    lone.lead();
    let members = voters([2, 3, 4]);
    let request = RequestId(1);
    lone.step(vec![Input::ProposeConfiguration {
        group: GROUP,
        request,
        members,
        promote_when_caught_up: false,
    }]);
    let heartbeat = super::lone::message(crate::RaftMessageType::Heartbeat, 2, 9);
    assert_eq!(refusals(&lone.receive(heartbeat)), [(1, Refusal::Lost)]);
}

#[test]
fn one_change_at_a_time() {
    let mut lone = Lone::new(3);
    lone.lead();
    let propose = |request, members| Input::ProposeConfiguration {
        group: GROUP,
        request: RequestId(request),
        members,
        promote_when_caught_up: false,
    };
    let effects = lone.step(vec![propose(1, voters(1..=4)), propose(2, voters(1..=2))]);
    let cause = "another change of its members is under way";
    assert_eq!(refusals(&effects), [(2, Refusal::Unavailable { cause })]);
}

#[test]
fn a_new_leader_takes_no_change_before_its_first_commit() {
    // Or it could make a change while one of its predecessor is still to come.
    let mut lone = Lone::new(1);
    let effects = lone.step(vec![Input::ProposeConfiguration {
        group: GROUP,
        request: RequestId(1),
        members: voters(1..=2),
        promote_when_caught_up: false,
    }]);
    let cause = "its leader is new and has not committed anything yet";
    assert_eq!(refusals(&effects), [(1, Refusal::Unavailable { cause })]);
}

#[test]
fn members_that_cannot_be_are_refused() {
    let mut cluster = Cluster::new(3, 6);
    let leader = cluster.leader();
    for members in [vec![], voters(1..=3), vec![learner(1)]] {
        let request = cluster.change_members(leader, members);
        assert!(matches!(cluster.answer(request), Answer::Refused(Refusal::Configuration { .. })));
    }
    let request = cluster.change_members(1 + leader % 3, voters(1..=2));
    assert!(matches!(cluster.answer(request), Answer::Refused(Refusal::NotLeader { .. })));
}

#[test]
fn a_removed_replica_that_does_not_know_disturbs_nobody() {
    let mut cluster = Cluster::new(4, 7);
    let leader = cluster.leader();
    let gone = if leader == 4 { 3 } else { 4 };
    cluster.isolate(&[gone]);
    change(&mut cluster, voters((1..=4).filter(|replica| *replica != gone)));
    let term = cluster.status(leader).term;
    cluster.heal();
    cluster.run_ms(10_000);
    assert_eq!((cluster.leader_of(GROUP), cluster.status(leader).term), (Some(NodeId(leader)), term));
}

#[test]
fn a_restarted_replica_is_in_the_configuration_it_was_in() {
    let mut cluster = with_two_to_join(8);
    change(&mut cluster, voters([1, 2, 4]));
    let index = cluster.commit(b"after");
    cluster.applied([1, 2, 4], index);
    for node in [1, 2, 4] {
        cluster.crash(NodeId(node));
        cluster.start(NodeId(node));
    }
    cluster.commit(b"again");
    for node in [1, 2, 4] {
        assert_eq!(cluster.status(node).configuration.members, voters([1, 2, 4]), "node {node}");
    }
}

#[test]
fn a_leader_knows_how_far_its_members_are() {
    let mut cluster = Cluster::new(3, 9);
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.run_ms(500);
    cluster.isolate(&[slow]);
    let index = cluster.commit(b"missed by one");
    cluster.run_ms(500);
    let progress = cluster.status(leader).progress;
    assert_eq!(progress.len(), 3);
    for member in &progress {
        let has_it = member.matched >= index;
        assert_eq!(has_it, member.member.node != NodeId(slow), "{member:?}");
        assert_eq!(member.committed >= index, has_it, "{member:?}");
    }
    assert!(cluster.status(slow).progress.is_empty());
}

#[test]
fn a_voter_learns_from_a_refusal_of_an_earlier_term_that_a_change_is_committed() {
    // Found by simulation: see `Replica::learn_commit`.
    let mut lone = Lone::new(2);
    let joint =
        crate::Configuration { outgoing: voters([1, 2]), ..crate::Configuration::new(voters([1, 3])) };
    let left = crate::Configuration::new(voters([1, 3]));
    let bodies = [EntryBody::Configuration(joint), EntryBody::Configuration(left.clone())];
    let entries = super::lone::append(2, 5, ReplicaStart::BOOTSTRAP, &bodies, 2);
    lone.step_and_persist(vec![Input::Message(entries)]);
    assert!(lone.status().configuration.is_joint());
    // It was a candidate in a later term, in vain.
    let late = super::lone::message(crate::RaftMessageType::RequestVoteResponse, 3, 7);
    lone.step_and_persist(vec![Input::Message(late)]);
    assert_eq!(lone.status().term, 7);
    lone.campaign();
    let refusal = crate::RaftMessage {
        reject: true,
        commit: 3,
        commit_term: 5,
        ..super::lone::message(crate::RaftMessageType::RequestPreVoteResponse, 2, 5)
    };
    lone.step_and_persist(vec![Input::Message(refusal)]);
    assert_eq!(lone.status().configuration, left);
    assert_eq!(lone.status().role, Role::Follower);
}

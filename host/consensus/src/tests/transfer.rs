//! Handing the leadership over.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP},
    lone::{Lone, kinds, message, refusals},
};
use crate::{Effect, Input, RaftMessageType, Refusal, RequestId, Role};
use quorate_vocabulary::{NodeId, ReplicaId};
use std::time::Duration;

fn transfer(request: u64, to: Option<u64>) -> Input {
    Input::TransferLeader { group: GROUP, request: RequestId(request), to: to.map(ReplicaId) }
}

#[test]
fn the_leadership_is_handed_to_the_voter_that_is_named() {
    let mut cluster = Cluster::new(3, 7);
    let leader = cluster.leader();
    let to = 1 + leader % 3;
    let before = cluster.now;
    let request = cluster.transfer(NodeId(leader), Some(ReplicaId(to)));
    assert_eq!(cluster.answer(request), Answer::Transferred { to: ReplicaId(to) });
    assert_eq!(cluster.leader_among(&[leader]), to);
    assert!(cluster.now - before < Duration::from_millis(100));
    // To itself: it is so already.
    let request = cluster.transfer(NodeId(to), Some(ReplicaId(to)));
    assert_eq!(cluster.answer(request), Answer::Transferred { to: ReplicaId(to) });
}

#[test]
fn the_leadership_is_handed_to_the_voter_that_is_most_up_to_date() {
    let mut cluster = Cluster::new(5, 8);
    let leader = cluster.leader();
    let (first, second) = (1 + leader % 5, 1 + (leader + 1) % 5);
    cluster.isolate(&[first, second]);
    cluster.commit(b"missed by two");
    let request = cluster.transfer(NodeId(leader), None);
    let Answer::Transferred { to } = cluster.answer(request) else { panic!("not handed over") };
    assert!(![leader, first, second].contains(&to.0), "{to}");
}

#[test]
fn a_transfer_that_cannot_be_is_refused_at_once() {
    let mut lone = Lone::new(3);
    lone.lead();
    let refused = refusals(&lone.step(vec![transfer(1, Some(9))]));
    assert!(matches!(refused[..], [(1, Refusal::NotTransferred { .. })]), "{refused:?}");
    let refused = refusals(&lone.step(vec![transfer(2, Some(2)), transfer(3, Some(3))]));
    assert!(matches!(refused[..], [(3, Refusal::Unavailable { .. })]), "one at a time: {refused:?}");

    let mut alone = Lone::new(1);
    let refused = refusals(&alone.step(vec![transfer(1, None)]));
    assert!(matches!(refused[..], [(1, Refusal::NotTransferred { .. })]), "{refused:?}");
    let mut follower = Lone::new(3);
    let refused = refusals(&follower.step(vec![transfer(1, None)]));
    assert!(matches!(refused[..], [(1, Refusal::NotLeader { .. })]), "{refused:?}");
}

#[test]
fn commands_wait_while_the_leadership_is_handed_over_and_go_on_when_it_is_not() {
    let mut lone = Lone::new(3);
    lone.lead();
    let effects = lone.step(vec![transfer(1, Some(2))]);
    assert!(kinds(&effects).contains(&RaftMessageType::TimeoutNow));
    let last = lone.status().last;
    assert!(refusals(&lone.propose(2, b"waits")).is_empty());
    assert_eq!(lone.status().last, last, "nothing is appended");
    // The successor says nothing; the others live.
    let mut refused = Vec::new();
    for _ in 0..10 {
        assert!(refused.is_empty());
        assert_eq!(lone.status().last, last);
        let alive = message(RaftMessageType::HeartbeatResponse, 3, lone.status().term);
        lone.receive(alive);
        refused = refusals(&lone.tick());
    }
    assert!(matches!(refused[..], [(1, Refusal::NotTransferred { .. })]), "{refused:?}");
    assert_eq!(lone.status().role, Role::Leader);
    assert_eq!(lone.status().last.index, last.index + 1, "served again");
}

#[test]
fn commands_that_waited_are_sent_on_to_the_successor() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.step(vec![transfer(1, Some(2))]);
    lone.propose(2, b"waits");
    let term = lone.status().term + 1;
    let vote = crate::RaftMessage {
        index: 2,
        log_term: term - 1,
        commit: 2,
        commit_term: term - 1,
        context: bytes::Bytes::from_static(b"CampaignTransfer"),
        ..message(RaftMessageType::RequestVote, 2, term)
    };
    let effects = lone.step_and_persist(vec![Input::Message(vote)]);
    let refused = refusals(&effects);
    let [(2, Refusal::NotLeader { leader: Some(successor) })] = refused[..] else { panic!("{refused:?}") };
    assert_eq!(successor.replica, ReplicaId(2));
    let effects = lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, term))]);
    let told = effects.iter().any(|effect| {
        matches!(effect, Effect::LeaderTransferred { request: RequestId(1), leader, .. } if leader.replica.0 == 2)
    });
    assert!(told, "{effects:?}");
}

#[test]
fn another_leader_than_the_one_named_is_no_success() {
    for (named, succeeds) in [(Some(2), false), (None, true)] {
        let mut lone = Lone::new(3);
        lone.lead();
        lone.step(vec![transfer(1, named)]);
        let term = lone.status().term + 1;
        let effects =
            lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 3, term))]);
        let refused = refusals(&effects);
        assert_eq!(refused.is_empty(), succeeds, "{refused:?}");
    }
}

#[test]
fn closing_refuses_a_transfer() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.step(vec![transfer(1, None)]);
    let refused = refusals(&lone.step(vec![Input::Close { group: GROUP }]));
    assert_eq!(refused, [(1, Refusal::Closed { appended: false })]);
}

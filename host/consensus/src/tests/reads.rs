//! Linearizable reads.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP},
    lone::{Lone, kinds, message, refusals, sent},
};
use crate::{Effect, Input, RaftMessage, RaftMessageType, ReadMode, Refusal, ReplicaStart, RequestId};
use bytes::Bytes;
use quorate_vocabulary::{NodeId, ReplicaId};

fn read(request: u64) -> Input {
    Input::Read { group: GROUP, request: RequestId(request), mode: ReadMode::Linearizable }
}

/// The marks of the reads that are asked of the leader.
fn asked(effects: &[Effect]) -> Vec<Bytes> {
    let reads = sent(effects).filter(|message| message.r#type() == RaftMessageType::ReadIndex);
    reads.map(|message| message.context.clone()).collect()
}

fn ready(effects: &[Effect]) -> Vec<(u64, u64)> {
    let ready = effects.iter().filter_map(|effect| match effect {
        Effect::ReadReady { request, index, .. } => Some((request.0, *index)),
        _ => None,
    });
    ready.collect()
}

/// A follower of replica 2.
fn follower() -> Lone {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 3))]);
    lone
}

fn answer(mark: &Bytes, index: u64) -> RaftMessage {
    RaftMessage { index, context: mark.clone(), ..message(RaftMessageType::ReadIndexResponse, 2, 3) }
}

#[test]
fn any_replica_answers_reads() {
    let mut cluster = Cluster::new(3, 1);
    let index = cluster.commit(b"written");
    for node in 1..=3 {
        let request = cluster.read(node);
        let Answer::Read { index: at } = cluster.answer(request) else { panic!("not read") };
        assert!(at >= index);
    }
}

#[test]
fn a_group_of_one_answers_a_read_in_the_step_that_asks() {
    let mut lone = Lone::new(1);
    lone.step_and_persist(vec![]);
    let number = lone.status().term;
    lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(ready(&lone.step(vec![read(1)])), [(1, 2)]);
}

#[test]
fn reads_that_come_together_ask_once() {
    let mut lone = follower();
    let effects = lone.step((1..=50).map(read).collect());
    let marks = asked(&effects);
    assert_eq!(marks.len(), 1);
    let effects = lone.receive(answer(&marks[0], 1));
    assert_eq!(ready(&effects).len(), 50);
}

#[test]
fn reads_that_come_while_many_are_asked_wait_for_each_other() {
    let mut lone = follower();
    let marks: Vec<Bytes> = (1..=20).flat_map(|request| asked(&lone.step(vec![read(request)]))).collect();
    assert_eq!(marks.len(), 4);
    let effects = lone.receive(answer(&marks[0], 1));
    assert_eq!(ready(&effects), [(1, 1)]);
    assert_eq!(asked(&effects).len(), 1, "all that waited ask together");
}

#[test]
fn an_answer_is_good_for_what_was_asked_before_it() {
    let mut lone = follower();
    let marks: Vec<Bytes> = (1..=3).flat_map(|request| asked(&lone.step(vec![read(request)]))).collect();
    assert_eq!(ready(&lone.receive(answer(&marks[1], 1))), [(1, 1), (2, 1)]);
    assert_eq!(ready(&lone.receive(answer(&marks[1], 1))), [], "once");
}

#[test]
fn a_read_whose_question_or_answer_is_lost_is_asked_again() {
    let mut lone = follower();
    let first = asked(&lone.step(vec![read(1)]));
    let mut again = Vec::new();
    for _ in 0..8 {
        // The leader lives.
        let mut effects = lone.receive(message(RaftMessageType::Heartbeat, 2, 3));
        effects.extend(lone.tick());
        again.extend(asked(&effects));
    }
    assert_eq!(again.len(), 1);
    assert_ne!(first, again);
    assert_eq!(ready(&lone.receive(answer(&again[0], 1))), [(1, 1)]);
}

#[test]
fn an_answer_to_another_run_of_the_replica_is_ignored() {
    let mut lone = follower();
    let before = asked(&lone.step(vec![read(1)]));
    let other = crate::ShardConfig::new(NodeId(1), 2);
    let mut lone = Lone::closed(other);
    lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), super::cluster::voters(1..=3)));
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 3))]);
    assert_eq!(asked(&lone.step(vec![read(1)])).len(), 1);
    assert_eq!(ready(&lone.receive(answer(&before[0], 1))), []);
}

#[test]
fn reads_wait_for_a_leader_and_give_up_after_a_while() {
    let mut lone = Lone::new(3);
    assert!(lone.step(vec![read(1)]).is_empty());
    let effects = lone.receive(message(RaftMessageType::Heartbeat, 2, 3));
    let number = super::lone::persists(&effects).last().expect("a write").number;
    assert_eq!(
        asked(&effects).len() + asked(&lone.step(vec![Input::Persisted { group: GROUP, number }])).len(),
        1
    );

    let mut lone = Lone::new(3);
    lone.step(vec![read(2)]);
    let refused = refusals(&lone.ticks(30));
    assert_eq!(refused, [(2, Refusal::Unavailable { cause: "it has no leader" })]);
}

#[test]
fn reads_are_asked_of_the_next_leader_when_one_is_lost() {
    let mut cluster = Cluster::new(3, 3);
    let leader = cluster.leader();
    let asking = 1 + leader % 3;
    cluster.isolate(&[leader]);
    let on_follower = cluster.read(asking);
    let on_leader = cluster.read(leader);
    cluster.leader_among(&[leader]);
    assert!(matches!(cluster.answer(on_follower), Answer::Read { .. }));
    cluster.heal();
    let answer = cluster.answer(on_leader);
    assert!(
        matches!(answer, Answer::Read { .. } | Answer::Refused(Refusal::Unavailable { .. })),
        "{answer:?}"
    );
}

#[test]
fn more_reads_than_may_wait_are_refused() {
    let mut config = super::lone::config();
    config.waiting_reads_max = 3;
    let mut lone = Lone::closed(config);
    lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), super::cluster::voters(1..=3)));
    let effects = lone.step((1..=5).map(read).collect());
    let refused = refusals(&effects);
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0], (4, Refusal::TooManyReads { waiting_reads_max: 3 }));
}

#[test]
fn closing_refuses_reads() {
    let mut lone = follower();
    lone.step(vec![read(1)]);
    lone.step((2..=9).map(read).collect());
    let effects = lone.step(vec![Input::Close { group: GROUP }]);
    assert_eq!(refusals(&effects).len(), 9);
    assert!(kinds(&effects).is_empty());
}

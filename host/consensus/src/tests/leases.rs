//! Reads by the leader's lease, and the promises that it rests on.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, kinds, message, sent},
};
use crate::{
    Effect, Input, RaftMessage, RaftMessageType, ReadMode, ReplicaStart, RequestId, Role, ShardConfig,
};
use quorate_vocabulary::{NodeId, ReplicaId};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Whether a read by lease is answered at once.
fn is_read(lone: &mut Lone, request: u64) -> bool {
    let request = RequestId(request);
    let effects = lone.step(vec![Input::Read { group: GROUP, request, mode: ReadMode::Lease }]);
    effects.iter().any(|effect| matches!(effect, Effect::ReadReady { request: read, .. } if *read == request))
}

/// A leader of three that has just sent heartbeats, and their stamp.
fn leader() -> (Lone, u64) {
    let mut lone = Lone::new(3);
    lone.lead();
    let effects = lone.tick();
    let beats = sent(&effects).filter(|message| message.r#type() == RaftMessageType::Heartbeat);
    let stamps: Vec<u64> = beats.map(|message| message.sent_stamp).collect();
    assert!(stamps[0] > 0 && stamps.len() == 2, "{stamps:?}");
    (lone, stamps[0])
}

fn answer(lone: &mut Lone, from: u64, stamp: u64) {
    let term = lone.status().term;
    lone.receive(RaftMessage {
        sent_stamp: stamp,
        ..message(RaftMessageType::HeartbeatResponse, from, term)
    });
}

#[test]
fn a_leader_whose_heartbeats_a_majority_answers_reads_at_once() {
    let (mut lone, stamp) = leader();
    assert!(!is_read(&mut lone, 1), "nobody has answered");
    answer(&mut lone, 3, stamp);
    assert!(is_read(&mut lone, 2));
}

#[test]
fn a_lease_ends_a_margin_before_an_election_timeout() {
    let (mut lone, stamp) = leader();
    answer(&mut lone, 3, stamp);
    lone.now.monotonic += ms(899);
    assert!(is_read(&mut lone, 1));
    lone.now.monotonic += ms(1);
    assert!(!is_read(&mut lone, 2));
}

#[test]
fn a_lease_begins_when_the_heartbeat_was_sent_and_not_when_it_was_answered() {
    let (mut lone, stamp) = leader();
    lone.now.monotonic += ms(890);
    answer(&mut lone, 2, stamp);
    assert!(is_read(&mut lone, 1));
    lone.now.monotonic += ms(10);
    assert!(!is_read(&mut lone, 2));
    // Answered again, late.
    answer(&mut lone, 3, stamp);
    assert!(!is_read(&mut lone, 3));
    answer(&mut lone, 3, stamp + 500_000_000);
    assert!(!is_read(&mut lone, 4), "a stamp that no heartbeat had");
}

#[test]
fn a_read_without_a_lease_asks_the_others() {
    let (mut lone, _) = leader();
    let effects = lone.step(vec![Input::Read { group: GROUP, request: RequestId(1), mode: ReadMode::Lease }]);
    assert_eq!(kinds(&effects), [RaftMessageType::Heartbeat; 2]);
    let mut cluster = Cluster::new(3, 1);
    cluster.commit(b"written");
    for node in 1..=3 {
        let request = cluster.read_by(node, ReadMode::Lease);
        assert!(matches!(cluster.answer(request), Answer::Read { .. }), "node {node}");
    }
}

#[test]
fn a_leader_has_no_lease_before_its_first_commit_nor_in_another_term() {
    let (mut lone, stamp) = leader();
    answer(&mut lone, 2, stamp);
    let term = lone.status().term;
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, term + 1))]);
    assert!(!is_read(&mut lone, 1));
    lone.now.monotonic += ms(1_000);
    lone.lead();
    assert_eq!(lone.status().role, Role::Leader);
    assert!(!is_read(&mut lone, 2), "the answers were to its earlier term");
}

#[test]
fn a_leader_that_called_a_successor_has_no_lease_in_that_term() {
    let (mut lone, stamp) = leader();
    answer(&mut lone, 2, stamp);
    lone.step(vec![Input::TransferLeader { group: GROUP, request: RequestId(1), to: Some(ReplicaId(3)) }]);
    assert!(!is_read(&mut lone, 2));
    for _ in 0..12 {
        answer(&mut lone, 2, stamp);
        lone.tick();
    }
    assert_eq!(lone.status().role, Role::Leader, "it came to nothing");
    // But the call may still arrive.
    let stamp = u64::try_from(lone.now.monotonic.as_micros()).expect("small") + 1;
    answer(&mut lone, 2, stamp);
    assert!(!is_read(&mut lone, 3));
}

#[test]
fn a_leader_has_no_lease_while_its_members_change() {
    let (mut lone, stamp) = leader();
    answer(&mut lone, 2, stamp);
    let (request, members) = (RequestId(1), voters(1..=4));
    lone.step(vec![Input::ProposeConfiguration {
        group: GROUP,
        request,
        members,
        promote_when_caught_up: false,
    }]);
    assert!(!is_read(&mut lone, 2));
}

#[test]
fn a_sole_voter_always_has_a_lease() {
    let mut lone = Lone::new(1);
    lone.step_and_persist(vec![]);
    let number = lone.status().term;
    lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert!(is_read(&mut lone, 1));
}

fn vote_request(term: u64) -> RaftMessage {
    RaftMessage {
        index: 99,
        log_term: term - 1,
        commit: 1,
        commit_term: 1,
        ..message(RaftMessageType::RequestVote, 3, term)
    }
}

/// Whether it votes for replica 3 in this term.
fn votes(lone: &mut Lone, term: u64) -> bool {
    let effects = lone.step_and_persist(vec![Input::Message(vote_request(term))]);
    sent(&effects).any(|message| message.r#type() == RaftMessageType::RequestVoteResponse && !message.reject)
}

#[test]
fn a_follower_that_answers_a_heartbeat_votes_for_nobody_for_an_election_timeout() {
    for (wait_ms, expected) in [(0, false), (999, false), (1_000, true)] {
        let mut lone = Lone::new(3);
        lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 5))]);
        for _ in 0..wait_ms / 100 {
            lone.tick();
        }
        lone.now.monotonic += ms(wait_ms % 100);
        assert_eq!(votes(&mut lone, 6), expected, "after {wait_ms} ms");
    }
}

#[test]
fn a_follower_whose_ticks_are_made_up_for_keeps_its_promise() {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 5))]);
    // Kept from running: the heartbeat is taken in and ticks are made up for in the same step.
    lone.now.monotonic += ms(60_000);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 5))]);
    for _ in 0..9 {
        assert!(!kinds(&lone.tick()).contains(&RaftMessageType::RequestPreVote));
        assert!(!votes(&mut lone, 6));
    }
}

#[test]
fn a_restarted_voter_votes_for_nobody_for_an_election_timeout() {
    let restarted = |term| {
        let mut lone = Lone::closed(super::lone::config());
        let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
        start.hard_state.term = term;
        lone.open(start);
        lone
    };
    let mut lone = restarted(5);
    lone.now.monotonic += ms(999);
    assert!(!votes(&mut lone, 6), "it may have answered a heartbeat before");
    lone.now.monotonic += ms(1);
    assert!(votes(&mut lone, 6));
    assert!(votes(&mut restarted(1), 2), "a new one has not");
}

#[test]
fn a_vote_that_the_leader_has_asked_for_breaks_no_promise() {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 5))]);
    let called = RaftMessage { context: "CampaignTransfer".into(), ..vote_request(6) };
    let effects = lone.step_and_persist(vec![Input::Message(called)]);
    assert!(
        sent(&effects)
            .any(|message| message.r#type() == RaftMessageType::RequestVoteResponse && !message.reject)
    );
}

#[test]
fn a_leader_that_is_cut_off_stops_reading_before_another_is_elected() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(3, seed);
        cluster.commit(b"before");
        cluster.run_ms(1_500);
        let leader = cluster.leader();
        for node in 1..=3 {
            // The one that is cut off has the slowest clock, and the others the fastest.
            cluster.clock_per_mille.insert(NodeId(node), if node == leader { 1_000 } else { 1_080 });
        }
        cluster.run_ms(1_500);
        cluster.isolate(&[leader]);
        let mut read = 0;
        // Every read is checked against what was committed by anybody when it was asked.
        for _ in 0..300 {
            cluster.run_ms(10);
            let request = cluster.read_by(leader, ReadMode::Lease);
            read += u32::from(!cluster.checks.is_waiting(request));
            if let Some(other) = cluster.leader_of(GROUP).filter(|other| other.0 != leader) {
                cluster.propose(other.0, b"after");
            }
        }
        assert!((50..95).contains(&read), "seed {seed}: {read} reads");
        assert_ne!(cluster.leader_among(&[leader]), leader);
    }
}

#[test]
fn a_margin_that_leaves_no_lease_is_refused() {
    for lease_margin in [Duration::ZERO, ms(1_000)] {
        let config = ShardConfig { lease_margin, ..super::lone::config() };
        assert_eq!(config.check().expect_err("refused").field, "lease_margin");
    }
}

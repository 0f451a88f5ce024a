//! Which voters a group prefers as its leader.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, config, kinds, message},
};
use crate::{Input, RaftMessageType, Refusal, ReplicaStart, Role};
use quorate_vocabulary::{NodeId, ReplicaId};
use std::collections::BTreeMap;

fn priorities(of: &[(u64, u32)]) -> BTreeMap<ReplicaId, u32> {
    of.iter().map(|(replica, priority)| (ReplicaId(*replica), *priority)).collect()
}

/// A group on nodes 1 to 3 that began with these priorities.
fn cluster(seed: u64, of: &[(u64, u32)]) -> Cluster {
    let mut cluster = Cluster::empty(3, seed);
    for member in voters(1..=3) {
        let mut start = ReplicaStart::bootstrap(GROUP, member.replica, voters(1..=3));
        start.configuration.priorities = priorities(of);
        cluster.host(member.node, start);
    }
    cluster
}

fn set(cluster: &mut Cluster, of: &[(u64, u32)]) -> Answer {
    let leader = cluster.leader();
    let request = cluster.request(NodeId(leader), GROUP);
    let priorities = priorities(of);
    cluster.input(NodeId(leader), Input::ProposePriorities { group: GROUP, request, priorities });
    cluster.answer(request)
}

#[test]
fn a_new_group_is_led_by_its_best_voter() {
    for best in 1..=3 {
        let mut cluster = cluster(best, &[(best, 120)]);
        assert_eq!(cluster.leader(), best);
        assert!(cluster.now.as_millis() < 300, "{:?}", cluster.now);
    }
}

#[test]
fn the_best_of_those_that_live_leads_next() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, &[(1, 100), (2, 40), (3, 80)]);
        assert_eq!(cluster.leader(), 1);
        cluster.commit(b"before");
        cluster.run_ms(500);
        cluster.crash(NodeId(1));
        let before = cluster.now;
        assert_eq!(cluster.leader_among(&[1]), 3, "seed {seed}");
        // A timeout of at most two, and one more for the decay.
        let waited = (cluster.now - before).as_millis();
        assert!(waited < 3_500, "seed {seed}: nobody waits for the dead for {waited} ms");
    }
}

#[test]
fn a_better_voter_that_comes_back_gets_the_leadership() {
    let mut cluster = cluster(4, &[(1, 200)]);
    assert_eq!(cluster.leader(), 1);
    cluster.commit(b"before");
    cluster.crash(NodeId(1));
    let next = cluster.leader_among(&[1]);
    cluster.commit(b"without it");
    assert_ne!(next, 1);
    cluster.start(NodeId(1));
    cluster.until("it leads again", |cluster| cluster.leader_of(GROUP) == Some(NodeId(1)));
    let term = cluster.status(1).term;
    cluster.run_ms(10_000);
    assert_eq!(cluster.status(1).term, term, "and goes on leading");
}

#[test]
fn equals_do_not_hand_over_to_each_other() {
    let mut cluster = cluster(5, &[(3, 1)]);
    cluster.leader();
    let term = cluster.status(1).term;
    cluster.run_ms(20_000);
    assert_eq!(cluster.status(1).term, term);
}

#[test]
fn priorities_are_changed_without_changing_members() {
    let mut cluster = cluster(6, &[]);
    assert_eq!(cluster.leader(), 1);
    let answer = set(&mut cluster, &[(2, 150)]);
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
    cluster.until("the other leads", |cluster| cluster.leader_of(GROUP) == Some(NodeId(2)));
    assert_eq!(cluster.status(2).configuration.members, voters(1..=3));
    // A change of members keeps them.
    let leader = cluster.leader();
    let request = cluster.change_members(leader, voters(1..=2));
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert_eq!(cluster.status(2).configuration.priorities, priorities(&[(2, 150)]));
}

#[test]
fn priorities_that_cannot_be_are_refused() {
    let mut cluster = cluster(7, &[]);
    for of in [&[(9, 1)][..], &[(1, 0), (2, 0), (3, 0)], &[(1, 100)], &[]] {
        let answer = set(&mut cluster, of);
        assert!(matches!(answer, Answer::Refused(Refusal::Configuration { .. })), "{of:?}: {answer:?}");
    }
    // And members of which none may lead.
    assert!(matches!(set(&mut cluster, &[(1, 0), (2, 0)]), Answer::Applied { .. }));
    cluster.until("the one that may", |cluster| cluster.leader_of(GROUP) == Some(NodeId(3)));
    cluster.leader();
    let request = cluster.change_members(3, voters(1..=2));
    assert!(matches!(cluster.answer(request), Answer::Refused(Refusal::Configuration { .. })));
}

#[test]
fn a_leader_that_is_to_lead_no_more_hands_over() {
    let mut cluster = cluster(8, &[]);
    let leader = cluster.leader();
    set(&mut cluster, &[(leader, 0)]);
    let before = cluster.now;
    let next = cluster.leader_among(&[leader]);
    assert_ne!(next, leader);
    assert!((cluster.now - before).as_millis() < 500, "{:?}", cluster.now - before);
    let request = cluster.transfer(NodeId(next), Some(ReplicaId(leader)));
    assert!(matches!(cluster.answer(request), Answer::Refused(Refusal::NotTransferred { .. })));
}

#[test]
fn who_never_leads_brings_another_up_to_date_when_it_alone_has_the_log() {
    let mut cluster = cluster(9, &[(3, 0)]);
    assert_eq!(cluster.leader(), 1);
    cluster.isolate(&[2]);
    let index = cluster.commit(b"on one and three");
    cluster.crash(NodeId(1));
    cluster.heal();
    cluster.until("two leads", |cluster| cluster.leader_of(GROUP) == Some(NodeId(2)));
    cluster.applied([2], index);
    cluster.commit(b"after");
}

#[test]
fn a_call_to_campaign_is_ignored_by_who_never_leads() {
    let mut lone = Lone::closed(config());
    let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
    start.configuration.priorities = priorities(&[(1, 0)]);
    lone.open(start);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::Heartbeat, 2, 5))]);
    lone.step_and_persist(vec![Input::Message(message(RaftMessageType::TimeoutNow, 2, 5))]);
    assert_eq!(lone.status().role, Role::Follower);
    // Nor does it campaign for as long as others would long have.
    assert!(!kinds(&lone.ticks(60)).contains(&RaftMessageType::RequestPreVote));
}

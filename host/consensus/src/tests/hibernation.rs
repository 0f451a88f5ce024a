//! Groups in which nothing happens sleep, and wake for whatever comes.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voters},
};
use crate::{Effect, EntryBody, Input, RaftMessageType, ReadMode, ReplicaStart, Role};
use quorate_vocabulary::{GroupId, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

/// Falls asleep after this time.
const IDLE: Duration = Duration::from_millis(500);

fn cluster(nodes: u64, seed: u64) -> Cluster {
    let mut cluster = Cluster::with(nodes, seed, |config| config.hibernate_after = Some(IDLE));
    cluster.commit(b"before");
    cluster
}

/// How many of the groups on this node sleep.
fn asleep(cluster: &Cluster, node: u64) -> usize {
    cluster.nodes[&NodeId(node)].shard.as_ref().map_or(0, |shard| shard.work().asleep)
}

/// Goes on until the group sleeps on these nodes.
#[track_caller]
fn sleeps(cluster: &mut Cluster, nodes: &[u64]) {
    cluster.until("asleep", |cluster| nodes.iter().all(|node| asleep(cluster, *node) == 1));
}

#[test]
fn an_idle_group_sleeps_on_all_nodes() {
    let mut cluster = cluster(3, 1);
    sleeps(&mut cluster, &[1, 2, 3]);
    // Late answers arrive.
    cluster.run_ms(300);
    let before: Vec<_> = cluster.nodes.values().map(|node| node.shard.as_ref().expect("up").work()).collect();
    cluster.records = true;
    cluster.run_ms(60_000);
    for (node, before) in cluster.nodes.values().zip(before) {
        assert_eq!(node.shard.as_ref().expect("up").work(), before, "nothing is done for it");
    }
    let other = cluster.effects.iter().find(|(_, effect)| {
        !matches!(effect, Effect::Send(message) if message.r#type() == RaftMessageType::Beat && message.merged.is_empty())
    });
    assert_eq!(other, None, "and nothing is sent but empty beats");
}

#[test]
fn a_leader_says_once_that_its_group_will_sleep_and_what_is_done_then_comes_before() {
    let mut cluster = cluster(3, 11);
    let leader = cluster.leader();
    let soon = |cluster: &Cluster| {
        let said = cluster.effects.iter().filter(|(_, effect)| matches!(effect, Effect::SoonAsleep { .. }));
        said.map(|(node, _)| *node).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        cluster.commit(b"idle from here on");
        cluster.effects.clear();
        cluster.records = true;
        cluster.until("said", |cluster| !soon(cluster).is_empty());
        assert_eq!(asleep(&cluster, leader), 0, "there is time left");
        let body = EntryBody::Attest { time_ms: 0 };
        cluster.input(NodeId(leader), Input::ProposeEntry { group: GROUP, body });
        sleeps(&mut cluster, &[1, 2, 3]);
        // Once for the idle time that the entry ended, and once for the one that it slept after.
        assert_eq!(soon(&cluster), [NodeId(leader); 2]);
        cluster.run_ms(60_000);
        assert_eq!(soon(&cluster).len(), 2, "one that sleeps says nothing");
        cluster.records = false;
    }
}

#[test]
fn a_group_that_is_busy_does_not_sleep() {
    let mut cluster = cluster(3, 2);
    for _ in 0..20 {
        cluster.run_ms(300);
        cluster.commit(b"busy");
        assert_eq!(asleep(&cluster, cluster.leader_of(GROUP).expect("a leader").0), 0);
    }
}

#[test]
fn none_sleeps_where_that_is_not_wanted() {
    let mut cluster = Cluster::with(3, 3, |config| config.hibernate_after = None);
    cluster.commit(b"before");
    cluster.run_ms(60_000);
    assert_eq!((1..=3).map(|node| asleep(&cluster, node)).sum::<usize>(), 0);
}

#[test]
fn a_command_wakes_a_group_at_once_and_then_it_sleeps_again() {
    let mut cluster = cluster(3, 4);
    let leader = cluster.leader();
    for _ in 0..3 {
        sleeps(&mut cluster, &[1, 2, 3]);
        let (term, before) = (cluster.status(leader).term, cluster.now);
        let request = cluster.propose(leader, b"wake");
        let Answer::Applied { index } = cluster.answer(request) else { panic!("not applied") };
        assert!(cluster.now - before < Duration::from_millis(50), "{:?}", cluster.now - before);
        cluster.applied(1..=3, index);
        assert_eq!(cluster.status(leader).term, term, "nobody needs an election");
    }
}

#[test]
fn a_read_wakes_a_group_on_any_replica() {
    for mode in [ReadMode::Linearizable, ReadMode::Lease] {
        let mut cluster = cluster(3, 5);
        let term = cluster.status(1).term;
        for node in 1..=3 {
            sleeps(&mut cluster, &[1, 2, 3]);
            let request = cluster.read_by(node, mode);
            assert!(cluster.checks.is_waiting(request), "a leader that sleeps has no lease");
            assert!(matches!(cluster.answer(request), Answer::Read { .. }));
        }
        assert_eq!(cluster.status(1).term, term);
    }
}

#[test]
fn a_follower_that_wakes_alone_calls_its_leader_and_does_not_campaign() {
    let mut cluster = cluster(3, 6);
    let leader = cluster.leader();
    sleeps(&mut cluster, &[1, 2, 3]);
    let term = cluster.status(leader).term;
    // A heartbeat of long ago arrives once more.
    let follower = 1 + leader % 3;
    let late = crate::RaftMessage {
        from_replica: leader,
        to_replica: follower,
        from_node: leader,
        to_node: follower,
        ..super::lone::message(RaftMessageType::Heartbeat, leader, term)
    };
    cluster.input(NodeId(follower), Input::Message(late));
    assert_eq!(asleep(&cluster, follower), 0);
    sleeps(&mut cluster, &[1, 2, 3]);
    assert_eq!((cluster.leader_of(GROUP), cluster.status(leader).term), (Some(NodeId(leader)), term));
}

#[test]
fn a_dead_leader_is_followed_by_another_though_all_slept() {
    for seed in 0..10 {
        let mut cluster = cluster(3, seed);
        let leader = cluster.leader();
        sleeps(&mut cluster, &[1, 2, 3]);
        let before = cluster.now;
        cluster.crash(NodeId(leader));
        let next = cluster.leader_among(&[leader]);
        assert_ne!(next, leader);
        assert!(cluster.now - before < Duration::from_secs(5), "seed {seed}: {:?}", cluster.now - before);
        cluster.commit(b"after");
        // With one node gone the others may sleep all the same.
        let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
        sleeps(&mut cluster, &others);
        // And when it is back it is told what it has missed.
        cluster.start(NodeId(leader));
        let index = cluster.checks.committed_up_to(GROUP);
        cluster.applied([leader], index);
        sleeps(&mut cluster, &[1, 2, 3]);
    }
}

#[test]
fn a_dead_follower_wakes_nobody() {
    let mut cluster = cluster(3, 7);
    let leader = cluster.leader();
    let dead = 1 + leader % 3;
    let other = 1 + dead % 3;
    sleeps(&mut cluster, &[1, 2, 3]);
    cluster.crash(NodeId(dead));
    for _ in 0..100 {
        cluster.run_ms(300);
        assert_eq!((asleep(&cluster, leader), asleep(&cluster, other)), (1, 1));
    }
}

#[test]
fn a_group_does_not_sleep_without_a_majority() {
    let mut cluster = cluster(3, 8);
    let leader = cluster.leader();
    for node in (1..=3).filter(|node| *node != leader) {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(10_000);
    assert_eq!(asleep(&cluster, leader), 0);
    assert_ne!(cluster.status(leader).role, Role::Leader);
}

#[test]
fn a_sleeping_leader_that_is_cut_off_gives_way() {
    let mut cluster = cluster(3, 9);
    let leader = cluster.leader();
    sleeps(&mut cluster, &[1, 2, 3]);
    cluster.isolate(&[leader]);
    let next = cluster.leader_among(&[leader]);
    let request = cluster.propose(next, b"without it");
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert_eq!((cluster.status(leader).role, asleep(&cluster, leader)), (Role::Leader, 1));
    // It sleeps on, and answers nothing from what it knows.
    let read = cluster.read_by(leader, ReadMode::Lease);
    cluster.run_ms(3_000);
    assert_ne!(cluster.status(leader).role, Role::Leader, "awake, it finds that it is alone");
    cluster.heal();
    let answer = cluster.answer(read);
    assert!(matches!(answer, Answer::Read { .. } | Answer::Refused(_)), "{answer:?}");
    let index = cluster.commit(b"together");
    cluster.applied(1..=3, index);
    sleeps(&mut cluster, &[1, 2, 3]);
    assert_ne!(next, leader);
}

#[test]
fn only_the_groups_that_a_dead_node_led_wake() {
    const GROUPS: u64 = 30;
    let mut cluster = Cluster::empty(3, 10);
    cluster.config.hibernate_after = Some(IDLE);
    cluster.config.wakes_per_tick_max = 2;
    for node in 1..=3 {
        cluster.crash(NodeId(node));
        cluster.start(NodeId(node));
    }
    for group in 1..=GROUPS {
        // Each node is the best for a third of them.
        let best = ReplicaId(1 + group % 3);
        for member in voters(1..=3) {
            let mut start = ReplicaStart::bootstrap(GroupId(group), member.replica, voters(1..=3));
            start.configuration.priorities = [(best, 200)].into();
            cluster.host(member.node, start);
        }
    }
    cluster.until("all asleep", |cluster| (1..=3).all(|node| asleep(cluster, node) == 30));
    let led: Vec<GroupId> =
        (1..=GROUPS).map(GroupId).filter(|group| cluster.leader_of(*group) == Some(NodeId(1))).collect();
    assert_eq!(led.len(), 10);
    cluster.crash(NodeId(1));
    let mut awake_max = BTreeMap::new();
    let mut steps = 0;
    while !led.iter().all(|group| cluster.leader_of(*group).is_some_and(|node| node != NodeId(1))) {
        cluster.run_ms(50);
        for node in [2, 3] {
            let awake = 30 - asleep(&cluster, node);
            let max: &mut usize = awake_max.entry(node).or_default();
            *max = awake.max(*max);
        }
        steps += 1;
        assert!(steps < 200, "never");
    }
    assert!(awake_max.values().all(|awake| (1..=10).contains(awake)), "{awake_max:?}");
}

#[test]
fn a_learner_that_comes_back_while_its_group_sleeps_gets_what_it_missed() {
    let mut cluster = cluster(4, 21);
    let mut members = voters(1..=4);
    let leader = cluster.leader();
    let away = 1 + leader % 4;
    let learner = members.iter_mut().find(|member| member.node.0 == away).expect("a member");
    learner.role = MemberRole::Learner;
    let request = cluster.change_members(leader, members);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.crash(NodeId(away));
    let others: Vec<u64> = (1..=4).filter(|node| *node != away).collect();
    let index = cluster.commit(b"missed");
    sleeps(&mut cluster, &others);
    cluster.start(NodeId(away));
    cluster.applied([away], index);
}

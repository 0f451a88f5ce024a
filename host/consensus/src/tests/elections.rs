//! Who leads.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, config, kinds, message, persists, sent},
};
use crate::{Effect, Input, RaftMessage, RaftMessageType, ReplicaStart, Role};
use quorate_vocabulary::{NodeId, ReplicaId};
use std::time::Duration;

#[test]
fn a_group_of_one_leads_at_once() {
    let mut lone = Lone::closed(config());
    let effects = lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters([1])));
    let number = persists(&effects).last().expect("it votes in the step that opens it").number;
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert_eq!(lone.status().role, Role::Leader);
    assert!(effects.contains(&Effect::LeaderEstablished { group: GROUP, term: 2 }), "{effects:?}");
}

#[test]
fn a_group_of_one_leads_at_once_after_a_restart() {
    let mut cluster = Cluster::new(1, 1);
    for _ in 0..10 {
        cluster.commit(b"before");
    }
    cluster.crash(NodeId(1));
    cluster.start(NodeId(1));
    let began = cluster.now;
    assert_eq!(cluster.leader(), 1);
    assert!(cluster.now < began + Duration::from_millis(100), "without an election timeout");
    let index = cluster.commit(b"after");
    cluster.applied([1], index);
    assert_eq!(cluster.machine(1).commands.len(), 11);
}

#[test]
fn a_new_group_has_a_leader_within_a_few_heartbeats() {
    for seed in 0..10 {
        let mut cluster = Cluster::new(3, seed);
        cluster.leader();
        assert!(cluster.now < Duration::from_millis(250), "seed {seed}: {:?}", cluster.now);
        assert_eq!(cluster.leader_of(GROUP), Some(NodeId(1)), "the voter with the lowest replica");
    }
}

#[test]
fn a_new_group_has_a_leader_soon_though_some_members_come_late() {
    let mut cluster = Cluster::empty(3, 3);
    let members = voters(1..=3);
    cluster.create(GROUP, &[]);
    for member in &members {
        cluster.host(member.node, ReplicaStart::bootstrap(GROUP, member.replica, members.clone()));
        cluster.run_ms(120);
    }
    cluster.leader();
    assert!(cluster.now < Duration::from_millis(700), "{:?}", cluster.now);
}

#[test]
fn an_old_group_is_patient() {
    // Whoever restarts does not disturb the leader that the others follow.
    let mut lone = Lone::closed(config());
    let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
    start.hard_state.term = 7;
    lone.open(start);
    assert!(kinds(&lone.ticks(9)).is_empty());
}

#[test]
fn the_others_elect_another_when_the_leader_dies() {
    let mut cluster = Cluster::new(3, 4);
    let leader = cluster.leader();
    cluster.commit(b"before");
    cluster.crash(NodeId(leader));
    let next = cluster.leader_among(&[leader]);
    assert_ne!(leader, next);
    cluster.commit(b"after");
    cluster.start(NodeId(leader));
    let index = cluster.checks.committed_up_to(GROUP);
    cluster.applied(1..=3, index);
}

#[test]
fn a_leader_without_a_majority_steps_down() {
    let mut cluster = Cluster::new(3, 5);
    let leader = cluster.leader();
    cluster.isolate(&[leader]);
    cluster.until("steps down", |cluster| cluster.status(leader).role != Role::Leader);
    assert!(cluster.now < Duration::from_secs(4));
}

#[test]
fn a_replica_that_was_cut_off_comes_back_without_deposing_the_leader() {
    let mut cluster = Cluster::new(3, 6);
    let leader = cluster.leader();
    let away = 1 + leader % 3;
    cluster.isolate(&[away]);
    cluster.run_ms(10_000);
    let term = cluster.status(leader).term;
    assert_eq!(cluster.status(away).term, term, "asking in advance costs no terms");
    cluster.heal();
    cluster.run_ms(5_000);
    assert_eq!((cluster.leader_of(GROUP), cluster.status(leader).term), (Some(NodeId(leader)), term));
}

#[test]
fn a_leader_is_established_when_everything_before_it_is_handed_to_apply() {
    let mut lone = Lone::new(3);
    let effects = lone.lead();
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).expect("the effect");
    let role = place(|effect| matches!(effect, Effect::RoleChanged { role: Role::Leader, .. }));
    let apply = place(|effect| matches!(effect, Effect::Apply { .. }));
    let established = place(|effect| matches!(effect, Effect::LeaderEstablished { .. }));
    assert!(role < apply && apply < established);
    let count = effects.iter().filter(|effect| matches!(effect, Effect::LeaderEstablished { .. })).count();
    assert_eq!(count, 1);
}

#[test]
fn a_change_of_role_names_the_leader() {
    let mut lone = Lone::new(3);
    let effects = lone.receive(message(RaftMessageType::Heartbeat, 3, 8));
    let told = effects.iter().find_map(|effect| match effect {
        Effect::RoleChanged { role, term, leader, .. } => {
            Some((*role, *term, leader.map(|leader| leader.node)))
        }
        _ => None,
    });
    assert_eq!(told, Some((Role::Follower, 8, Some(NodeId(3)))));
    assert!(
        lone.receive(message(RaftMessageType::Heartbeat, 3, 8))
            .iter()
            .all(|effect| !matches!(effect, Effect::RoleChanged { .. }))
    );
}

#[test]
fn a_shard_that_was_kept_from_running_does_not_take_the_leader_for_dead() {
    let mut lone = Lone::new(3);
    let heartbeat = || Input::Message(message(RaftMessageType::Heartbeat, 2, 4));
    lone.step_and_persist(vec![heartbeat()]);
    // A minute passes at once, and the leader's messages have been waiting all the time.
    lone.now.monotonic += Duration::from_secs(60);
    assert!(!kinds(&lone.step(vec![])).contains(&RaftMessageType::RequestPreVote));
    let effects = lone.step(vec![heartbeat()]);
    assert!(!kinds(&effects).contains(&RaftMessageType::RequestPreVote));
    assert_eq!(lone.status().leader.map(|leader| leader.node), Some(NodeId(2)));
}

#[test]
fn time_between_steps_is_not_lost() {
    let mut lone = Lone::new(3);
    // Steps every 70 ms at a tick every 100 ms.
    let mut steps = 0;
    while lone.status().role == Role::Follower {
        lone.now.monotonic += Duration::from_millis(70);
        lone.step(vec![]);
        steps += 1;
        assert!(steps < 100);
    }
    // The first voter of a new group campaigns early: after one tick.
    assert_eq!(steps, 2);
}

#[test]
fn a_candidate_asks_in_advance_first() {
    let mut lone = Lone::new(3);
    let effects = lone.campaign();
    assert!(kinds(&effects).iter().all(|kind| *kind == RaftMessageType::RequestPreVote));
    assert_eq!(lone.status().term, 1, "no term is spent");
    let granted = message(RaftMessageType::RequestPreVoteResponse, 2, 2);
    let effects = lone.step_and_persist(vec![Input::Message(granted)]);
    assert_eq!(kinds(&effects), [RaftMessageType::RequestVote; 2]);
    assert_eq!(lone.status().term, 2);
}

#[test]
fn an_unreachable_follower_is_probed() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.propose(1, b"one");
    lone.step(vec![Input::Unreachable { node: NodeId(2) }]);
    let effects = lone.propose(2, b"two");
    let to_two: Vec<&RaftMessage> = sent(&effects).filter(|message| message.to_replica == 2).collect();
    // From where it is known to be: both entries again.
    assert_eq!(to_two[0].entries.len(), 2);
}

//! Snapshots, and logs that are cut behind them.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, message, persists, snapshot},
};
use crate::{Effect, Input, LogPoint, RaftMessage, RaftMessageType, ReplicaStart};
use quorate_vocabulary::{NodeId, ReplicaId};

fn cuts(effects: &[Effect]) -> Vec<LogPoint> {
    let cuts = effects.iter().filter_map(|effect| match effect {
        Effect::CutLog { truncated, .. } => Some(*truncated),
        _ => None,
    });
    cuts.collect()
}

/// A sole voter that has applied 100 commands, in a term of 2.
fn busy(margin: u64) -> Lone {
    let mut config = super::lone::config();
    config.log_margin_entries = margin;
    let mut lone = Lone::closed(config);
    let start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters([1]));
    lone.step_and_persist(vec![Input::Open(Box::new(start))]);
    for request in 1..=100 {
        let command = bytes::Bytes::from_static(b"x");
        let request = crate::RequestId(request);
        lone.step_and_persist(vec![Input::Propose { group: GROUP, request, command }]);
    }
    lone.step(vec![Input::Applied { group: GROUP, index: 102 }]);
    lone
}

fn taken(index: u64, term: u64) -> Input {
    Input::SnapshotTaken { group: GROUP, index, term }
}

#[test]
fn the_log_is_cut_behind_a_snapshot_with_a_margin() {
    let mut lone = busy(30);
    let effects = lone.step(vec![taken(90, 2)]);
    assert_eq!(cuts(&effects), [LogPoint { index: 60, term: 2 }]);
    let status = lone.status();
    assert_eq!((status.truncated.index, status.snapshot), (60, Some(LogPoint { index: 90, term: 2 })));
    assert!(cuts(&lone.step(vec![taken(90, 2)])).is_empty(), "once");
    assert!(cuts(&lone.step(vec![taken(80, 2)])).is_empty(), "an older one is nothing new");
}

#[test]
fn a_log_within_the_margin_is_not_cut() {
    let mut lone = busy(1_000);
    assert!(cuts(&lone.step(vec![taken(90, 2)])).is_empty());
}

#[test]
fn a_snapshot_of_another_log_or_of_the_future_is_not_believed() {
    let mut lone = busy(0);
    assert!(cuts(&lone.step(vec![taken(90, 1)])).is_empty(), "not the term of the entry there");
    assert!(cuts(&lone.step(vec![taken(103, 2)])).is_empty(), "not applied");
    assert_eq!(lone.status().snapshot, None);
}

#[test]
fn a_log_may_be_cut_up_to_its_end() {
    let mut lone = busy(0);
    assert_eq!(cuts(&lone.step(vec![taken(102, 2)])), [LogPoint { index: 102, term: 2 }]);
    assert_eq!(lone.status().last, LogPoint { index: 102, term: 2 });
    let effects = lone.propose(500, b"next");
    assert_eq!(persists(&effects).next().expect("a write").entries[0].index, 103);
}

#[test]
fn a_follower_behind_the_cut_gets_a_snapshot() {
    let mut cluster = Cluster::new(3, 1);
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    for _ in 0..30 {
        cluster.commit(b"missed");
    }
    cluster.snapshot(NodeId(leader), GROUP);
    assert!(cluster.status(leader).truncated.index > 10);
    cluster.records = true;
    cluster.heal();
    let index = cluster.commit(b"after");
    cluster.applied([slow], index);
    assert_eq!(cluster.machine(slow), cluster.machine(leader));
    let restores = cluster.effects.iter().filter(|(_, effect)| matches!(effect, Effect::Restore { .. }));
    assert_eq!(restores.count(), 1);
    assert!(cluster.status(slow).snapshot.is_some(), "it can be sent on");
}

#[test]
fn a_follower_within_the_margin_gets_entries() {
    let mut cluster = Cluster::with(3, 2, |config| config.log_margin_entries = 100);
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    for _ in 0..30 {
        cluster.commit(b"missed");
    }
    cluster.snapshot(NodeId(leader), GROUP);
    cluster.records = true;
    cluster.heal();
    let index = cluster.commit(b"after");
    cluster.applied([slow], index);
    assert!(!cluster.effects.iter().any(|(_, effect)| matches!(effect, Effect::SendSnapshot { .. })));
}

#[test]
fn a_snapshot_is_asked_for_when_there_is_none_and_not_too_often() {
    let mut lone = Lone::new(3);
    lone.lead();
    lone.step(vec![Input::Applied { group: GROUP, index: 2 }]);
    let term = lone.status().term;
    // A follower that has nothing, not even where the group began.
    let rejected = |index| RaftMessage {
        index,
        reject: true,
        reject_hint: 0,
        ..message(RaftMessageType::AppendResponse, 3, term)
    };
    let heard = || Input::Message(message(RaftMessageType::HeartbeatResponse, 3, term));
    let mut effects = lone.step(vec![Input::Unreachable { node: NodeId(3) }, heard()]);
    effects.extend(lone.receive(rejected(2)));
    effects.extend(lone.receive(rejected(1)));
    for _ in 0..8 {
        effects.extend(lone.tick());
        effects.extend(
            lone.step(vec![heard(), Input::Message(message(RaftMessageType::HeartbeatResponse, 2, term))]),
        );
    }
    let wanted: Vec<_> =
        effects.iter().filter(|effect| matches!(effect, Effect::SnapshotWanted { .. })).collect();
    assert_eq!(wanted, [&Effect::SnapshotWanted { group: GROUP, index_min: 1 }], "{effects:?}");

    lone.propose(1, b"something to catch up with");
    let mut effects = lone.step(vec![taken(2, term)]);
    effects.extend(lone.tick());
    effects.extend(lone.step(vec![heard()]));
    let sent = effects.iter().find_map(|effect| match effect {
        Effect::SendSnapshot { to, node, message, .. } => Some((*to, *node, message.clone())),
        _ => None,
    });
    let (to, node, message) = sent.expect("a snapshot");
    assert_eq!((to, node), (ReplicaId(3), NodeId(3)));
    let point = message.snapshot.expect("a place");
    assert_eq!((point.index, point.term), (2, term));
    assert_eq!(point.configuration.expect("members").members.len(), 3);
}

#[test]
fn a_replica_that_joins_gets_a_snapshot_that_knows_it() {
    let mut cluster = Cluster::empty(4, 3);
    cluster.create(GROUP, &voters(1..=3));
    let leader = cluster.leader();
    for _ in 0..20 {
        cluster.commit(b"before");
    }
    // There is one from before it was a member: it would refuse that.
    cluster.snapshot(NodeId(leader), GROUP);
    cluster.host(NodeId(4), ReplicaStart::joining(GROUP, ReplicaId(4)));
    cluster.change_members(leader, voters(1..=4));
    cluster.until("restored", |cluster| cluster.machine(4).applied.index > 20);
    assert_eq!(cluster.status(4).configuration.members.len(), 4);
    let index = cluster.commit(b"after");
    cluster.applied([4], index);
    assert_eq!(cluster.machine(4).commands.len(), 21);
}

#[test]
fn a_replica_that_joins_gets_the_state_as_it_is_when_that_is_sent() {
    let mut cluster = Cluster::empty(4, 3);
    cluster.sends_live = true;
    cluster.create(GROUP, &voters(1..=3));
    let leader = cluster.leader();
    for _ in 0..20 {
        cluster.commit(b"before");
    }
    cluster.records = true;
    cluster.host(NodeId(4), ReplicaStart::joining(GROUP, ReplicaId(4)));
    cluster.change_members(leader, voters(1..=4));
    cluster.until("restored", |cluster| cluster.machine(4).applied.index > 20);
    let index = cluster.commit(b"after");
    cluster.applied([4], index);
    assert_eq!(cluster.machine(4).commands.len(), 21);
    assert_eq!(cluster.status(leader).snapshot, None, "none was written");
    assert_eq!(cluster.status(leader).truncated.index, ReplicaStart::BOOTSTRAP.index);
}

#[test]
fn what_can_be_sent_cuts_no_log_and_is_not_taken_for_what_is_on_disk() {
    let mut lone = busy(0);
    let sendable = |index, term| Input::SnapshotSendable { group: GROUP, index, term };
    assert!(cuts(&lone.step(vec![sendable(100, 2)])).is_empty());
    assert_eq!(lone.status().snapshot, None);
    assert_eq!(cuts(&lone.step(vec![taken(90, 2)])), [LogPoint { index: 90, term: 2 }]);
    assert_eq!(lone.status().snapshot, Some(LogPoint { index: 90, term: 2 }));
}

#[test]
fn a_snapshot_older_than_the_log_changes_nothing() {
    let mut lone = Lone::new(3);
    let bodies = vec![crate::EntryBody::Empty; 20];
    let entries = super::lone::append(2, 2, ReplicaStart::BOOTSTRAP, &bodies, 21);
    lone.step_and_persist(vec![Input::Message(entries)]);
    let effects = lone.receive(snapshot(2, 2, LogPoint { index: 10, term: 2 }, voters(1..=3)));
    assert_eq!(persists(&effects).count(), 0);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Restore { .. })));
    assert_eq!(lone.status().last.index, 21);
}

#[test]
fn a_snapshot_that_is_of_no_use_is_told_of_so_that_it_can_be_removed() {
    let unused = |index| Effect::SnapshotUnused { group: GROUP, point: LogPoint { index, term: 2 } };
    let bring = |term, index| snapshot(2, term, LogPoint { index, term: 2 }, voters(1..=3));
    let mut lone = Lone::new(3);
    let bodies = vec![crate::EntryBody::Empty; 20];
    let entries = super::lone::append(2, 3, ReplicaStart::BOOTSTRAP, &bodies, 21);
    lone.step_and_persist(vec![Input::Message(entries)]);
    lone.step(vec![Input::Applied { group: GROUP, index: 21 }]);
    assert!(lone.receive(bring(3, 10)).contains(&unused(10)), "the log has gone further");
    assert!(lone.receive(bring(2, 30)).contains(&unused(30)), "its sender leads no more");
    let effects = lone.step_and_persist(vec![Input::Message(bring(3, 40))]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Restore { .. })));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SnapshotUnused { .. })));
    assert!(lone.receive(bring(3, 40)).contains(&unused(40)), "once more, while it is loaded");
    assert!(lone.receive(bring(3, 50)).contains(&unused(50)), "another one, while it is loaded");
    lone.step(vec![Input::Restored { group: GROUP, index: 40, time_ms: 0 }]);
    assert!(lone.receive(bring(3, 40)).contains(&unused(40)), "once more, and it is loaded");
}

#[test]
fn a_second_snapshot_waits_until_the_first_is_loaded() {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(snapshot(
        2,
        2,
        LogPoint { index: 10, term: 2 },
        voters(1..=3),
    ))]);
    let second = || Input::Message(snapshot(2, 2, LogPoint { index: 20, term: 2 }, voters(1..=3)));
    assert_eq!(persists(&lone.step_and_persist(vec![second()])).count(), 0);
    lone.step(vec![Input::Restored { group: GROUP, index: 20, time_ms: 0 }]);
    assert_eq!(lone.status().applied, 1, "that one was not asked for");
    lone.step(vec![Input::Restored { group: GROUP, index: 10, time_ms: 0 }]);
    assert_eq!(lone.status().applied, 10);
    let effects = lone.step_and_persist(vec![second()]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Restore { .. })));
}

#[test]
fn a_snapshot_waits_until_what_was_handed_to_apply_is_applied() {
    let mut lone = Lone::new(3);
    let bodies = vec![crate::EntryBody::Empty; 4];
    let entries = super::lone::append(2, 2, ReplicaStart::BOOTSTRAP, &bodies, 5);
    lone.step_and_persist(vec![Input::Message(entries)]);
    let effects = lone.step_and_persist(vec![Input::Message(snapshot(
        2,
        2,
        LogPoint { index: 10, term: 2 },
        voters(1..=3),
    ))]);
    assert_eq!(persists(&effects).count(), 0, "apply may still read the log");
    assert!(lone.step_and_persist(vec![Input::Applied { group: GROUP, index: 4 }]).is_empty());
    let effects = lone.step_and_persist(vec![Input::Applied { group: GROUP, index: 5 }]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Restore { .. })));
    assert_eq!(lone.status().truncated.index, 10);
}

#[test]
fn a_snapshot_that_waits_is_not_told_of_as_unused_before_that_is_known() {
    let unused = |index| Effect::SnapshotUnused { group: GROUP, point: LogPoint { index, term: 2 } };
    let bring = |term, index| snapshot(2, term, LogPoint { index, term: 2 }, voters(1..=3));
    let told = |effects: &[Effect]| -> Vec<Effect> {
        let told = effects.iter().filter(|effect| matches!(effect, Effect::SnapshotUnused { .. }));
        told.cloned().collect()
    };
    let mut lone = Lone::new(3);
    let bodies = vec![crate::EntryBody::Empty; 4];
    let entries = super::lone::append(2, 2, ReplicaStart::BOOTSTRAP, &bodies, 5);
    lone.step_and_persist(vec![Input::Message(entries)]);
    assert_eq!(told(&lone.receive(bring(2, 10))), []);
    assert_eq!(told(&lone.receive(bring(2, 12))), [unused(10)], "the newer one waits in its place");
    assert_eq!(told(&lone.receive(bring(2, 12))), [unused(12)], "told once for each that came but one");
    let effects = lone.step_and_persist(vec![Input::Applied { group: GROUP, index: 5 }]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Restore { .. })));
    assert_eq!(told(&effects), []);
    lone.step(vec![Input::Restored { group: GROUP, index: 12, time_ms: 0 }]);

    let entries = super::lone::append(2, 2, LogPoint { index: 12, term: 2 }, &bodies, 16);
    lone.step_and_persist(vec![Input::Message(entries)]);
    assert_eq!(told(&lone.receive(bring(2, 20))), []);
    // Another leads before what was handed over is applied.
    let heartbeat = message(RaftMessageType::Heartbeat, 3, 3);
    lone.step_and_persist(vec![Input::Message(heartbeat)]);
    assert_eq!(told(&lone.step(vec![Input::Applied { group: GROUP, index: 16 }])), [unused(20)]);
}

#[test]
fn a_crash_while_a_snapshot_is_loaded_loads_it_again() {
    let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
    start.truncated = LogPoint { index: 50, term: 3 };
    start.hard_state.term = 3;
    start.hard_state.commit = 50;
    start.applied = 20;
    let mut lone = Lone::closed(super::lone::config());
    let effects = lone.open(start);
    let configuration = crate::Configuration::new(voters(1..=3));
    let point = LogPoint { index: 50, term: 3 };
    assert!(effects.contains(&Effect::Restore { group: GROUP, point, configuration }));
    assert!(lone.ticks(40).is_empty(), "it does not live before");
    lone.step(vec![Input::Restored { group: GROUP, index: 50, time_ms: 9 }]);
    assert_eq!(lone.status().applied, 50);
    lone.campaign();
}

#[test]
fn a_leader_after_a_snapshot_stamps_no_earlier_than_the_snapshot() {
    let mut lone = Lone::new(3);
    lone.step_and_persist(vec![Input::Message(snapshot(
        2,
        2,
        LogPoint { index: 10, term: 2 },
        voters(1..=3),
    ))]);
    lone.step(vec![Input::Restored { group: GROUP, index: 10, time_ms: 77_000 }]);
    lone.lead();
    lone.propose(1, b"x");
    let effects = lone.acknowledge();
    let applied = super::lone::applied(&effects);
    // Persisted meanwhile or not, it is the last entry that was made.
    let entry = lone.status().last.index;
    let stamps: Vec<_> = applied.iter().filter(|(index, _)| *index == entry).collect();
    assert!(lone.now.wall_ms < 77_000);
    assert!(stamps.iter().all(|(_, body)| body.time_ms() == Some(77_000)), "{stamps:?}");
}

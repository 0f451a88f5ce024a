//! The rules that raft 0.7.0 asks of its host: each was found by what happens when it is not kept.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voter, voters},
    lone::{Lone, append, applied, commands, kinds, message, persists, refusals, sent, snapshot},
};
use crate::{Effect, Input, LogPoint, RaftMessageType, ReadMode, Refusal, ReplicaStart, RequestId, Role};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};

#[test]
fn rule_1_a_leader_that_removes_itself_stops_at_once() {
    let mut cluster = Cluster::new(3, 1);
    let leader = cluster.leader();
    let others: Vec<_> = (1..=3).filter(|node| *node != leader).collect();
    let request = cluster.change_members(leader, voters(others.clone()));
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let status = cluster.status(leader);
    assert_eq!((status.role, status.leader), (Role::Follower, None));
    let refused = cluster.propose(leader, b"late");
    assert_eq!(cluster.answer(refused), Answer::Refused(Refusal::NotLeader { leader: None }));
    // The others need not wait for a timeout: the one that is most up to date is told to campaign.
    let before = cluster.now;
    let next = cluster.leader_among(&[leader]);
    assert!(others.contains(&next));
    assert!(cluster.now - before < cluster.config.election_timeout / 2, "{:?}", cluster.now - before);
    cluster.commit(b"without it");
}

#[test]
fn rule_1_a_leader_that_demotes_itself_stops_at_once() {
    let mut cluster = Cluster::new(3, 2);
    let leader = cluster.leader();
    let mut members = voters(1..=3);
    let own = members.iter_mut().find(|member| member.replica.0 == leader).expect("the leader");
    own.role = quorate_vocabulary::MemberRole::Learner;
    let request = cluster.change_members(leader, members);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    assert_ne!(cluster.status(leader).role, Role::Leader);
    let index = cluster.commit(b"to a learner, too");
    cluster.applied([leader], index);
}

/// Replica 1, to which a snapshot at 50 has just been handed in.
fn restoring() -> (Lone, Vec<Effect>) {
    let mut lone = Lone::new(3);
    let effects = lone.receive(snapshot(2, 5, LogPoint { index: 50, term: 4 }, voters(1..=3)));
    (lone, effects)
}

#[test]
fn rule_2_nothing_ticks_while_a_snapshot_is_not_on_disk() {
    let (mut lone, effects) = restoring();
    assert_eq!(persists(&effects).filter(|persist| persist.restored.is_some()).count(), 1);
    assert!(kinds(&lone.ticks(60)).is_empty(), "no campaign");
    assert_eq!(lone.status().role, Role::Follower);
}

#[test]
fn rule_2_a_call_to_campaign_is_ignored_while_a_snapshot_is_not_on_disk() {
    let (mut lone, _) = restoring();
    lone.receive(message(RaftMessageType::TimeoutNow, 2, 5));
    assert_eq!(lone.status().role, Role::Follower);
}

#[test]
fn rule_2_nothing_is_applied_and_nobody_campaigns_until_the_snapshot_is_loaded() {
    let (mut lone, effects) = restoring();
    let number = persists(&effects).last().expect("a write").number;
    let restores = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Restore { .. }));
    assert!(!restores(&effects), "not before the log that begins with it is on disk");
    let effects = lone.step(vec![Input::Persisted { group: GROUP, number }]);
    assert!(restores(&effects));
    let more = append(2, 5, LogPoint { index: 50, term: 4 }, &[commands(9, &[b"next"])], 51);
    let effects = lone.step_and_persist(vec![Input::Message(more)]);
    assert!(applied(&effects).is_empty());
    assert!(kinds(&lone.ticks(60)).is_empty());
    let effects = lone.step(vec![Input::Restored { group: GROUP, index: 50, time_ms: 7 }]);
    assert_eq!(applied(&effects), [(51, commands(9, &[b"next"]))]);
    assert!(kinds(&lone.ticks(30)).contains(&RaftMessageType::RequestPreVote), "it lives again");
}

#[test]
fn rule_3_a_snapshot_that_is_lost_is_sent_again() {
    let mut cluster = Cluster::new(3, 4);
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    for _ in 0..30 {
        cluster.commit(b"missed");
    }
    cluster.snapshot(NodeId(leader), GROUP);
    cluster.faults.lost_snapshots_per_mille = 1_000;
    cluster.records = true;
    cluster.heal();
    cluster.run_ms(5_000);
    let sends = |cluster: &Cluster| {
        cluster.effects.iter().filter(|(_, effect)| matches!(effect, Effect::SendSnapshot { .. })).count()
    };
    assert!(sends(&cluster) > 2, "tried {} times", sends(&cluster));
    cluster.faults.lost_snapshots_per_mille = 0;
    let index = cluster.checks.committed_up_to(GROUP);
    cluster.applied([slow], index);
}

#[test]
fn rule_4_a_read_before_the_first_commit_of_a_term_waits_for_it() {
    let mut lone = Lone::new(3);
    lone.campaign();
    for kind in [RaftMessageType::RequestPreVoteResponse, RaftMessageType::RequestVoteResponse] {
        let term = if kind == RaftMessageType::RequestPreVoteResponse { 2 } else { lone.status().term };
        lone.step_and_persist(vec![Input::Message(message(kind, 2, term))]);
    }
    assert_eq!(lone.status().role, Role::Leader);
    let effects =
        lone.step(vec![Input::Read { group: GROUP, request: RequestId(7), mode: ReadMode::Linearizable }]);
    assert!(effects.is_empty(), "{effects:?}");
    // And one that a follower forwards.
    let forwarded = crate::RaftMessage {
        context: Bytes::from_static(b"0123456789abcdef"),
        ..message(RaftMessageType::ReadIndex, 3, 0)
    };
    assert!(lone.receive(forwarded).is_empty());

    let effects = lone.acknowledge();
    let marks: Vec<Bytes> = sent(&effects)
        .filter(|message| message.r#type() == RaftMessageType::Heartbeat && message.to_replica == 2)
        .map(|message| message.context.clone())
        .collect();
    assert_eq!(marks.len(), 2, "both are asked now");
    let heard = crate::RaftMessage {
        context: marks.last().expect("a mark").clone(),
        ..message(RaftMessageType::HeartbeatResponse, 2, lone.status().term)
    };
    let effects = lone.receive(heard);
    let ready = Effect::ReadReady { group: GROUP, request: RequestId(7), index: 2 };
    assert!(effects.contains(&ready), "{effects:?}");
    assert_eq!(kinds(&effects), [RaftMessageType::ReadIndexResponse]);
}

#[test]
fn rule_5_a_message_for_a_replica_that_was_here_before_is_ignored() {
    let mut lone = Lone::closed(super::lone::config());
    lone.open(ReplicaStart::joining(GROUP, ReplicaId(9)));
    // To replica 1, which this node lost: its log must not be expected of replica 9.
    let heartbeat = crate::RaftMessage { commit: 40, ..message(RaftMessageType::Heartbeat, 2, 3) };
    assert!(lone.receive(heartbeat.clone()).is_empty());
    assert_eq!(lone.status().term, 0);
    let heartbeat = crate::RaftMessage { commit: 0, to_replica: 9, ..heartbeat };
    lone.receive(heartbeat);
    assert_eq!(lone.status().term, 3);
}

#[test]
fn rule_5_a_replica_whose_disk_was_lost_is_replaced_by_another() {
    let mut cluster = Cluster::new(3, 5);
    for _ in 0..20 {
        cluster.commit(b"before");
    }
    let leader = cluster.leader();
    let lost = 1 + leader % 3;
    cluster.crash(NodeId(lost));
    cluster.node(NodeId(lost)).groups.clear();
    cluster.start(NodeId(lost));
    cluster.host(NodeId(lost), ReplicaStart::joining(GROUP, ReplicaId(40)));
    let mut members: Vec<_> = voters(1..=3).into_iter().filter(|member| member.node.0 != lost).collect();
    members.push(quorate_vocabulary::Member { replica: ReplicaId(40), ..voter(lost) });
    let request = cluster.change_members(leader, members);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let index = cluster.commit(b"after");
    cluster.applied(1..=3, index);
}

#[test]
fn rule_6_a_panic_in_raft_puts_one_replica_aside_and_no_other() {
    let mut lone = Lone::new(1);
    let other = GroupId(2);
    lone.step_and_persist(vec![]);
    let start = ReplicaStart::bootstrap(other, ReplicaId(1), voters(1..=2));
    lone.step(vec![Input::Open(Box::new(start))]);
    // A leader that says more is committed than this log has: the disk of one of them has lied.
    let lie = crate::RaftMessage { group: 2, commit: 1_000, ..message(RaftMessageType::Heartbeat, 2, 4) };
    let inputs = vec![
        Input::Read { group: other, request: RequestId(1), mode: ReadMode::Linearizable },
        Input::Message(lie),
        Input::Read { group: other, request: RequestId(2), mode: ReadMode::Linearizable },
    ];
    let effects = lone.step(inputs);
    let cause = effects.iter().find_map(|effect| match effect {
        Effect::ReplicaFailed { group, cause } if *group == other => Some(cause.clone()),
        _ => None,
    });
    assert!(cause.expect("a failure").contains("to_commit 1000 is out of range"));
    let refused = refusals(&effects);
    assert_eq!(refused[0], (1, Refusal::Closed { appended: false }));
    assert!(matches!(refused[1], (2, Refusal::Unavailable { .. })));
    let status = lone.shard.status(other).expect("it is still known");
    assert!(status.failure.expect("a cause").contains("out of range"));

    let effects = lone.propose(3, b"go on");
    assert_eq!(persists(&effects).count(), 1, "the other group goes on");
    // It can be opened anew.
    lone.step(vec![Input::Open(Box::new(ReplicaStart::bootstrap(other, ReplicaId(1), voters(1..=2))))]);
    assert_eq!(lone.shard.status(other).expect("open").failure, None);
}

#[test]
fn rule_7_a_leader_that_is_alone_answers_no_read() {
    let mut cluster = Cluster::new(3, 7);
    let leader = cluster.leader();
    cluster.isolate(&[leader]);
    let read = cluster.read(leader);
    // It still leads, as far as it knows.
    cluster.run_ms(300);
    assert_eq!(cluster.status(leader).role, Role::Leader);
    assert!(cluster.checks.is_waiting(read));
}

#[test]
fn rule_8_no_replica_claims_a_priority() {
    let mut lone = Lone::new(3);
    let effects = lone.campaign();
    assert!(sent(&effects).all(|message| message.priority == 0));
    // One that claims less than others is still voted for: priorities are compared by nobody yet.
    let mut lone = Lone::new(3);
    let candidate = crate::RaftMessage {
        index: 1,
        log_term: 1,
        commit: 1,
        commit_term: 1,
        ..message(RaftMessageType::RequestVote, 2, 2)
    };
    let effects = lone.step_and_persist(vec![Input::Message(candidate)]);
    assert!(sent(&effects).any(|message| !message.reject));
}

#[test]
fn rule_9_a_machine_that_is_stuck_does_not_keep_its_replica_from_campaigning() {
    let mut cluster = Cluster::new(3, 9);
    let leader = cluster.leader();
    let stuck = 1 + leader % 3;
    cluster.stuck_machines.insert(NodeId(stuck));
    // A configuration that is committed and not applied keeps raft from campaigning.
    let mut members = voters(1..=3);
    members.push(quorate_vocabulary::Member {
        replica: ReplicaId(50),
        node: NodeId(leader),
        role: quorate_vocabulary::MemberRole::Learner,
    });
    let request = cluster.change_members(leader, members);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.run_ms(500);
    assert!(cluster.status(stuck).applied < cluster.status(stuck).commit);
    cluster.transfer(NodeId(leader), Some(ReplicaId(stuck)));
    cluster.run_ms(500);
    assert_eq!(cluster.leader_of(GROUP), Some(NodeId(stuck)));
}

#[test]
fn rule_9_a_campaign_looks_through_committed_entries_without_reading_them() {
    // Everything between applied and committed is only on disk.
    let mut lone = Lone::closed(super::lone::config());
    let entries: Vec<_> = (2..=500)
        .map(|index| crate::LogEntry { index, term: 1, data: commands(index, &[b"large"]).encode() })
        .collect();
    let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
    start.hard_state.commit = 500;
    start.log = crate::LogIndex::of(&entries).expect("an index");
    let effects = lone.open(start);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Fetch { first: 2, last: 500, .. })));
    let effects = lone.ticks(20);
    assert!(kinds(&effects).contains(&RaftMessageType::RequestPreVote));
}

#[test]
fn rule_10_timeouts_come_from_the_seed_alone() {
    let elected = |seed| {
        let mut cluster = Cluster::new(5, seed);
        let leader = cluster.leader();
        cluster.crash(NodeId(leader));
        let next = cluster.leader_among(&[leader]);
        (leader, next, cluster.now)
    };
    assert_eq!(elected(1), elected(1));
    let different: std::collections::BTreeSet<_> = (0..8).map(elected).collect();
    assert!(different.len() > 4, "{different:?}");
}

#[test]
fn followers_do_not_all_campaign_at_once() {
    let mut first = std::collections::BTreeMap::<usize, usize>::new();
    for replica in 2..=6 {
        let config = crate::ShardConfig::new(NodeId(1), replica * 77);
        let mut lone = Lone::closed(config);
        lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(replica), voters(1..=6)));
        let ticks = (1..=20).find(|_| !kinds(&lone.tick()).is_empty()).expect("a campaign");
        assert!((10..20).contains(&ticks), "replica {replica} waited {ticks} ticks");
        *first.entry(ticks).or_default() += 1;
    }
    assert!(first.len() > 1, "{first:?}");
}

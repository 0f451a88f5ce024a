//! Witnesses: members that vote and hold no content.

use super::{
    checks::Answer,
    cluster::{Cluster, GROUP, voter, voters},
};
use crate::{EntryBody, Input, Refusal, ReplicaStart, ShardConfig};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::time::Duration;

fn witness(replica: u64) -> Member {
    Member { role: MemberRole::Witness, ..voter(replica) }
}

fn with_witnesses(data: &[u64], witnesses: &[u64]) -> Vec<Member> {
    let data = data.iter().map(|replica| voter(*replica));
    data.chain(witnesses.iter().map(|replica| witness(*replica))).collect()
}

/// Voters with data on nodes 1 and 2, a witness on node 3.
fn cluster(seed: u64) -> Cluster {
    cluster_with(seed, |_| {})
}

fn cluster_with(seed: u64, change: impl FnOnce(&mut ShardConfig)) -> Cluster {
    let mut cluster = Cluster::empty(4, seed);
    change(&mut cluster.config);
    for node in (1..=4).map(NodeId) {
        cluster.crash(node);
        cluster.start(node);
    }
    cluster.create(GROUP, &with_witnesses(&[1, 2], &[3]));
    cluster
}

fn other(leader: u64) -> u64 {
    3 - leader
}

fn last(cluster: &Cluster, node: u64) -> u64 {
    cluster.status(node).last.index
}

#[test]
fn a_witness_has_the_log_without_its_content_and_applies_nothing() {
    let mut cluster = cluster(1);
    let mut index = 0;
    for _ in 0..20 {
        index = cluster.commit(b"a secret command");
    }
    cluster.applied(1..=2, index);
    cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
    cluster.run_ms(500);
    let entries: Vec<_> = cluster.hosted(3, GROUP).disk.entries.values().cloned().collect();
    assert!(entries.len() >= 20);
    assert!(entries.iter().all(|entry| !entry.data.windows(6).any(|bytes| bytes == b"secret")));
    assert_eq!(entries.iter().filter(|entry| EntryBody::is_withheld(&entry.data)).count(), 20);
    assert_eq!((cluster.hosted(3, GROUP).told, cluster.machine(3).commands.len()), (1, 0));
    assert_eq!(cluster.status(3).commit, index);
}

#[test]
fn a_group_goes_on_without_either_of_its_data_voters_or_its_witness() {
    for seed in 0..20 {
        for gone in 1..=3 {
            let mut cluster = cluster(seed);
            let leader = cluster.leader();
            cluster.run_ms(300);
            // In the middle of things.
            for _ in 0..10 {
                cluster.propose(leader, b"before");
            }
            cluster.run(Duration::from_micros(200 + seed * 100));
            cluster.crash(NodeId(gone));
            cluster.leader_among(&[gone, 3]);
            let before = cluster.now;
            cluster.commit(b"after");
            assert!(cluster.now - before < Duration::from_secs(2), "seed {seed}, without {gone}");
            cluster.start(NodeId(gone));
            let index = cluster.commit(b"with all");
            cluster.applied(1..=2, index);
            cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
        }
    }
}

#[test]
fn a_witness_never_leads_and_never_asks_to() {
    let mut cluster = cluster(3);
    cluster.commit(b"before");
    let term = cluster.status(3).term;
    for node in 1..=2 {
        cluster.crash(NodeId(node));
    }
    cluster.run_ms(60_000);
    assert_eq!((cluster.leader_of(GROUP), cluster.status(3).term), (None, term));
    let leader = {
        cluster.start(NodeId(1));
        cluster.leader()
    };
    assert_eq!(leader, 1);
    let request = cluster.transfer(NodeId(1), Some(ReplicaId(3)));
    let Answer::Refused(Refusal::NotTransferred { cause }) = cluster.answer(request) else { panic!("moved") };
    assert!(cause.contains("witness"), "{cause}");
    let request = cluster.read(3);
    assert_eq!(cluster.answer(request), Answer::Refused(Refusal::Witness));
}

#[test]
fn a_witness_is_never_ahead_of_a_voter_that_keeps_step() {
    for seed in 0..10 {
        let mut cluster = cluster(seed);
        cluster.faults.message_delay_us_max = 20_000;
        let leader = cluster.leader();
        let follower = other(leader);
        cluster.run_ms(500);
        for _ in 0..300 {
            cluster.propose(leader, b"one of many");
            cluster.run_ms(2);
            assert!(last(&cluster, 3) <= last(&cluster, follower), "seed {seed}");
        }
        let before = cluster.command_counts().len();
        cluster.run_ms(1_000);
        assert!(cluster.command_counts().len() >= before && before > 0);
    }
}

#[test]
fn what_is_committed_with_the_witness_alone_keeps_the_voter_from_leading_that_lacks_it() {
    for seed in 0..10 {
        let mut cluster = cluster(seed);
        let leader = cluster.leader();
        let behind = other(leader);
        cluster.run_ms(300);
        cluster.isolate(&[behind]);
        let index = cluster.commit(b"on one disk");
        cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
        cluster.crash(NodeId(leader));
        cluster.heal();
        cluster.run_ms(20_000);
        assert_eq!(cluster.leader_of(GROUP), None, "seed {seed}: it would lose what was acknowledged");
        cluster.start(NodeId(leader));
        cluster.applied([behind], index);
        cluster.commit(b"and on");
    }
}

#[test]
fn a_witness_does_not_know_of_what_it_cannot_make_a_majority_for() {
    for seed in 0..10 {
        let mut cluster = Cluster::empty(4, seed);
        cluster.create(GROUP, &with_witnesses(&[1, 2, 3], &[4]));
        let leader = cluster.leader();
        cluster.commit(b"before");
        cluster.run_ms(300);
        let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
        cluster.isolate(&others);
        for _ in 0..5 {
            // Of four voters the leader and the witness are no majority.
            cluster.propose(leader, b"on the leader alone");
        }
        cluster.run_ms(900);
        assert!(last(&cluster, leader) > last(&cluster, 4), "seed {seed}");
        cluster.crash(NodeId(leader));
        cluster.heal();
        let next = cluster.leader_among(&[leader]);
        assert!(others.contains(&next));
        let index = cluster.commit(b"without the one that is lost");
        cluster.applied(others.clone(), index);
        cluster.until("the witness has it", |cluster| last(cluster, 4) >= index);
    }
}

#[test]
fn two_voters_with_data_and_a_witness_go_on_without_the_third() {
    for seed in 0..10 {
        let mut cluster = Cluster::empty(4, seed);
        cluster.create(GROUP, &with_witnesses(&[1, 2, 3], &[4]));
        let leader = cluster.leader();
        cluster.run_ms(300);
        cluster.crash(NodeId(1 + leader % 3));
        for _ in 0..10 {
            cluster.commit(b"with the witness");
        }
        let gone = [leader, 1 + leader % 3];
        cluster.start(NodeId(gone[1]));
        cluster.crash(NodeId(leader));
        let next = cluster.leader_among(&[leader]);
        assert!(!gone.contains(&next), "seed {seed}: only the third has it all");
        cluster.commit(b"on");
    }
}

#[test]
fn a_change_of_members_is_made_though_a_newcomer_has_nothing_yet() {
    for seed in 0..10 {
        let mut cluster = cluster(seed);
        let leader = cluster.leader();
        cluster.commit(b"before");
        cluster.run_ms(300);
        cluster.isolate(&[other(leader)]);
        // Behind the change three of four are a majority; the newcomer gets the log once the change is in force.
        cluster.host(NodeId(4), ReplicaStart::joining(GROUP, ReplicaId(4)));
        let request = cluster.change_members(leader, with_witnesses(&[1, 2, 4], &[3]));
        assert!(matches!(cluster.answer(request), Answer::Applied { .. }), "seed {seed}");
        let index = cluster.commit(b"with the newcomer");
        cluster.applied([leader, 4], index);
    }
}

#[test]
fn a_voter_that_falls_behind_is_waited_for_only_for_a_moment() {
    let mut cluster = cluster(5);
    let leader = cluster.leader();
    cluster.run_ms(500);
    cluster.isolate(&[other(leader)]);
    let before = cluster.now;
    cluster.commit(b"with the witness");
    let waited = cluster.now - before;
    assert!(waited > Duration::from_millis(300) && waited < Duration::from_secs(1), "{waited:?}");
    for _ in 0..10 {
        let before = cluster.now;
        cluster.commit(b"at once");
        assert!(cluster.now - before < Duration::from_millis(100), "{:?}", cluster.now - before);
    }
    // Told that it cannot be reached nobody waits at all.
    cluster.heal();
    cluster.run_ms(2_000);
    cluster.isolate(&[other(leader)]);
    cluster.input(NodeId(leader), Input::Unreachable { node: NodeId(other(leader)) });
    let before = cluster.now;
    cluster.commit(b"at once");
    assert!(cluster.now - before < Duration::from_millis(100), "{:?}", cluster.now - before);
}

#[test]
fn a_witness_joins_with_a_place_in_the_log_and_catches_up_before_it_votes() {
    let mut cluster = Cluster::empty(4, 6);
    cluster.create(GROUP, &voters(1..=2));
    for _ in 0..20 {
        cluster.commit(b"before");
    }
    let joining = ReplicaStart { is_witness: true, ..ReplicaStart::joining(GROUP, ReplicaId(3)) };
    cluster.host(NodeId(3), joining);
    let leader = cluster.leader();
    cluster.records = true;
    let request = cluster.change_members_by(leader, with_witnesses(&[1, 2], &[3]), true);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let index = cluster.commit(b"after");
    cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
    assert!(cluster.status(3).truncated.index > 15, "it was given a place and not the log");
    let snapshots = cluster.effects.iter().filter(|(_, effect)| {
        matches!(effect, crate::Effect::SendSnapshot { .. } | crate::Effect::SnapshotWanted { .. })
    });
    assert_eq!(snapshots.count(), 0, "nobody takes a snapshot for it");
    let configurations: Vec<_> = cluster.checks.committed[&GROUP]
        .values()
        .filter_map(|(_, body)| match body {
            EntryBody::Configuration(configuration) => Some(configuration.members[2].role),
            _ => None,
        })
        .collect();
    assert_eq!(configurations, [MemberRole::WitnessLearner, MemberRole::Witness]);
    cluster.crash(NodeId(other(leader)));
    cluster.commit(b"with the witness");
}

#[test]
fn a_witness_that_missed_what_is_cut_goes_on_from_where_the_log_is() {
    let mut cluster = cluster(7);
    cluster.commit(b"before");
    cluster.crash(NodeId(3));
    for _ in 0..50 {
        cluster.commit(b"while it is away");
    }
    for node in 1..=2 {
        cluster.snapshot(NodeId(node), GROUP);
    }
    cluster.run_ms(500);
    assert!((1..=2).all(|node| cluster.status(node).truncated.index > 20));
    cluster.start(NodeId(3));
    let index = cluster.commit(b"after");
    cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
    let gone = cluster.leader();
    cluster.crash(NodeId(gone));
    cluster.leader_among(&[gone]);
    cluster.commit(b"with the witness");
}

#[test]
fn a_witness_cuts_its_log_by_itself() {
    let mut cluster = cluster(8);
    let leader = cluster.leader();
    for _ in 0..300 {
        for _ in 0..10 {
            cluster.propose(leader, b"one of many");
            cluster.run(Duration::from_micros(1_500));
        }
    }
    cluster.run_ms(500);
    let status = cluster.status(3);
    assert!(status.truncated.index >= 1_000, "{:?}", status.truncated);
    cluster.run_ms(100);
    assert!(cluster.hosted(3, GROUP).disk.entries.len() < 1_100);
    cluster.crash(NodeId(3));
    cluster.start(NodeId(3));
    cluster.crash(NodeId(other(leader)));
    cluster.commit(b"with the witness");
}

#[test]
fn a_replica_is_a_witness_from_its_first_day_to_its_last() {
    let mut cluster = cluster(9);
    let leader = cluster.leader();
    cluster.commit(b"before");
    for members in [voters(1..=3), with_witnesses(&[leader], &[3 - leader, 3])] {
        let request = cluster.change_members(leader, members);
        let Answer::Refused(Refusal::Configuration { cause }) = cluster.answer(request) else {
            panic!("changed")
        };
        assert!(cause.contains("remove it"), "{cause}");
    }
    // One that was made as something else than its group takes it for is put aside.
    cluster.may_fail = true;
    let start = cluster.hosted(3, GROUP).disk.start(GROUP, usize::MAX);
    cluster.input(NodeId(3), Input::Open(Box::new(ReplicaStart { is_witness: false, ..start })));
    assert!(cluster.failures[&NodeId(3)].contains("has it as a witness"), "{:?}", cluster.failures);
}

#[test]
fn a_recovery_counts_no_witness_as_having_data() {
    let recover = |cluster: &mut Cluster, node: u64, survivors: &[u64]| {
        let request = cluster.request(NodeId(node), GROUP);
        let survivors = survivors.iter().copied().map(ReplicaId).collect();
        cluster.input(NodeId(node), Input::Recover { group: GROUP, request, survivors });
        cluster.answer(request)
    };
    let mut cluster = cluster(10);
    let leader = cluster.leader();
    let behind = other(leader);
    cluster.run_ms(300);
    cluster.isolate(&[behind]);
    cluster.commit(b"lost with its only disk");
    cluster.crash(NodeId(leader));
    cluster.heal();
    cluster.run_ms(6_000);
    let Answer::Refused(Refusal::NotRecovered { cause }) = recover(&mut cluster, 3, &[3]) else {
        panic!("recovered")
    };
    assert!(cause.contains("witness"), "{cause}");
    // The witness knows of something that the voter lacks, and does not elect it.
    let Answer::Refused(Refusal::NotRecovered { cause }) = recover(&mut cluster, behind, &[behind, 3]) else {
        panic!("recovered")
    };
    assert!(cause.contains("without it"), "{cause}");
    // What is lost now was committed: it is not held against anybody any more.
    cluster.checks.committed.clear();
    assert!(matches!(recover(&mut cluster, behind, &[behind]), Answer::Applied { .. }));
    cluster.commit(b"alone");

    // With nothing lost the witness goes on, and stays what it is.
    let mut cluster = self::cluster(11);
    let leader = cluster.leader();
    let members = with_witnesses(&[1, 2, 4], &[3]);
    cluster.host(NodeId(4), ReplicaStart::joining(GROUP, ReplicaId(4)));
    let request = cluster.change_members_by(leader, members, true);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    let index = cluster.commit(b"on all");
    cluster.applied([1, 2, 4], index);
    cluster.run_ms(500);
    for gone in [leader, other(leader)] {
        cluster.crash(NodeId(gone));
    }
    cluster.run_ms(6_000);
    assert!(matches!(recover(&mut cluster, 4, &[3, 4]), Answer::Applied { .. }));
    assert_eq!(cluster.status(4).configuration.members, [witness(3), voter(4)]);
}

#[test]
fn a_voter_does_not_leave_with_what_only_it_has() {
    for seed in 0..10 {
        let mut cluster = cluster(seed);
        let leader = cluster.leader();
        let behind = other(leader);
        cluster.run_ms(300);
        cluster.isolate(&[behind]);
        let index = cluster.commit(b"on one disk");
        // With the witness there would be a majority for it, and nobody who could lead afterwards.
        cluster.change_members(leader, with_witnesses(&[behind], &[3]));
        cluster.run_ms(3_000);
        assert_eq!(cluster.status(leader).configuration.members.len(), 3, "seed {seed}");
        cluster.heal();
        cluster.until("the change is made", |cluster| {
            cluster.status(behind).configuration.members.len() == 2
                && cluster.leader_of(GROUP) == Some(NodeId(behind))
        });
        cluster.applied([behind], index);
        cluster.destroy(NodeId(leader), GROUP);
        cluster.commit(b"after");
    }
}

#[test]
fn a_group_with_a_witness_sleeps() {
    let mut cluster = cluster_with(12, |config| config.hibernate_after = Some(Duration::from_secs(2)));
    cluster.commit(b"before");
    cluster.until("all sleep", |cluster| (1..=3).all(|node| cluster.status(node).is_asleep));
    let leader = cluster.leader();
    cluster.crash(NodeId(leader));
    cluster.leader_among(&[leader]);
    cluster.commit(b"after");
    cluster.start(NodeId(leader));
    cluster.until("all sleep", |cluster| (1..=3).all(|node| cluster.status(node).is_asleep));
}

#[test]
fn a_learner_of_a_witness_to_be_is_sent_no_content_either() {
    let mut cluster = Cluster::empty(3, 13);
    cluster.create(GROUP, &voters(1..=2));
    let joining = ReplicaStart { is_witness: true, ..ReplicaStart::joining(GROUP, ReplicaId(3)) };
    cluster.host(NodeId(3), joining);
    let leader = cluster.leader();
    let mut members = voters(1..=2);
    members.push(Member { role: MemberRole::WitnessLearner, ..voter(3) });
    let request = cluster.change_members(leader, members);
    assert!(matches!(cluster.answer(request), Answer::Applied { .. }));
    cluster.records = true;
    let index = cluster.commit(b"a secret command");
    cluster.until("the witness has it", |cluster| last(cluster, 3) >= index);
    let sent = cluster.effects.iter().filter_map(|(_, effect)| match effect {
        crate::Effect::Send(message) if message.to_node == 3 => Some(message),
        _ => None,
    });
    let entries: Vec<_> = sent.flat_map(|message| &message.entries).collect();
    assert!(!entries.is_empty());
    assert!(entries.iter().all(|entry| !entry.data.windows(6).any(|bytes| bytes == b"secret")));
}

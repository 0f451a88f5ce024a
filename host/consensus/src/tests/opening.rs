//! Replicas as they are found on disk.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, config},
};
use crate::{Effect, EntryBody, Input, LogEntry, LogPoint, ReplicaStart, Shard, ShardConfig};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::time::Duration;

fn start() -> ReplicaStart {
    ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3))
}

fn entry(index: u64, term: u64) -> LogEntry {
    LogEntry { index, term, data: EntryBody::Empty.encode() }
}

fn failure(start: ReplicaStart) -> String {
    let mut lone = Lone::closed(config());
    let effects = lone.open(start);
    let cause = effects.iter().find_map(|effect| match effect {
        Effect::ReplicaFailed { cause, .. } => Some(cause.clone()),
        _ => None,
    });
    assert_eq!(lone.status().failure, cause);
    cause.expect("a failure")
}

#[test]
fn a_replica_goes_on_where_it_was() {
    let mut lone = Lone::closed(config());
    let mut start = start();
    start.entries = vec![entry(2, 3), entry(3, 3)];
    start.hard_state.term = 4;
    start.hard_state.vote = Some(ReplicaId(3));
    start.applied = 2;
    lone.open(start);
    let status = lone.status();
    assert_eq!((status.term, status.commit, status.applied), (4, 2, 2), "what is applied was committed");
    assert_eq!(status.last, LogPoint { index: 3, term: 3 });
}

#[test]
fn a_log_that_lost_what_was_committed_is_not_driven() {
    let mut lost = start();
    lost.hard_state.commit = 9;
    assert!(failure(lost).contains("entries were lost from its disk"));
    let mut ahead = start();
    ahead.applied = 9;
    assert!(failure(ahead).contains("entries were lost from its disk"));
}

#[test]
fn a_log_with_gaps_is_not_driven() {
    let mut gap = start();
    gap.entries = vec![entry(2, 1), entry(4, 1)];
    assert!(failure(gap).contains("not in a row"));
    let mut before = start();
    before.entries = vec![entry(1, 1)];
    assert!(failure(before).contains("not in a row"));
    let mut end = start();
    end.log = crate::LogIndex::of(&[entry(2, 1), entry(3, 1)]).expect("an index");
    end.entries = vec![entry(2, 1)];
    assert!(failure(end).contains("its entries end at 2"));
}

#[test]
fn opening_again_closes_first() {
    let mut lone = Lone::new(3);
    lone.step(vec![Input::Read {
        group: GROUP,
        request: crate::RequestId(1),
        mode: crate::ReadMode::Linearizable,
    }]);
    let effects = lone.open(start());
    assert_eq!(super::lone::refusals(&effects).len(), 1);
    assert_eq!(lone.status().failure, None);
}

#[test]
fn a_replica_that_joins_waits_for_a_leader() {
    let mut lone = Lone::closed(config());
    lone.open(ReplicaStart::joining(GROUP, ReplicaId(1)));
    assert!(lone.ticks(100).is_empty());
    // And answers one that it does not know.
    let heartbeat = super::lone::message(crate::RaftMessageType::Heartbeat, 7, 3);
    let effects = lone.step_and_persist(vec![Input::Message(heartbeat)]);
    let answer = super::lone::sent(&effects).next().expect("an answer");
    assert_eq!((answer.to_replica, answer.to_node), (7, 7));
}

#[test]
fn statuses_come_in_the_order_of_groups() {
    let mut shard = Shard::new(config()).expect("a shard");
    let open =
        |group| Input::Open(Box::new(ReplicaStart::bootstrap(GroupId(group), ReplicaId(1), voters([1]))));
    shard.step(crate::Now::default(), &mut vec![open(3), open(1), open(2)], &mut Vec::new());
    let groups: Vec<u64> = shard.statuses().map(|status| status.group.0).collect();
    assert_eq!(groups, [1, 2, 3]);
    assert_eq!(shard.status(GroupId(9)), None);
}

#[test]
fn a_configuration_that_fits_nothing_is_refused() {
    let refused = |change: fn(&mut ShardConfig)| {
        let mut config = config();
        change(&mut config);
        Shard::new(config).err().map(|error| error.field)
    };
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|config| config.heartbeat_interval = Duration::ZERO), Some("heartbeat_interval"));
    assert_eq!(
        refused(|config| config.election_timeout = Duration::from_millis(299)),
        Some("election_timeout")
    );
    assert_eq!(refused(|config| config.inflight_entries_max = 0), Some("inflight_entries_max"));
    assert_eq!(refused(|config| config.waiting_bytes_max = 10), Some("waiting_bytes_max"));
}

#[test]
fn everybody_restarts_at_once_and_nothing_is_lost() {
    for seed in 0..5 {
        let mut cluster = Cluster::new(3, seed);
        cluster.entries_on_start_max = usize::try_from(seed).expect("small");
        for round in 0..5 {
            for _ in 0..5 {
                cluster.commit(b"kept");
            }
            for node in 1..=3 {
                cluster.crash(NodeId(node));
            }
            for node in 1..=3 {
                cluster.start(NodeId(node));
            }
            let index = cluster.commit(b"after");
            cluster.applied(1..=3, index);
            assert_eq!(cluster.machine(1).commands.len(), (round + 1) * 6, "seed {seed}");
        }
    }
}

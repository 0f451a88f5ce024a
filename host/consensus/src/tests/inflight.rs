//! What is on its way to a follower is bounded, by count and by bytes.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, config, message, sent},
};
use crate::{Effect, Input, RaftMessage, RaftMessageType, ReplicaStart, RequestId, ShardConfig};
use bytes::Bytes;
use quorate_vocabulary::{NodeId, ReplicaId};

const KIB: usize = 1 << 10;

/// Appends with entries to this replica.
fn appends(effects: &[Effect], to: u64) -> Vec<&RaftMessage> {
    let appends = sent(effects).filter(|message| {
        message.r#type() == RaftMessageType::Append && message.to_replica == to && !message.entries.is_empty()
    });
    appends.collect()
}

fn bytes(message: &RaftMessage) -> usize {
    message.entries.iter().map(|entry| entry.data.len()).sum()
}

/// A leader of three, whose replica 2 answers everything and replica 3 nothing, and what it sends to the latter.
fn with_a_dead_follower(change: impl FnOnce(&mut ShardConfig)) -> Vec<RaftMessage> {
    let mut config = config();
    config.entry_bytes_max = 4 * KIB;
    config.append_bytes_max = 8 * KIB;
    config.waiting_bytes_max = 64 * KIB;
    change(&mut config);
    let mut lone = Lone::closed(config);
    lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3)));
    lone.lead();
    let mut to_three = Vec::new();
    for request in 0..500 {
        let (request, command) = (RequestId(request), Bytes::from(vec![7; 3 * KIB]));
        let effects = lone.step_and_persist(vec![Input::Propose { group: GROUP, request, command }]);
        to_three.extend(appends(&effects, 3).into_iter().cloned());
        let status = lone.status();
        let mut answer = message(RaftMessageType::AppendResponse, 2, status.term);
        answer.index = status.last.index;
        let effects = lone.step_and_persist(vec![Input::Message(answer)]);
        to_three.extend(appends(&effects, 3).into_iter().cloned());
    }
    to_three
}

#[test]
fn a_dead_follower_is_sent_no_more_than_the_window_has_bytes() {
    let sent = with_a_dead_follower(|config| config.inflight_bytes_max = 80 * KIB);
    let total: usize = sent.iter().map(bytes).sum();
    assert_eq!(sent.len(), 10, "as many as fit if each had 8 KiB");
    assert!(total <= 80 * KIB, "{total} bytes");
}

#[test]
fn a_dead_follower_is_sent_no_more_than_the_window_has_messages() {
    let sent = with_a_dead_follower(|config| config.inflight_messages_max = 3);
    assert_eq!(sent.len(), 3);
}

#[test]
fn a_window_smaller_than_a_message_lets_one_through() {
    let sent = with_a_dead_follower(|config| config.inflight_bytes_max = 1);
    assert_eq!(sent.len(), 1);
}

#[test]
fn a_follower_behind_a_small_window_catches_up() {
    let mut cluster = Cluster::with(3, 5, |config| {
        config.entry_bytes_max = KIB;
        config.append_bytes_max = KIB;
        config.inflight_bytes_max = 2 * KIB;
    });
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    let mut index = 0;
    for _ in 0..60 {
        index = cluster.commit(&[1; 700]);
    }
    cluster.heal();
    cluster.applied([slow], index);
    assert_eq!(cluster.leader_of(GROUP), Some(NodeId(leader)));
}

#[test]
fn no_window_at_all_is_refused() {
    let mut config = config();
    config.inflight_bytes_max = 0;
    assert_eq!(config.check().expect_err("refused").field, "inflight_bytes_max");
}

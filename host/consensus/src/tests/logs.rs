//! A log larger than the memory it may have.

use super::{
    cluster::{Cluster, GROUP, voters},
    lone::{Lone, applied, commands, config, kinds, message, sent},
};
use crate::{
    Effect, EntryBody, Input, LogEntry, LogIndex, RaftMessage, RaftMessageType, ReplicaStart, RequestId,
};
use bytes::Bytes;
use quorate_vocabulary::{NodeId, ReplicaId};

fn entries(range: std::ops::RangeInclusive<u64>) -> Vec<LogEntry> {
    range.map(|index| LogEntry { index, term: 1, data: commands(index, &[b"0123456789"]).encode() }).collect()
}

/// A replica with entries 2 to 100 on disk, all committed, and the newest ten of them in memory.
fn restarted() -> (Lone, Vec<Effect>) {
    let all = entries(2..=100);
    let mut start = ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3));
    start.hard_state.commit = 100;
    start.log = LogIndex::of(&all).expect("an index");
    start.entries = all[89..].to_vec();
    let mut lone = Lone::closed(config());
    let effects = lone.open(start);
    (lone, effects)
}

fn fetches(effects: &[Effect]) -> Vec<(u64, u64)> {
    let fetches = effects.iter().filter_map(|effect| match effect {
        Effect::Fetch { first, last, .. } => Some((*first, *last)),
        _ => None,
    });
    fetches.collect()
}

fn fetched(first: u64, entries: Vec<LogEntry>) -> Input {
    Input::Fetched { group: GROUP, first, entries }
}

#[test]
fn entries_that_are_only_on_disk_are_fetched_to_be_applied() {
    let (mut lone, effects) = restarted();
    assert_eq!(fetches(&effects), [(2, 90)]);
    assert!(applied(&effects).is_empty());
    // Some of them, then the rest: in order, and from memory where they are there.
    let effects = lone.step(vec![fetched(2, entries(2..=50))]);
    assert_eq!(applied(&effects).len(), 49);
    assert_eq!(fetches(&effects), [(51, 90)]);
    let effects = lone.step(vec![fetched(51, entries(51..=90))]);
    let indexes: Vec<u64> = applied(&effects).iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, (51..=100).collect::<Vec<_>>());
}

#[test]
fn entries_that_cannot_be_read_back_end_the_replica() {
    let (mut lone, _) = restarted();
    let effects = lone.step(vec![fetched(2, vec![])]);
    let failed = effects.iter().any(
        |effect| matches!(effect, Effect::ReplicaFailed { cause, .. } if cause.contains("could not be read")),
    );
    assert!(failed, "{effects:?}");
}

#[test]
fn entries_that_are_not_what_the_log_has_are_fetched_again() {
    let (mut lone, _) = restarted();
    let mut wrong = entries(2..=9);
    wrong[3].term = 9;
    let effects = lone.step(vec![fetched(2, wrong)]);
    assert_eq!(applied(&effects).len(), 3);
    assert_eq!(fetches(&effects), [(5, 90)]);
}

#[test]
fn a_slow_follower_gets_entries_from_disk() {
    let mut cluster = Cluster::with(3, 1, |config| {
        config.log_cache_bytes_max = 500;
        config.append_bytes_max = 300;
        config.log_margin_entries = 10_000;
    });
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    for _ in 0..60 {
        cluster.commit(b"many bytes that do not fit into memory");
    }
    cluster.records = true;
    cluster.heal();
    let index = cluster.checks.committed_up_to(GROUP);
    let before = cluster.now;
    cluster.applied([slow], index);
    assert!(cluster.now - before < std::time::Duration::from_secs(2), "{:?}", cluster.now - before);
    let fetched = cluster
        .effects
        .iter()
        .any(|(node, effect)| *node == NodeId(leader) && matches!(effect, Effect::Fetch { .. }));
    assert!(fetched);
    assert_eq!(cluster.machine(slow), cluster.machine(leader));
}

#[test]
fn sends_that_wait_for_the_disk_are_asked_for_once() {
    let (mut lone, _) = restarted();
    lone.step(vec![fetched(2, entries(2..=90))]);
    lone.lead();
    let term = lone.status().term;
    let rejected = |from, index| RaftMessage {
        index,
        reject: true,
        reject_hint: 5,
        log_term: 1,
        ..message(RaftMessageType::AppendResponse, from, term)
    };
    // Both followers lack the same entries; each has been acknowledged up to the end, so both must be probed anew.
    let mut lone_two = lone;
    lone_two.step(vec![Input::Unreachable { node: NodeId(2) }, Input::Unreachable { node: NodeId(3) }]);
    let effects = lone_two.step(vec![Input::Message(rejected(2, 101)), Input::Message(rejected(3, 101))]);
    assert!(fetches(&effects).len() <= 1, "{effects:?}");
}

#[test]
fn an_entry_is_not_let_go_before_it_is_on_disk() {
    let mut config = config();
    config.log_cache_bytes_max = 1;
    config.applying_bytes_max = 1;
    let mut lone = Lone::closed(config);
    lone.open(ReplicaStart::bootstrap(GROUP, ReplicaId(1), voters(1..=3)));
    lone.lead();
    let mut effects = Vec::new();
    for request in 1..=3 {
        let command = Bytes::from(vec![1; 1_000]);
        effects.extend(lone.step(vec![Input::Propose {
            group: GROUP,
            request: RequestId(request),
            command,
        }]));
    }
    // Not on disk here, and one follower has it all: the other can be sent it without a fetch.
    let term = lone.status().term;
    effects
        .extend(lone.receive(RaftMessage { index: 5, ..message(RaftMessageType::AppendResponse, 2, term) }));
    effects.extend(lone.step(vec![Input::Unreachable { node: NodeId(3) }]));
    effects.extend(lone.receive(message(RaftMessageType::HeartbeatResponse, 3, term)));
    assert!(fetches(&effects).is_empty(), "{effects:?}");
    let resent = sent(&effects).filter(|message| message.to_replica == 3 && !message.entries.is_empty());
    assert!(resent.count() > 1);
}

#[test]
fn appends_are_bounded_by_bytes() {
    let mut cluster = Cluster::with(3, 4, |config| config.append_bytes_max = 400);
    let leader = cluster.leader();
    let slow = 1 + leader % 3;
    cluster.isolate(&[slow]);
    for _ in 0..40 {
        cluster.commit(&[1; 100]);
    }
    cluster.records = true;
    cluster.heal();
    let index = cluster.checks.committed_up_to(GROUP);
    cluster.applied([slow], index);
    for (_, effect) in &cluster.effects {
        if let Effect::Send(message) = effect {
            let bytes: usize = message.entries.iter().map(|entry| entry.data.len()).sum();
            assert!(message.entries.len() < 2 || bytes <= 400, "{bytes} bytes");
        }
    }
}

#[test]
fn an_entry_of_another_format_ends_the_replica() {
    let mut lone = Lone::new(3);
    let mut odd = super::lone::append(2, 2, ReplicaStart::BOOTSTRAP, &[EntryBody::Empty], 2);
    let entry = LogEntry { index: 2, term: 2, data: Bytes::from_static(&[9, 1, 1]) };
    odd.entries[0].checksum = entry.checksum();
    odd.entries[0].data = entry.data;
    let effects = lone.step_and_persist(vec![Input::Message(odd)]);
    let failed = effects
        .iter()
        .any(|effect| matches!(effect, Effect::ReplicaFailed { cause, .. } if cause.contains("format 9")));
    assert!(failed, "{effects:?}");
    assert!(kinds(&lone.ticks(30)).is_empty());
}

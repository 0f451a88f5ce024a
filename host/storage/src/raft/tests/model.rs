//! Random histories of several groups, compared with the plainest log there is.

use super::*;
use crate::testing::Numbers;
use quorate_consensus::{Configuration, HardState, LogIndex};
use std::collections::BTreeMap;

#[derive(Clone)]
struct Plain {
    truncated: LogPoint,
    entries: Vec<LogEntry>,
    hard_state: HardState,
    term: u64,
}

impl Plain {
    fn last(&self) -> LogPoint {
        self.entries.last().map_or(self.truncated, LogEntry::point)
    }
}

/// Makes one random change to both.
fn change(numbers: &mut Numbers, group: GroupId, plain: &mut Plain, batch: &mut RaftBatch) {
    let (first, last) = (plain.truncated.index + 1, plain.last().index);
    match numbers.below(10) {
        0..=4 => {
            // Often right behind the end, sometimes over the tail.
            let from = if numbers.below(3) == 0 { first + numbers.below(last + 2 - first) } else { last + 1 };
            plain.term += numbers.below(2);
            let most = if numbers.below(10) == 0 { 200 } else { 5 };
            let count = 1 + numbers.below(most);
            let made: Vec<_> = (from..from + count)
                .map(|index| {
                    let length = usize::try_from(numbers.below(40)).unwrap();
                    // Two zeros in front: no configuration, whatever follows.
                    let data = [vec![0, 0], numbers.bytes(length)].concat().into();
                    LogEntry { index, term: plain.term, data }
                })
                .collect();
            plain.entries.truncate(usize::try_from(from - first).unwrap());
            plain.entries.extend(made.clone());
            batch.append(group, made);
        }
        5..=6 if last >= first => {
            let through = numbers.below(last + 1 - first);
            let point = plain.entries[usize::try_from(through).unwrap()].point();
            plain.entries.drain(..=usize::try_from(through).unwrap());
            plain.truncated = point;
            batch.cut(group, point, Configuration::default());
        }
        7 if numbers.below(3) == 0 => {
            plain.term += 1;
            plain.truncated = LogPoint { index: plain.truncated.index + numbers.below(50), term: plain.term };
            plain.entries.clear();
            batch.restore(group, plain.truncated, Configuration::default());
        }
        _ => {
            plain.hard_state = HardState { term: plain.term, vote: None, commit: numbers.below(1000) };
            batch.set_hard_state(group, plain.hard_state);
        }
    }
}

#[test]
fn random_histories_read_back_as_they_were_written() {
    for seed in 1..=3 {
        let mut numbers = Numbers(seed);
        let mut disk = Disk::new();
        let groups = [GroupId(0), GroupId(1), GroupId(255), GroupId(256), GroupId(u64::MAX)];
        let mut raft = created(&disk, &groups);
        let begin = Plain {
            truncated: at(1, 1),
            entries: Vec::new(),
            hard_state: HardState { term: 1, vote: None, commit: 1 },
            term: 1,
        };
        let mut plains: BTreeMap<_, _> = groups.iter().map(|group| (*group, begin.clone())).collect();
        for round in 0..50 {
            let mut batch = RaftBatch::new();
            for _ in 0..=numbers.below(6) {
                let group = groups[usize::try_from(numbers.below(5)).unwrap()];
                change(&mut numbers, group, plains.get_mut(&group).unwrap(), &mut batch);
            }
            raft.write(batch).unwrap();
            match numbers.below(20) {
                0 => {
                    let after = disk.crash();
                    drop(raft);
                    disk = after;
                    raft = disk.open().raft();
                }
                1 => {
                    drop(raft);
                    raft = disk.open().raft();
                }
                _ => {}
            }
            for (group, plain) in &plains {
                assert_eq!(
                    raft.extent(*group).unwrap(),
                    (plain.truncated, plain.last()),
                    "seed {seed}, round {round}"
                );
                assert_eq!(all(&raft, *group), plain.entries, "seed {seed}, round {round}, group {group}");
            }
        }
        let loaded = raft.load().unwrap();
        assert!(loaded.damaged.is_empty(), "seed {seed}: {:?}", loaded.damaged);
        for (replica, (group, plain)) in loaded.replicas.iter().zip(&plains) {
            assert_eq!((replica.group, replica.hard_state), (*group, plain.hard_state), "seed {seed}");
            assert_eq!(replica.log, LogIndex::of(&plain.entries).unwrap(), "seed {seed}");
        }
    }
}

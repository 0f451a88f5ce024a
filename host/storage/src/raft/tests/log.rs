use super::*;
use crate::StorageError;
use quorate_consensus::{Configuration, EntryBody, HardState, LogIndex, Persist, RestoredLog};
use quorate_replica::ports::History;
use quorate_vocabulary::ReplicaId;

fn cut(raft: &RaftStore, group: GroupId, point: LogPoint) -> Result<(), StorageError> {
    let mut batch = RaftBatch::new();
    batch.cut(group, point, Configuration::new(members(&[71, 72])));
    raft.write(batch)
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=5, 1)).unwrap();
    append(&raft, G, entries(6..=9, 3)).unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert_eq!(raft.extent(G).unwrap(), (at(1, 1), at(9, 3)));
    let expected: Vec<_> = entries(2..=5, 1).into_iter().chain(entries(6..=9, 3)).collect();
    assert_eq!(all(&raft, G), expected);
}

#[test]
fn the_size_of_a_log_is_that_of_the_entries_it_still_has() {
    let disk = Disk::new();
    let raft = created(&disk, &[G, GroupId(8)]);
    assert_eq!(raft.log_bytes(G).unwrap(), 0);
    append(&raft, G, entries(2..=9, 1)).unwrap();
    append(&raft, GroupId(8), entries(2..=3, 1)).unwrap();
    assert_eq!(raft.log_bytes(G).unwrap(), 8 * 3);
    cut(&raft, G, at(5, 1)).unwrap();
    append(&raft, G, entries(8..=8, 2)).unwrap();
    assert_eq!(raft.log_bytes(G).unwrap(), 3 * 3, "6 and 7, and another 8");
    assert!(matches!(raft.log_bytes(GroupId(9)), Err(StorageError::NoReplica { .. })));
}

#[test]
fn a_write_is_on_disk_when_it_returns() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=50, 1)).unwrap();
    let after = disk.crash();
    assert_eq!(all(&after.open().raft(), G), entries(2..=50, 1));
}

#[test]
fn a_conflicting_tail_is_replaced_and_what_was_behind_it_is_gone() {
    // One by one, and as a range.
    for old_last in [20, 500] {
        let disk = Disk::new();
        let raft = created(&disk, &[G, GroupId(8)]);
        append(&raft, G, entries(2..=old_last, 1)).unwrap();
        append(&raft, GroupId(8), entries(2..=old_last, 1)).unwrap();
        append(&raft, G, entries(10..=12, 2)).unwrap();
        let expected: Vec<_> = entries(2..=9, 1).into_iter().chain(entries(10..=12, 2)).collect();
        assert_eq!(all(&raft, G), expected);
        // Were the old tail still there, it would come back as soon as the log reaches it.
        append(&raft, G, entries([13], 2)).unwrap();
        drop(raft);
        let raft = disk.open().raft();
        assert_eq!(raft.extent(G).unwrap().1, at(13, 2));
        assert!(raft.load().unwrap().damaged.is_empty());
        assert_eq!(all(&raft, GroupId(8)), entries(2..=old_last, 1));
    }
}

#[test]
fn entries_that_do_not_follow_are_refused() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=5, 2)).unwrap();
    cut(&raft, G, at(3, 2)).unwrap();
    let disorder = [
        entries([7], 2),
        entries([3], 2),
        entries([1], 2),
        entries([0], 2),
        entries([6, 8], 2),
        entries([6, 6], 2),
        [entries([6], 3), entries([7], 2)].concat(),
    ];
    for entries in disorder {
        let error = append(&raft, G, entries.clone()).unwrap_err();
        assert!(matches!(error, StorageError::LogOrder { group: G, .. }), "{entries:?}: {error}");
    }
    assert_eq!(all(&raft, G), entries(4..=5, 2));
}

#[test]
fn there_is_no_entry_at_the_highest_index() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let mut batch = RaftBatch::new();
    batch.restore(G, at(u64::MAX - 2, 5), Configuration::default());
    raft.write(batch).unwrap();
    append(&raft, G, entries([u64::MAX - 1], 5)).unwrap();
    assert!(matches!(append(&raft, G, entries([u64::MAX], 5)), Err(StorageError::LogOrder { .. })));
    assert_eq!(all(&raft, G), entries([u64::MAX - 1], 5));
}

#[test]
fn a_cut_log_begins_behind_the_point() {
    for last in [20, 500] {
        let disk = Disk::new();
        let raft = created(&disk, &[G, GroupId(6), GroupId(8)]);
        for group in [G, GroupId(6), GroupId(8)] {
            append(&raft, group, entries(2..=last, 1)).unwrap();
        }
        cut(&raft, G, at(last - 5, 1)).unwrap();
        drop(raft);
        let raft = disk.open().raft();
        assert_eq!(raft.extent(G).unwrap(), (at(last - 5, 1), at(last, 1)));
        assert_eq!(all(&raft, G), entries(last - 4..=last, 1));
        assert_eq!(raft.load_replica(G).unwrap().configuration, Configuration::new(members(&[71, 72])));
        let error = raft.entries(G, last - 5, last, 100).unwrap_err();
        assert!(
            matches!(error, StorageError::Compacted { truncated, .. } if truncated == last - 5),
            "{error}"
        );
        for group in [GroupId(6), GroupId(8)] {
            assert_eq!(all(&raft, group), entries(2..=last, 1));
        }
    }
}

#[test]
fn what_leaves_a_log_leaves_the_disk() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let stored = || {
        let records = raft.db.iterator_cf(raft.family(keys::LOG), rocksdb::IteratorMode::Start);
        records.map(|record| keys::entry_index(G, &record.unwrap().0).unwrap()).collect::<Vec<_>>()
    };
    append(&raft, G, entries(2..=300, 1)).unwrap();
    cut(&raft, G, at(290, 1)).unwrap();
    assert_eq!(stored(), (291..=300).collect::<Vec<_>>());
    cut(&raft, G, at(298, 1)).unwrap();
    assert_eq!(stored(), [299, 300]);
    append(&raft, G, entries([299], 2)).unwrap();
    assert_eq!(stored(), [299]);
    let mut batch = RaftBatch::new();
    batch.remove(G, R);
    raft.write(batch).unwrap();
    assert!(stored().is_empty());
}

#[test]
fn a_log_can_be_cut_to_its_end_and_goes_on_from_there() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=9, 4)).unwrap();
    cut(&raft, G, at(9, 4)).unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert_eq!(raft.extent(G).unwrap(), (at(9, 4), at(9, 4)));
    append(&raft, G, entries([10], 4)).unwrap();
    assert_eq!(all(&raft, G), entries([10], 4));
}

#[test]
fn a_cut_behind_the_last_one_changes_nothing_and_one_beyond_the_end_is_refused() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=9, 1)).unwrap();
    cut(&raft, G, at(6, 1)).unwrap();
    cut(&raft, G, at(4, 1)).unwrap();
    assert_eq!(raft.extent(G).unwrap().0, at(6, 1));
    assert!(matches!(cut(&raft, G, at(10, 1)), Err(StorageError::LogOrder { .. })));
    assert_eq!(all(&raft, G), entries(7..=9, 1));
}

#[test]
fn a_received_snapshot_replaces_the_log_and_entries_follow_it() {
    for index in [5, 100] {
        let disk = Disk::new();
        let raft = created(&disk, &[G]);
        append(&raft, G, entries(2..=9, 1)).unwrap();
        let configuration = Configuration::new(members(&[71, 74]));
        let hard_state = HardState { term: 6, vote: Some(ReplicaId(74)), commit: index };
        let mut batch = RaftBatch::new();
        batch.persist(Persist {
            group: G,
            number: 1,
            restored: Some(RestoredLog { truncated: at(index, 5), configuration: configuration.clone() }),
            entries: entries([index + 1], 6),
            hard_state: Some(hard_state),
        });
        raft.write(batch).unwrap();
        drop(raft);
        let replica = disk.open().raft().load_replica(G).unwrap();
        assert_eq!(replica.truncated, at(index, 5));
        assert_eq!(replica.configuration, configuration);
        assert_eq!(replica.entries, entries([index + 1], 6));
        assert_eq!(replica.hard_state, hard_state);
    }
}

#[test]
fn a_snapshot_behind_the_beginning_of_the_log_is_refused() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=9, 1)).unwrap();
    cut(&raft, G, at(6, 1)).unwrap();
    let mut batch = RaftBatch::new();
    batch.restore(G, at(5, 1), Configuration::default());
    assert!(matches!(raft.write(batch), Err(StorageError::LogOrder { .. })));
    assert_eq!(all(&raft, G), entries(7..=9, 1));
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let disk = Disk::new();
    let raft = created(&disk, &[G, GroupId(8)]);
    let mut batch = RaftBatch::new();
    batch.append(G, entries(2..=3, 1));
    batch.set_hard_state(G, HardState { term: 9, vote: None, commit: 3 });
    batch.append(GroupId(8), entries([5], 1));
    assert!(matches!(raft.write(batch), Err(StorageError::LogOrder { group: GroupId(8), .. })));
    assert_eq!(raft.extent(G).unwrap(), (at(1, 1), at(1, 1)));
    append(&raft, G, entries([2], 1)).unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert_eq!(all(&raft, G), entries([2], 1));
    assert_eq!(raft.hard_state(G).unwrap().term, 1);
}

#[test]
fn entries_are_given_up_to_a_size_but_at_least_one() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, entries(2..=9, 1)).unwrap();
    // Three bytes each.
    assert_eq!(raft.entries(G, 3, 9, 0).unwrap(), entries([3], 1));
    assert_eq!(raft.entries(G, 3, 9, 8).unwrap(), entries(3..=4, 1));
    assert_eq!(raft.entries(G, 3, 9, 9).unwrap(), entries(3..=5, 1));
    assert_eq!(raft.entries(G, 3, 4, 100).unwrap(), entries(3..=4, 1));
    for (first, last) in [(9, 10), (10, 10), (5, 4)] {
        let error = raft.entries(G, first, last, 100).unwrap_err();
        assert!(matches!(error, StorageError::LogOrder { .. }), "{error}");
    }
}

#[test]
fn what_is_loaded_is_bounded_and_says_of_the_rest_what_it_is() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let configuration = EntryBody::Configuration(Configuration::new(members(&[71, 79]))).encode();
    let mut log = vec![LogEntry { index: 2, term: 1, data: configuration }];
    for index in 3..=40 {
        log.push(LogEntry { index, term: 1 + index / 10, data: Bytes::from(vec![1; 32 << 10]) });
    }
    append(&raft, G, log.clone()).unwrap();
    let replica = raft.load_replica(G).unwrap();
    // 256 KiB by default.
    assert_eq!(replica.entries, log[log.len() - 8..]);
    assert_eq!(replica.log, LogIndex::of(&log).unwrap());
    assert_eq!(replica.last, at(40, 5));
    let start = replica.clone().into_start(17, 170);
    assert_eq!((start.applied, start.applied_time_ms, start.entries), (17, 170, replica.entries));
}

#[test]
fn history_gives_entries_that_are_known_to_be_committed() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    let body = |index| EntryBody::Commands { time_ms: index, commands: vec![Bytes::from_static(b"command")] };
    let entry = |index| LogEntry { index, term: 1, data: body(index).encode() };
    append(&raft, G, (2..=9).map(entry).collect()).unwrap();
    let mut batch = RaftBatch::new();
    batch.set_hard_state(G, HardState { term: 1, vote: None, commit: 4 });
    raft.write(batch).unwrap();

    let history = GroupHistory::open(raft, G).unwrap();
    let read = history.entries(2, 4, u64::MAX).unwrap();
    assert_eq!(read.iter().map(|entry| entry.index).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(read[0].body, body(2));
    assert!(history.entries(2, 5, u64::MAX).unwrap_err().to_string().contains("only 4 is known"));
    history.committed(7);
    history.committed(6);
    assert_eq!(history.entries(5, 7, 0).unwrap().len(), 1);
    assert!(history.entries(5, 8, 0).is_err());
    assert!(history.entries(1, 2, 0).is_err());
}

#[test]
fn history_says_which_entry_cannot_be_read() {
    let disk = Disk::new();
    let raft = created(&disk, &[G]);
    append(&raft, G, vec![LogEntry { index: 2, term: 1, data: Bytes::from_static(&[9, 9]) }]).unwrap();
    let history = GroupHistory::open(raft, G).unwrap();
    history.committed(2);
    let fault = history.entries(2, 2, 0).unwrap_err().to_string();
    assert!(fault.contains("entry 2 of group 7"), "{fault}");
}

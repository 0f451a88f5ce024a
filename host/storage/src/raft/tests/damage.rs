use super::*;
use crate::{
    StorageError,
    raft::keys,
    testing::{files, flip},
};
use quorate_consensus::HardState;
use std::fs;

const OTHER: GroupId = GroupId(8);

fn two_groups(disk: &Disk) -> Arc<RaftStore> {
    let raft = created(disk, &[G, OTHER]);
    append(&raft, G, entries(2..=9, 1)).unwrap();
    append(&raft, OTHER, entries(2..=9, 1)).unwrap();
    raft
}

fn entry_record(raft: &RaftStore, index: u64) -> Vec<u8> {
    raft.db.get_cf(raft.family(keys::LOG), keys::entry(G, index)).unwrap().unwrap()
}

fn put_entry_record(raft: &RaftStore, index: u64, record: &[u8]) {
    raft.db.put_cf(raft.family(keys::LOG), keys::entry(G, index), record).unwrap();
}

/// That `G` is damaged at this index, and the other group is not.
fn assert_damaged(raft: &RaftStore, index: Option<u64>) {
    let loaded = raft.load().unwrap();
    let [damaged] = &loaded.damaged[..] else { panic!("{loaded:?}") };
    let named =
        matches!(damaged.error, StorageError::Corruption { group: G, index: found, .. } if found == index);
    assert!(named && damaged.group == G, "{}", damaged.error);
    assert_eq!(loaded.replicas.len(), 1);
    assert_eq!(loaded.replicas[0].entries, entries(2..=9, 1));
}

#[test]
fn every_flipped_byte_of_an_entry_is_seen() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    let whole = entry_record(&raft, 5);
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 0x10;
        put_entry_record(&raft, 5, &flipped);
        let error = raft.entries(G, 4, 6, usize::MAX).unwrap_err();
        assert!(
            matches!(error, StorageError::Corruption { group: G, index: Some(5), .. }),
            "{byte}: {error}"
        );
    }
    for length in 0..whole.len() {
        put_entry_record(&raft, 5, &whole[..length]);
        assert!(matches!(raft.entries(G, 5, 5, 0), Err(StorageError::Corruption { index: Some(5), .. })));
    }
    assert_damaged(&raft, Some(5));
    put_entry_record(&raft, 5, &whole);
    assert_eq!(all(&raft, G), entries(2..=9, 1));
}

#[test]
fn an_entry_does_not_pass_for_another() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    let other = entry_record(&raft, 6);
    put_entry_record(&raft, 5, &other);
    assert_damaged(&raft, Some(5));
}

#[test]
fn a_missing_entry_is_seen() {
    for index in [2, 5] {
        let disk = Disk::new();
        let raft = two_groups(&disk);
        raft.db.delete_cf(raft.family(keys::LOG), keys::entry(G, index)).unwrap();
        assert!(matches!(raft.entries(G, index, 9, 0), Err(StorageError::Corruption { .. })));
        assert_damaged(&raft, Some(index));
    }
}

#[test]
fn a_last_entry_that_went_missing_is_seen() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    raft.db.delete_cf(raft.family(keys::LOG), keys::entry(G, 9)).unwrap();
    assert!(matches!(raft.entries(G, 9, 9, 0), Err(StorageError::Corruption { index: Some(9), .. })));
    assert_damaged(&raft, Some(9));
}

#[test]
fn a_term_that_goes_back_is_seen() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    let key = keys::entry(G, 5);
    let entry = LogEntry { index: 5, term: 0, data: Bytes::new() };
    put_entry_record(&raft, 5, &records::seal_entry(&key, &entry));
    assert_damaged(&raft, Some(5));
}

#[test]
fn a_configuration_that_cannot_be_read_is_seen() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    append(&raft, G, vec![LogEntry { index: 10, term: 1, data: Bytes::from_static(&[1, 3, 0xFF]) }]).unwrap();
    assert_damaged(&raft, Some(10));
}

#[test]
fn a_damaged_last_entry_hurts_only_its_group() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    put_entry_record(&raft, 9, b"nonsense");
    drop(raft);
    let raft = disk.open().raft();
    assert_damaged(&raft, Some(9));
    // What is there cannot be trusted, and nothing is written over it.
    let error = append(&raft, G, entries([10], 1)).unwrap_err();
    assert!(matches!(error, StorageError::Corruption { group: G, index: Some(9), .. }), "{error}");
    append(&raft, OTHER, entries([10], 1)).unwrap();
}

#[test]
fn a_damaged_record_of_a_replica_hurts_only_its_group_which_can_be_removed() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    raft.db.put(keys::replica(G), b"nonsense").unwrap();
    drop(raft);
    let raft = disk.open().raft();
    assert_damaged(&raft, None);
    assert!(raft.replica(G).is_err());
    let mut batch = RaftBatch::new();
    batch.create(NewReplica::joining(G, quorate_vocabulary::ReplicaId(79)));
    assert!(matches!(raft.write(batch.clone()), Err(StorageError::Corruption { .. })));

    let mut remove = RaftBatch::new();
    remove.remove(G, R);
    raft.write(remove).unwrap();
    raft.write(batch).unwrap();
    drop(raft);
    let loaded = disk.open().raft().load().unwrap();
    assert!(loaded.damaged.is_empty() && loaded.replicas.len() == 2, "{loaded:?}");
    assert!(loaded.replicas[0].entries.is_empty());
}

#[test]
fn a_damaged_or_missing_hard_state_is_never_taken_for_a_fresh_one() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    raft.db.put(keys::hard_state(G), b"nonsense").unwrap();
    assert!(matches!(raft.hard_state(G), Err(StorageError::Corruption { .. })));
    assert_damaged(&raft, None);
    raft.db.delete(keys::hard_state(G)).unwrap();
    assert!(matches!(raft.hard_state(G), Err(StorageError::Corruption { .. })));
    assert_damaged(&raft, None);
}

#[test]
fn a_key_that_is_none_is_told_as_the_databases_damage() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    raft.db.put(b"R???", b"").unwrap();
    drop(raft);
    let error = disk.try_open().unwrap_err();
    assert!(matches!(error, StorageError::DamagedRecord { .. }), "{error}");
}

#[test]
fn only_an_unfinished_last_write_may_be_missing_after_a_crash() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    let hard_state = HardState { term: 3, vote: None, commit: 5 };
    let wal_bytes = |disk: &Disk| {
        let wal = files(&disk.path().join("raft"), ".log").pop().unwrap();
        (wal.clone(), fs::metadata(wal).unwrap().len())
    };
    let (_, before) = wal_bytes(&disk);
    let mut batch = RaftBatch::new();
    batch.append(G, entries([10], 3));
    batch.set_hard_state(G, hard_state);
    raft.write(batch).unwrap();
    let (_, after) = wal_bytes(&disk);
    assert!(before < after);
    for length in (before..after).step_by(7) {
        let torn = disk.crash();
        let (wal, _) = wal_bytes(&torn);
        fs::File::options().write(true).open(&wal).unwrap().set_len(length).unwrap();
        let raft = torn.open().raft();
        assert_eq!(all(&raft, G), entries(2..=9, 1), "torn at {length}");
        assert_eq!(raft.hard_state(G).unwrap().term, 1);
    }
    let raft = disk.crash();
    assert_eq!(raft.open().raft().hard_state(G).unwrap(), hard_state);
}

#[test]
fn a_damaged_write_ahead_file_is_never_taken_for_a_shorter_log() {
    let disk = Disk::new();
    let _raft = two_groups(&disk);
    let wal = files(&disk.path().join("raft"), ".log").pop().unwrap();
    let length = usize::try_from(fs::metadata(wal).unwrap().len()).unwrap();
    let mut refused = 0;
    for offset in (0..length).step_by(length / 20) {
        let damaged = disk.crash();
        flip(&files(&damaged.path().join("raft"), ".log").pop().unwrap(), offset);
        match damaged.try_open() {
            Err(error) => {
                assert!(matches!(error, StorageError::DamagedDatabase { .. }), "{offset}: {error}");
                refused += 1;
            }
            // Bytes that nothing depends on.
            Ok(folder) => assert_eq!(all(&folder.raft(), G), entries(2..=9, 1), "{offset}"),
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn damage_in_table_files_is_an_error_and_no_panic() {
    let disk = Disk::new();
    let raft = two_groups(&disk);
    raft.db.flush().unwrap();
    raft.db.flush_cf(raft.family(keys::LOG)).unwrap();
    drop(raft);
    let tables = files(&disk.path().join("raft"), ".sst").len();
    assert!(tables >= 2);
    for table in 0..tables {
        for part in 0..10 {
            let damaged = disk.crash();
            let path = files(&damaged.path().join("raft"), ".sst").remove(table);
            let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
            flip(&path, length * part / 10);
            let Ok(folder) = damaged.try_open() else { continue };
            if let Ok(loaded) = folder.raft().load() {
                for replica in loaded.replicas {
                    assert_eq!(replica.entries, entries(2..=9, 1), "table {table}, part {part}");
                }
            }
        }
    }
}

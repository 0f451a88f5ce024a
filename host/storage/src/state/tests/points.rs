use super::*;
use crate::{StorageError, state::keys};
use quorate_vocabulary::{GroupId, ReplicaId};

#[test]
fn a_new_state_is_empty_and_nothing_is_applied() {
    let disk = Disk::new();
    let state = state(&disk);
    assert_eq!(state.applied().unwrap(), None);
    assert_eq!(state.flush().unwrap(), None);
    assert!(all_keys(&state).is_empty());
    assert_eq!((state.group(), state.replica()), (G, R));
}

#[test]
fn changes_and_point_are_there_after_opening_again() {
    let disk = Disk::new();
    let first = state(&disk);
    first.commit(puts(&["a", "b"]), &point(2)).unwrap();
    first.commit(puts(&["c"]), &point(3)).unwrap();
    drop(first);
    let again = state(&disk);
    assert_eq!(again.applied().unwrap(), Some(point(3)));
    assert_eq!(all_keys(&again), ["a", "b", "c"]);
}

#[test]
fn changes_and_point_survive_the_process() {
    let disk = Disk::new();
    let first = state(&disk);
    first.commit(puts(&["a"]), &point(2)).unwrap();
    assert_eq!(first.flush().unwrap(), Some(point(2)));
    let after = disk.crash();
    let again = state(&after);
    assert_eq!((again.applied().unwrap(), all_keys(&again)), (Some(point(2)), vec!["a".to_owned()]));
}

#[test]
fn a_point_is_never_newer_or_older_than_the_keys_beside_it() {
    let disk = Disk::new();
    let first = state(&disk);
    for index in 2..40 {
        first.commit(puts(&[&format!("{index:03}")]), &point(index)).unwrap();
    }
    drop(first);
    // Whatever is lost of the unsynced file.
    let wal = |disk: &Disk| {
        let files = crate::testing::files(&disk.path().join("state"), ".log");
        files.into_iter().max_by_key(|file| std::fs::metadata(file).unwrap().len()).unwrap()
    };
    let length = std::fs::metadata(wal(&disk)).unwrap().len();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..length).step_by(501) {
        let after = disk.crash();
        std::fs::File::options().write(true).open(wal(&after)).unwrap().set_len(cut).unwrap();
        let again = state(&after);
        let applied = again.applied().unwrap().map_or(1, |point| point.index);
        let expected: Vec<_> = (2..=applied).map(|index| format!("{index:03}")).collect();
        assert_eq!(all_keys(&again), expected, "cut at {cut}");
        seen.insert(applied);
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn another_replica_begins_with_nothing_and_ends_the_one_before() {
    let disk = Disk::new();
    let folder = disk.open();
    let old = folder.state(G, R).unwrap();
    old.commit(puts(&["a"]), &point(2)).unwrap();
    let view = old.view().unwrap();
    let new = folder.state(G, ReplicaId(79)).unwrap();
    assert_eq!(new.applied().unwrap(), None);
    assert!(all_keys(&new).is_empty());
    assert!(old.commit(puts(&["b"]), &point(3)).is_err());
    assert!(matches!(old.flush(), Err(StorageError::Gone { group: G, .. })));
    assert_eq!(keys_of(&*view, &ScanRange::everything()), ["a"]);
    new.commit(puts(&["n"]), &point(9)).unwrap();
    drop((folder, old, view, new));
    let new = disk.open().state(G, ReplicaId(79)).unwrap();
    assert_eq!((all_keys(&new), new.applied().unwrap()), (vec!["n".to_owned()], Some(point(9))));
}

#[test]
fn a_destroyed_state_is_gone_and_others_stay() {
    let disk = Disk::new();
    let folder = disk.open();
    let neighbours = [GroupId(6), GroupId(8), GroupId(u64::MAX), GroupId(0)];
    for group in neighbours {
        folder.state(group, R).unwrap().commit(puts(&["kept"]), &point(2)).unwrap();
    }
    let destroyed = folder.state(G, R).unwrap();
    destroyed.commit(puts(&["a"]), &point(2)).unwrap();
    folder.destroy(G).unwrap();
    assert!(destroyed.view().is_err() && destroyed.applied().is_err() && destroyed.begin_load().is_err());
    assert!(destroyed.commit(puts(&["b"]), &point(3)).is_err());
    let again = folder.state(G, R).unwrap();
    assert!(all_keys(&again).is_empty());
    drop((folder, destroyed, again));
    let folder = disk.open();
    assert!(all_keys(&folder.state(G, R).unwrap()).is_empty());
    for group in neighbours {
        assert_eq!(all_keys(&folder.state(group, R).unwrap()), ["kept"]);
    }
}

#[test]
fn a_damaged_point_is_told_and_never_taken_for_none() {
    let disk = Disk::new();
    let state = state(&disk);
    state.commit(puts(&["a"]), &point(2)).unwrap();
    let database = &state.handle().database;
    let at = keys::point(G, 1);
    let whole = database.db.get(&at).unwrap().unwrap();
    for byte in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[byte] ^= 1;
        database.db.put(&at, flipped).unwrap();
        assert!(matches!(state.flush(), Err(StorageError::Corruption { group: G, .. })), "{byte}");
    }
    database.db.put(&at, whole).unwrap();
    assert_eq!(state.applied().unwrap(), Some(point(2)));
}

#[test]
fn a_damaged_record_of_a_group_hurts_only_that_group() {
    let disk = Disk::new();
    let first = state(&disk);
    first.handle().database.db.put(keys::group(G), b"nonsense").unwrap();
    drop(first);
    let folder = disk.open();
    assert!(matches!(folder.state(G, R), Err(StorageError::Corruption { group: G, .. })));
    folder.state(GroupId(8), R).unwrap();
    // Its replica can be removed all the same.
    folder.destroy(G).unwrap();
    folder.state(G, R).unwrap();
}

//! Snapshots that were received, until raft has said what it thinks of them.

use super::*;

/// Has a store receive the snapshot at this index from another node.
fn receive(store: &SnapshotStore, index: u64) -> Result<SnapshotInfo, StorageError> {
    let disk = Disk::new();
    let (_folder, peer) = snapshots(&disk);
    take(&peer, index, b"received");
    let mut incoming = store.receive(&peer.send(index).unwrap().manifest(), 8)?;
    if incoming.received_bytes() == 0 {
        incoming.write(0, b"received").unwrap();
    }
    incoming.finish()
}

#[test]
fn one_that_raft_has_no_use_for_leaves_nothing() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    receive(&store, 9).unwrap();
    assert_eq!(indexes(&store), [5, 9]);
    assert_eq!(names(&disk).len(), 2);
    store.remove_unused(9).unwrap();
    assert_eq!(indexes(&store), [5]);
    assert_eq!(names(&disk).len(), 1);
    store.remove_unused(9).unwrap();
    store.remove_unused(5).unwrap();
    assert_eq!(indexes(&store), [5], "that one was taken here");
}

#[test]
fn one_that_is_loaded_is_this_replicas_own() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    receive(&store, 9).unwrap();
    assert_eq!(store.newest().unwrap(), None, "raft has not taken it");
    store.open(9).unwrap();
    assert_eq!(store.newest().unwrap().unwrap().header, header(9));
    receive(&store, 9).unwrap();
    store.remove_unused(9).unwrap();
    assert_eq!(indexes(&store), [9]);
}

#[test]
fn one_that_was_delivered_twice_stays_until_raft_has_no_use_for_it_twice() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    receive(&store, 9).unwrap();
    receive(&store, 9).unwrap();
    store.remove_unused(9).unwrap();
    assert_eq!(indexes(&store), [9]);
    store.remove_unused(9).unwrap();
    assert_eq!(names(&disk).len(), 0);
}

#[test]
fn one_that_is_removed_while_it_is_announced_again_is_asked_for_again() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let peer_disk = Disk::new();
    let (_peer_folder, peer) = snapshots(&peer_disk);
    take(&peer, 9, b"received");
    let manifest = peer.send(9).unwrap().manifest();
    receive(&store, 9).unwrap();
    let again = store.receive(&manifest, 8).unwrap();
    assert_eq!(again.received_bytes(), 8);
    store.remove_unused(9).unwrap();
    assert!(matches!(again.finish(), Err(StorageError::SnapshotRefused { .. })));
    assert_eq!(store.receive(&manifest, 8).unwrap().received_bytes(), 0);
}

#[test]
fn one_that_raft_may_not_take_makes_no_other_superfluous() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    take(&store, 6, b"six");
    receive(&store, 8).unwrap();
    receive(&store, 9).unwrap();
    assert_eq!(indexes(&store), [5, 6, 8, 9]);
    store.open(9).unwrap();
    assert_eq!(indexes(&store), [6, 9], "as many are kept as ever");
    assert_eq!(names(&disk).len(), 2);
}

#[test]
fn one_that_was_overtaken_goes_when_the_next_is_taken() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    receive(&store, 8).unwrap();
    take(&store, 9, b"nine");
    assert_eq!(indexes(&store), [9]);
    assert_eq!(names(&disk).len(), 1);
}

#[test]
fn one_that_does_not_belong_to_the_log_is_removed_at_the_start() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take(&store, 5, b"five");
    receive(&store, 9).unwrap();
    drop((folder, store));
    let (folder, store) = snapshots(&disk);
    let ends_at = |last: u64| move |info: &SnapshotInfo| info.header.point.index <= last;
    assert_eq!(store.remove_foreign(ends_at(9)).unwrap(), [0_u64; 0]);
    assert_eq!(store.remove_foreign(ends_at(8)).unwrap(), [9]);
    assert_eq!(store.remove_foreign(ends_at(8)).unwrap(), [0_u64; 0]);
    drop((folder, store));
    assert_eq!(indexes(&snapshots(&disk).1), [5]);
}

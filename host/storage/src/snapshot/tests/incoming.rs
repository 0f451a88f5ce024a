use super::*;
use bytes::Bytes;
use std::fs;

/// A snapshot on another node, ready to be sent.
struct Peer {
    _disk: Disk,
    _folder: DataFolder,
    store: Arc<SnapshotStore>,
    content: Vec<u8>,
}

impl Peer {
    fn new(length: usize) -> Self {
        let disk = Disk::new();
        let (folder, store) = snapshots(&disk);
        let content = content(9, length);
        take(&store, 9, &content);
        Self { _disk: disk, _folder: folder, store, content }
    }

    fn manifest(&self) -> Bytes {
        self.store.send(9).unwrap().manifest()
    }

    fn receive(&self, store: &SnapshotStore) -> IncomingSnapshot {
        store.receive(&self.manifest(), u64::try_from(self.content.len()).unwrap()).unwrap()
    }

    /// Sends up to this offset.
    fn send(&self, incoming: &mut IncomingSnapshot, end: usize) {
        let mut file = self.store.send(9).unwrap();
        let end = u64::try_from(end).unwrap();
        while incoming.received_bytes() < end {
            let offset = incoming.received_bytes();
            let room = usize::try_from(end - offset).unwrap();
            let bytes = file.read_at(offset, room.min(300_000)).unwrap();
            incoming.write(offset, &bytes).unwrap();
        }
    }
}

#[test]
fn what_a_peer_sends_becomes_a_snapshot_of_this_node() {
    for length in [0, 5, CHUNK, 2 * CHUNK + 5] {
        let peer = Peer::new(length);
        let disk = Disk::new();
        let (folder, store) = snapshots(&disk);
        let mut incoming = peer.receive(&store);
        assert_eq!(incoming.info().header, header(9));
        peer.send(&mut incoming, length);
        assert!(store.list().is_empty());
        assert_eq!(incoming.finish().unwrap(), peer.store.latest().unwrap());
        let after = disk.crash();
        drop((folder, store));
        for disk in [disk, after] {
            let (_folder, store) = snapshots(&disk);
            assert_eq!(read(&store, 9).unwrap(), peer.content);
            assert_eq!(names(&disk).len(), 1);
        }
    }
}

#[test]
fn a_file_is_read_from_any_offset() {
    let peer = Peer::new(2 * CHUNK + 5);
    let mut file = peer.store.send(9).unwrap();
    assert_eq!(file.total_bytes(), u64::try_from(2 * CHUNK + 5).unwrap());
    assert_eq!(file.info().header, header(9));
    for (offset, bytes_max) in [(0, 1), (CHUNK - 1, 100), (CHUNK, CHUNK), (2 * CHUNK + 4, 9), (7, usize::MAX)]
    {
        let bytes = file.read_at(u64::try_from(offset).unwrap(), bytes_max).unwrap();
        assert!(!bytes.is_empty() && bytes.len() <= bytes_max);
        assert_eq!(bytes, peer.content[offset..offset + bytes.len()]);
    }
    for offset in [2 * CHUNK + 5, 2 * CHUNK + 6, 3 * CHUNK, usize::MAX] {
        assert!(file.read_at(u64::try_from(offset).unwrap(), 9).unwrap().is_empty());
    }
    assert!(matches!(peer.store.send(8), Err(StorageError::NoSnapshot { .. })));
}

#[test]
fn a_broken_transfer_goes_on_from_its_last_whole_chunk() {
    let peer = Peer::new(3 * CHUNK);
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, CHUNK + 1000);
    drop(incoming);
    let mut incoming = peer.receive(&store);
    assert_eq!(incoming.received_bytes(), u64::try_from(CHUNK).unwrap());
    peer.send(&mut incoming, 2 * CHUNK + 1);
    drop(incoming);
    drop((folder, store));
    // Also after a restart.
    let (_folder, store) = snapshots(&disk);
    assert!(store.list().is_empty());
    let mut incoming = peer.receive(&store);
    assert_eq!(incoming.received_bytes(), u64::try_from(2 * CHUNK).unwrap());
    peer.send(&mut incoming, 3 * CHUNK);
    incoming.finish().unwrap();
    assert_eq!(read(&store, 9).unwrap(), peer.content);
}

#[test]
fn what_a_crash_spoiled_of_a_broken_transfer_is_asked_for_again() {
    let peer = Peer::new(3 * CHUNK);
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, 3 * CHUNK);
    drop((incoming, folder, store));
    crate::testing::flip(&group_folder(&disk).join(&names(&disk)[0]).join("data"), CHUNK + 9);
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    assert_eq!(incoming.received_bytes(), u64::try_from(CHUNK).unwrap());
    peer.send(&mut incoming, 3 * CHUNK);
    incoming.finish().unwrap();
    assert_eq!(read(&store, 9).unwrap(), peer.content);
}

#[test]
fn bytes_that_are_not_the_next_ones_are_refused() {
    let peer = Peer::new(1000);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    incoming.write(0, &peer.content[..10]).unwrap();
    for offset in [0, 9, 11, u64::MAX] {
        let error = incoming.write(offset, b"x").unwrap_err();
        assert!(
            matches!(error, StorageError::ChunkOffset { expected: 10, found } if found == offset),
            "{error}"
        );
    }
    incoming.write(10, &[]).unwrap();
    incoming.write(10, &peer.content[10..]).unwrap();
    incoming.finish().unwrap();
    assert_eq!(read(&store, 9).unwrap(), peer.content);
}

#[test]
fn a_damaged_chunk_is_refused_and_wanted_again() {
    let peer = Peer::new(2 * CHUNK + 10);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, CHUNK);
    let mut damaged = peer.content[CHUNK..2 * CHUNK].to_vec();
    damaged[77] ^= 1;
    let offset = u64::try_from(CHUNK).unwrap();
    incoming.write(offset, &damaged[..5000]).unwrap();
    let error = incoming.write(offset + 5000, &damaged[5000..]).unwrap_err();
    assert!(matches!(error, StorageError::SnapshotDamaged { group: G, index: 9, .. }), "{error}");
    assert_eq!(incoming.received_bytes(), offset);
    peer.send(&mut incoming, 2 * CHUNK + 10);
    incoming.finish().unwrap();
    assert_eq!(read(&store, 9).unwrap(), peer.content);
}

#[test]
fn more_bytes_than_announced_are_refused() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, 100);
    assert!(matches!(incoming.write(100, b"more"), Err(StorageError::SnapshotDamaged { .. })));
    incoming.finish().unwrap();
    assert_eq!(read(&store, 9).unwrap(), peer.content);
}

#[test]
fn a_transfer_that_ends_early_is_no_snapshot_and_keeps_what_it_has() {
    let peer = Peer::new(2 * CHUNK);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, CHUNK);
    assert!(matches!(incoming.finish(), Err(StorageError::SnapshotDamaged { .. })));
    assert!(store.list().is_empty());
    assert_eq!(peer.receive(&store).received_bytes(), u64::try_from(CHUNK).unwrap());
}

#[test]
fn an_abandoned_transfer_leaves_nothing() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, 50);
    incoming.abandon().unwrap();
    assert!(names(&disk).is_empty());
    assert_eq!(peer.receive(&store).received_bytes(), 0);
}

#[test]
fn one_is_received_at_a_time() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let first = peer.receive(&store);
    assert!(matches!(store.receive(&peer.manifest(), 100), Err(StorageError::SnapshotRefused { .. })));
    drop(first);
    peer.receive(&store);
}

#[test]
fn one_that_is_here_already_is_complete_at_once() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, 100);
    let info = incoming.finish().unwrap();
    let again = peer.receive(&store);
    assert_eq!(again.received_bytes(), 100);
    assert_eq!(again.finish().unwrap(), info);
    assert_eq!(names(&disk).len(), 1);
}

#[test]
fn another_snapshot_takes_the_place_of_a_broken_transfer() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let mut incoming = peer.receive(&store);
    peer.send(&mut incoming, 50);
    drop(incoming);
    // Of the same index, with other content.
    let manifest = manifest::Manifest::new(G, header(9), 3, 0, vec![crc32c::crc32c(b"new")]).bytes;
    let other = store.receive(&manifest, 3).unwrap();
    assert_eq!(other.received_bytes(), 0);
    drop(other);
    let later = manifest::Manifest::new(G, header(10), 3, 0, vec![crc32c::crc32c(b"new")]).bytes;
    let later = store.receive(&later, 3).unwrap();
    assert_eq!(names(&disk).len(), 1);
    drop(later);
    // One taken here makes it useless.
    take(&store, 11, b"eleven");
    assert_eq!(names(&disk).len(), 1);
}

#[test]
fn an_announcement_that_makes_no_sense_is_refused() {
    let peer = Peer::new(100);
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    let refused = |manifest: &Bytes, total_bytes| {
        let error = store.receive(manifest, total_bytes).unwrap_err();
        assert!(matches!(error, StorageError::SnapshotRefused { group: G, .. }), "{error}");
    };
    refused(&peer.manifest(), 99);
    refused(&Bytes::new(), 0);
    refused(&Bytes::from(vec![1; MANIFEST_BYTES_MAX + 1]), 100);
    refused(&manifest::Manifest::new(G, header(9), 100, 0, vec![]).bytes, 100);
    refused(&manifest::Manifest::new(G, header(9), u64::MAX, 0, vec![1]).bytes, u64::MAX);
    let elsewhere = folder.snapshots(quorate_vocabulary::GroupId(8)).unwrap();
    assert!(matches!(elsewhere.receive(&peer.manifest(), 100), Err(StorageError::SnapshotRefused { .. })));
    assert!(!group_folder(&disk).exists());
}

#[test]
fn a_broken_transfer_without_a_manifest_is_removed_when_opened() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    drop((folder, store));
    let leftover = group_folder(&disk).join("incoming-9-2");
    fs::create_dir_all(&leftover).unwrap();
    fs::write(leftover.join("data"), "x").unwrap();
    let _snapshots = snapshots(&disk);
    assert!(names(&disk).is_empty());
}

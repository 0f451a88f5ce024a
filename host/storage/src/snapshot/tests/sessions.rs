//! Sessions behind the data of a snapshot.

use super::*;
use crate::{
    GroupState,
    testing::{R, flip},
};
use bytes::Bytes;
use quorate_replica::{
    StoreStream,
    ports::{AppliedPoint, Sessions, StateStore},
};

/// So many sessions, each of a few bytes.
fn sessions(count: u64) -> Sessions {
    let row = |number: u64| {
        let key = [2_u64.to_be_bytes(), number.to_be_bytes()].concat();
        (Bytes::from(key), Bytes::from_static(&[8, 5, 24, 1]))
    };
    let mut sessions = Sessions::default();
    sessions.load((1..=count).map(row)).unwrap();
    sessions
}

fn take_with(store: &SnapshotStore, index: u64, content: &[u8], sessions: &Sessions) -> SnapshotHeader {
    let mut writer = store.begin(&header(index)).unwrap();
    writer.write_all(content).unwrap();
    let mut header = header(index);
    header.point.sessions = sessions.clone();
    writer.set_header(&header);
    writer.finish().unwrap();
    header
}

fn opened(store: &SnapshotStore, index: u64) -> (SnapshotHeader, Vec<u8>) {
    let (header, mut reader) = store.open(index).unwrap();
    let mut content = Vec::new();
    reader.read_to_end(&mut content).unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    (header, content)
}

#[test]
fn sessions_read_back_wherever_chunks_end() {
    let disk = Disk::new();
    let (_folder, store) = snapshots(&disk);
    let bytes = sessions(10).encode().len();
    // The last one takes several chunks for the sessions alone.
    let lengths = [0, 1, CHUNK - bytes, CHUNK - bytes / 2, CHUNK, 2 * CHUNK + 17, CHUNK - 5];
    for (index, length) in (10..).zip(lengths) {
        let sessions = sessions(if length == CHUNK - 5 { 80_000 } else { 10 });
        let content = content(index, length);
        let header = take_with(&store, index, &content, &sessions);
        assert_eq!(opened(&store, index), (header, content), "{length} bytes");
    }
}

#[test]
fn sessions_come_with_a_snapshot_that_was_sent() {
    let (disk, other) = (Disk::new(), Disk::new());
    let (_folder, store) = snapshots(&disk);
    let header = take_with(&store, 5, b"content", &sessions(3));
    let (_folder, received) = snapshots(&other);
    let mut sent = store.send(5).unwrap();
    let (manifest, total) = (sent.manifest(), sent.total_bytes());
    let mut incoming = received.receive(&manifest, total).unwrap();
    let bytes = sent.read_at(0, usize::try_from(total).unwrap()).unwrap();
    incoming.write(0, &bytes).unwrap();
    incoming.finish().unwrap();
    assert_eq!(opened(&received, 5), (header, b"content".to_vec()));
}

#[test]
fn damaged_sessions_are_seen_when_the_snapshot_is_opened() {
    let disk = Disk::new();
    let (folder, store) = snapshots(&disk);
    take_with(&store, 5, b"content", &sessions(3));
    drop((folder, store));
    let name = names(&disk).pop().unwrap();
    flip(&group_folder(&disk).join(name).join("data"), 20);
    let (_folder, store) = snapshots(&disk);
    assert!(matches!(store.read(5), Err(StorageError::Corruption { group: G, index: Some(5), .. })));
}

/// A state at index 40 that takes more than a chunk, or less, with so many sessions.
fn with_sessions(
    disk: &Disk,
    values: usize,
    count: u64,
) -> (Arc<SnapshotStore>, Arc<GroupState>, AppliedPoint) {
    let folder = disk.open();
    let (store, state) = (folder.snapshots(G).unwrap(), folder.state(G, R).unwrap());
    let value = Bytes::from(Numbers(5).bytes(70_000));
    let pairs = (0..values).map(|key| (format!("key-{key:03}").into(), value.slice(key..))).collect();
    let expected = AppliedPoint { sessions: sessions(count), ..point(40) };
    let mut loader = state.begin_load().unwrap();
    loader.put(pairs).unwrap();
    loader.finish(&expected).unwrap();
    (store, state, expected)
}

#[test]
fn sessions_come_with_a_state_that_is_sent_as_a_stream() {
    for (values, count) in [(60, 60_000), (60, 3), (60, 0), (1, 3), (1, 60_000)] {
        let (from, disk) = (Disk::new(), Disk::new());
        let (store, state, expected) = with_sessions(&from, values, count);
        let of_store = SnapshotHeader { kind: MachineKind::Store, ..header(40) };
        let sent = SnapshotHeader { point: expected.clone(), ..of_store };
        let source = || store.send_stream(StoreStream::new(sent.clone(), state.view().unwrap())).unwrap();
        let open = |disk: &Disk| {
            let folder = disk.open();
            (folder.snapshots(G).unwrap(), folder.state(G, R).unwrap())
        };
        let mut disk = disk;
        // Broken off and killed again and again: within the sessions, and within what follows.
        for bytes_max in [700_000, 900_000, 2_000_000, u64::MAX] {
            let mut source = source();
            let (snapshots, state) = open(&disk);
            let mut bytes = 0;
            if let Some(total) = source.total_bytes() {
                let mut incoming = snapshots.receive(&source.manifest(), total).unwrap();
                let mut offset = incoming.received_bytes();
                while bytes < bytes_max && offset < total {
                    let part = source.read_at(offset, 300_000).unwrap();
                    incoming.write(offset, &part).unwrap();
                    (offset, bytes) = (offset + part.len() as u64, bytes + part.len() as u64);
                }
                if offset == total {
                    incoming.finish().unwrap();
                }
            } else {
                let mut incoming = snapshots.receive_stream(&state, &source.manifest()).unwrap();
                while let Some(offset) = incoming.received_bytes().filter(|_| bytes < bytes_max) {
                    let part = source.read_at(offset, 300_000).unwrap();
                    if part.is_empty() {
                        incoming.finish().unwrap();
                        break;
                    }
                    incoming.write(offset, &part).unwrap();
                    bytes += part.len() as u64;
                }
            }
            if bytes_max == u64::MAX {
                let (found, mut content) = snapshots.open(40).unwrap();
                assert_eq!(found, sent, "{values} values, {count} sessions");
                content.read_to_end(&mut Vec::new()).unwrap();
                if values > 1 {
                    assert!(state.take_in(&found.point).unwrap());
                    assert_eq!(state.applied().unwrap(), Some(expected.clone()));
                }
            }
            drop((snapshots, state));
            disk = disk.crash();
        }
        let (snapshots, state) = open(&disk);
        assert_eq!(snapshots.open(40).unwrap().0, sent, "after the node was killed");
        if values > 1 {
            assert_eq!(state.applied().unwrap(), Some(expected));
        }
    }
}

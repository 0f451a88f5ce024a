//! Sessions behind the data of a snapshot.

use super::*;
use crate::testing::flip;
use bytes::Bytes;
use quorate_replica::ports::Sessions;

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

//! States that are sent without being written, and are written once where they come in.

use super::*;
use crate::{
    GroupState, StreamSource,
    testing::{R, flip},
};
use bytes::Bytes;
use quorate_replica::{
    StoreStream,
    ports::{ScanRange, StateStore},
};

type Pairs = Vec<(Bytes, Bytes)>;

fn header(index: u64) -> SnapshotHeader {
    SnapshotHeader { kind: MachineKind::Store, ..super::header(index) }
}

/// A node with a state, or without one.
struct Node {
    folder: DataFolder,
    store: Arc<SnapshotStore>,
    state: Arc<GroupState>,
}

impl Node {
    fn on(disk: &Disk) -> Self {
        let folder = disk.open();
        let store = folder.snapshots(G).unwrap();
        let state = folder.state(G, R).unwrap();
        Self { folder, store, state }
    }

    fn load(&self, index: u64, pairs: &Pairs) {
        let mut loader = self.state.begin_load().unwrap();
        loader.put(pairs.clone()).unwrap();
        loader.finish(&point(index)).unwrap();
    }

    fn source(&self, index: u64) -> StreamSource {
        let stream = StoreStream::new(header(index), self.state.view().unwrap());
        self.store.send_stream(stream).unwrap()
    }

    fn pairs(&self) -> Pairs {
        self.state.view().unwrap().scan(&ScanRange::everything()).unwrap()
    }

    /// Reads the snapshot at this index, as a replica does that has nothing else.
    fn load_snapshot(&self, index: u64) {
        let (_, mut source) = self.store.open(index).unwrap();
        let mut decoder = quorate_replica::StreamDecoder::default();
        let mut content = Vec::new();
        source.read_to_end(&mut content).unwrap();
        decoder.push(content.into());
        let mut loader = self.state.begin_load().unwrap();
        while let Some(page) = decoder.next_block().unwrap() {
            loader.put(page).unwrap();
        }
        assert!(decoder.has_ended());
        loader.finish(&point(index)).unwrap();
    }
}

/// A few mebibytes, in values that do not compress.
fn pairs(seed: u64) -> Pairs {
    let mut numbers = Numbers(seed);
    let value = Bytes::from(numbers.bytes(70_000));
    (0..60).map(|key| (format!("key-{key:03}").into(), value.slice(key * 7..))).collect()
}

/// A state at index 40, with the disk it is on.
fn sender() -> (Disk, Node) {
    let disk = Disk::new();
    let node = Node::on(&disk);
    node.load(40, &pairs(1));
    (disk, node)
}

/// Sends up to so many bytes, and says whether that was all.
fn send(source: &mut StreamSource, incoming: &mut IncomingTables, bytes: u64) -> bool {
    let Some(begun) = incoming.received_bytes() else { return true };
    let mut offset = begun;
    while offset < begun + bytes {
        let part = source.read_at(offset, 100_000).unwrap();
        if part.is_empty() {
            return true;
        }
        incoming.write(offset, &part).unwrap();
        offset += part.len() as u64;
    }
    false
}

fn receive(from: &Node, to: &Node) -> SnapshotInfo {
    let mut source = from.source(40);
    assert_eq!(source.total_bytes(), None);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    assert!(send(&mut source, &mut incoming, u64::MAX / 2));
    incoming.finish().unwrap()
}

#[test]
fn a_state_comes_in_as_it_was_sent_and_stays_as_a_snapshot() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    to.load(3, &vec![("before".into(), "it".into())]);
    let info = receive(&from, &to);
    assert_eq!(info.header, header(40));
    assert_eq!(to.store.newest().unwrap(), None, "raft has not taken it");
    assert_eq!(to.pairs().len(), 1, "nor has the state");

    to.store.open(40).unwrap();
    assert!(!to.state.take_in(&point(39)).unwrap(), "of another place");
    let info = receive(&from, &to);
    assert!(to.store.newest().unwrap().is_some());
    assert_eq!(info.bytes, to.store.newest_bytes().unwrap().unwrap());
    to.store.remove(40).unwrap();
    receive(&from, &to);
    assert!(to.state.take_in(&point(40)).unwrap());
    assert!(to.pairs() == pairs(1));
    assert_eq!(to.state.applied().unwrap(), Some(point(40)));
    assert!(!to.state.take_in(&point(40)).unwrap(), "once");

    let content = read(&to.store, 40).unwrap();
    let mut source = from.source(40);
    let sent: Vec<u8> = std::iter::successors(Some(Bytes::new()), {
        let mut offset = 0;
        move |_| {
            let part = source.read_at(offset, 1 << 20).unwrap();
            offset += part.len() as u64;
            (!part.is_empty()).then_some(part)
        }
    })
    .flatten()
    .collect();
    assert!(content == sent, "it reads like what was sent");
    assert_eq!(content.len() as u64, info.bytes);
    assert!(names(&disk).iter().all(|name| !name.starts_with("reading")), "{:?}", names(&disk));
}

#[test]
fn a_state_that_came_in_survives_a_crash_with_its_snapshot() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    receive(&from, &to);
    to.store.open(40).unwrap();
    let before = disk.crash();
    let before = Node::on(&before);
    assert!(to.state.take_in(&point(40)).unwrap());
    let after = disk.crash();
    let after = Node::on(&after);
    assert_eq!(after.state.applied().unwrap(), Some(point(40)));
    assert!(after.pairs() == pairs(1));

    assert_eq!(before.state.applied().unwrap(), None);
    assert!(!before.state.take_in(&point(40)).unwrap(), "the tables may be damaged by now: they are read");
    before.load_snapshot(40);
    assert!(before.pairs() == pairs(1));
    assert_eq!(before.state.applied().unwrap(), Some(point(40)));
}

#[test]
fn a_transfer_that_broke_goes_on_behind_the_last_table() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let mut to = Node::on(&disk);
    let mut resumed = Vec::new();
    let mut disks = vec![disk];
    // Broken off, then the node killed, then broken off again.
    for is_killed in [false, true, false] {
        let mut source = from.source(40);
        let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
        resumed.push(incoming.received_bytes().unwrap());
        assert!(!send(&mut source, &mut incoming, 1_200_000));
        drop(incoming);
        if is_killed {
            let Node { folder, store, state } = to;
            drop((store, state, folder));
            let next = disks.last().unwrap().crash();
            to = Node::on(&next);
            disks.push(next);
        }
    }
    let mut source = from.source(40);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    resumed.push(incoming.received_bytes().unwrap());
    assert_eq!(resumed[0], 0);
    assert!(resumed.is_sorted_by(|before, after| before + 500_000 < *after), "{resumed:?}");
    assert!(send(&mut source, &mut incoming, u64::MAX / 2));
    incoming.finish().unwrap();
    to.store.open(40).unwrap();
    assert!(to.state.take_in(&point(40)).unwrap());
    assert!(to.pairs() == pairs(1));
}

#[test]
fn a_transfer_of_another_state_begins_anew() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    let mut source = from.source(40);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    send(&mut source, &mut incoming, 1_200_000);
    drop(incoming);
    from.load(41, &pairs(2));
    let mut source = from.source(41);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    assert_eq!(incoming.received_bytes(), Some(0));
    assert!(send(&mut source, &mut incoming, u64::MAX / 2));
    assert_eq!(names(&disk).len(), 1, "what came of the other is gone");
    incoming.finish().unwrap();
    assert!(to.state.take_in(&point(41)).unwrap());
    assert!(to.pairs() == pairs(2));
}

#[test]
fn a_state_that_is_damaged_on_its_way_is_thrown_away() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    let mut source = from.source(40);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    send(&mut source, &mut incoming, 1_200_000);
    let offset = incoming.received_bytes().unwrap();
    let mut part = source.read_at(offset, 100_000).unwrap().to_vec();
    part[50_000] ^= 1;
    let mut damaged = incoming.write(offset, &part.clone().into());
    let mut next = offset + part.len() as u64;
    while damaged.is_ok() {
        let part = source.read_at(next, 100_000).unwrap();
        assert!(!part.is_empty(), "it was never noticed");
        damaged = incoming.write(next, &part);
        next += part.len() as u64;
    }
    assert!(matches!(damaged, Err(StorageError::SnapshotDamaged { .. })), "{damaged:?}");
    drop(incoming);
    let incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    assert_eq!(incoming.received_bytes(), Some(0));
}

#[test]
fn a_state_without_its_end_is_not_taken() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    let mut source = from.source(40);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    send(&mut source, &mut incoming, 1_200_000);
    assert!(matches!(incoming.finish(), Err(StorageError::SnapshotDamaged { .. })));
    assert!(indexes(&to.store).is_empty());
    let incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    assert!(incoming.received_bytes().unwrap() > 0, "what came stays");
}

#[test]
fn what_is_loaded_while_a_state_comes_in_is_replaced_by_it() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    let mut source = from.source(40);
    let mut incoming = to.store.receive_stream(&to.state, &source.manifest()).unwrap();
    send(&mut source, &mut incoming, 1_200_000);
    to.load(7, &pairs(3));
    assert!(send(&mut source, &mut incoming, u64::MAX / 2));
    incoming.finish().unwrap();
    assert!(to.pairs() == pairs(3));
    assert!(to.state.take_in(&point(40)).unwrap());
    assert!(to.pairs() == pairs(1));
    to.load(50, &pairs(3));
    assert!(to.pairs() == pairs(3));
}

#[test]
fn a_damaged_table_is_noticed_by_whoever_reads_it() {
    let ((_disk, from), disk) = (sender(), Disk::new());
    let to = Node::on(&disk);
    receive(&from, &to);
    to.store.open(40).unwrap();
    let Node { folder, store, state } = to;
    drop((store, state, folder));
    let table = group_folder(&disk).join(&names(&disk)[0]).join("0.sst");
    flip(&table, 1_000_000);
    let to = Node::on(&disk);
    let error = read(&to.store, 40).unwrap_err();
    let error = error.get_ref().and_then(|error| error.downcast_ref::<StorageError>());
    assert!(matches!(error, Some(StorageError::Corruption { .. })), "{error:?}");
    drop(to);
    std::fs::remove_file(table).unwrap();
    let to = Node::on(&disk);
    assert!(indexes(&to.store).is_empty(), "it is not whole");
}

#[test]
fn a_small_state_is_sent_as_a_file() {
    let (_disk, from) = sender();
    from.load(41, &pairs(1)[..3].to_vec());
    let mut source = from.source(41);
    let total = source.total_bytes().unwrap();
    let disk = Disk::new();
    let to = Node::on(&disk);
    let mut incoming = to.store.receive(&source.manifest(), total).unwrap();
    while incoming.received_bytes() < total {
        let offset = incoming.received_bytes();
        incoming.write(offset, &source.read_at(offset, 9_000).unwrap()).unwrap();
    }
    incoming.finish().unwrap();
    to.load_snapshot(41);
    assert!(to.pairs() == pairs(1)[..3]);
}

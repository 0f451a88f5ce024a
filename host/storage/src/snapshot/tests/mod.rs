mod damage;
mod incoming;
mod life;
mod received;
mod sessions;
mod streams;

use super::*;
use crate::{
    DataFolder, StorageError,
    testing::{Disk, G, Numbers, point},
};
use quorate_replica::ports::{SnapshotHeader, SnapshotInfo, Snapshots};
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::Arc,
};

const CHUNK: usize = SNAPSHOT_CHUNK_BYTES as usize;

fn header(index: u64) -> SnapshotHeader {
    SnapshotHeader {
        point: point(index),
        kind: MachineKind::Memory,
        plugin: PluginDigest::of(b"plugin"),
        state_version: 3,
        tail: None,
    }
}

fn content(index: u64, length: usize) -> Vec<u8> {
    let mut numbers = Numbers(index);
    // A long one repeats, so that it is made quickly; its chunks differ all the same.
    let part = numbers.bytes(10_007);
    let mut content = part.repeat(length / part.len() + 1);
    content.truncate(length);
    content
}

fn take(store: &SnapshotStore, index: u64, content: &[u8]) -> SnapshotInfo {
    let mut writer = store.begin(&header(index)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn read(store: &SnapshotStore, index: u64) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    store.read(index).unwrap().read_to_end(&mut content)?;
    Ok(content)
}

fn indexes(store: &SnapshotStore) -> Vec<u64> {
    store.list().iter().map(|info| info.header.point.index).collect()
}

fn group_folder(disk: &Disk) -> PathBuf {
    disk.path().join("snapshots").join(G.to_string())
}

fn names(disk: &Disk) -> Vec<String> {
    crate::disk::names(&group_folder(disk)).unwrap()
}

fn snapshots(disk: &Disk) -> (DataFolder, Arc<SnapshotStore>) {
    let folder = disk.open();
    let store = folder.snapshots(G).unwrap();
    (folder, store)
}

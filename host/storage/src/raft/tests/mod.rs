mod damage;
mod log;
mod model;
mod plugins;
mod replicas;

use super::*;
use crate::testing::{Disk, G, R, members};
use bytes::Bytes;
use quorate_consensus::{LogEntry, LogPoint};
use quorate_vocabulary::GroupId;
use std::sync::Arc;

/// Entries of one term with these indexes.
fn entries(indexes: impl IntoIterator<Item = u64>, term: u64) -> Vec<LogEntry> {
    let entry =
        |index| LogEntry { index, term, data: Bytes::from(vec![1, 1, u8::try_from(index % 200).unwrap()]) };
    indexes.into_iter().map(entry).collect()
}

fn at(index: u64, term: u64) -> LogPoint {
    LogPoint { index, term }
}

fn created(disk: &Disk, groups: &[GroupId]) -> Arc<RaftStore> {
    let raft = disk.open().raft();
    let mut batch = RaftBatch::new();
    for group in groups {
        batch.create(NewReplica::bootstrap(*group, R, members(&[71, 72, 73])));
    }
    raft.write(batch).unwrap();
    raft
}

fn append(raft: &RaftStore, group: GroupId, entries: Vec<LogEntry>) -> Result<(), crate::StorageError> {
    let mut batch = RaftBatch::new();
    batch.append(group, entries);
    raft.write(batch)
}

fn all(raft: &RaftStore, group: GroupId) -> Vec<LogEntry> {
    let (truncated, last) = raft.extent(group).unwrap();
    if truncated == last {
        return Vec::new();
    }
    raft.entries(group, truncated.index + 1, last.index, usize::MAX).unwrap()
}

//! A replica's snapshots: one that is there is whole, and only the newest are kept.

use super::{GroupLog, lock};
use crate::planted::Bug;
use bytes::Bytes;
use quorate_consensus::LogPoint;
use quorate_replica::{
    Configuration,
    ports::{AppliedPoint, HostFault, SnapshotHeader, SnapshotInfo, SnapshotWriter, Snapshots},
};
use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read, Write},
    sync::{Arc, Mutex},
};

/// A snapshot that is whole.
#[derive(Clone, Debug)]
pub(crate) struct WrittenSnapshot {
    pub(crate) info: SnapshotInfo,
    pub(crate) content: Bytes,
}

/// The snapshots of one replica.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotShelf {
    stored: Arc<Mutex<BTreeMap<u64, WrittenSnapshot>>>,
    /// Of those that were received and are nobody's own yet: how many deliveries wait for raft's word on them.
    deliveries: Arc<Mutex<BTreeMap<u64, u32>>>,
    kept: usize,
    bug: Option<Bug>,
}

impl SnapshotShelf {
    pub(crate) fn new(kept: usize, bug: Option<Bug>) -> Self {
        Self { stored: Arc::default(), deliveries: Arc::default(), kept, bug }
    }

    pub(crate) fn get(&self, index: u64) -> Option<WrittenSnapshot> {
        lock(&self.stored).get(&index).cloned()
    }

    pub(crate) fn latest(&self) -> Option<SnapshotInfo> {
        lock(&self.stored).values().next_back().map(|snapshot| snapshot.info.clone())
    }

    /// Places one, and removes those of the replica's own that it makes superfluous. The one just placed stays even if it is
    /// older; one that was received and is not loaded yet makes none superfluous.
    pub(crate) fn place(&self, snapshot: WrittenSnapshot) {
        let index = snapshot.info.header.point.index;
        let mut stored = lock(&self.stored);
        let mut deliveries = lock(&self.deliveries);
        deliveries.remove(&index);
        stored.insert(index, snapshot);
        let own: Vec<u64> = stored.keys().filter(|own| !deliveries.contains_key(own)).copied().collect();
        let older = own.len().saturating_sub(self.kept);
        for index in own.into_iter().take(older).filter(|old| *old != index) {
            stored.remove(&index);
        }
    }

    /// Places one that came from another node: it is kept until raft has said what it thinks of it.
    pub(crate) fn receive(&self, snapshot: WrittenSnapshot) {
        let index = snapshot.info.header.point.index;
        let mut stored = lock(&self.stored);
        let mut deliveries = lock(&self.deliveries);
        if !stored.contains_key(&index) || deliveries.contains_key(&index) {
            stored.insert(index, snapshot);
            *deliveries.entry(index).or_default() += 1;
        }
    }

    /// Raft has no use for a delivery of the snapshot at this index. Whether it is gone now.
    pub(crate) fn remove_unused(&self, index: u64) -> bool {
        let mut deliveries = lock(&self.deliveries);
        let Some(waiting) = deliveries.get_mut(&index) else { return false };
        *waiting = waiting.saturating_sub(1);
        if *waiting > 0 {
            return false;
        }
        deliveries.remove(&index);
        lock(&self.stored).remove(&index).is_some()
    }

    /// The snapshot is loaded in place of the state: it is this replica's own from now on.
    fn adopt(&self, index: u64) {
        let was_received = lock(&self.deliveries).contains_key(&index);
        if let Some(snapshot) = self.get(index).filter(|_| was_received) {
            self.place(snapshot);
        }
    }

    /// What is written of a header.
    fn written(&self, header: &SnapshotHeader) -> SnapshotHeader {
        let mut header = header.clone();
        if self.bug == Some(Bug::SnapshotWithoutMembers) {
            header.point.configuration = Configuration::default();
        }
        if self.bug == Some(Bug::SnapshotWithoutSessions) {
            header.point.sessions = header.point.sessions.without_rows();
        }
        header
    }

    /// Removes those that the log does not know: received, when the node went down before its log was told.
    pub(crate) fn remove_foreign(&self, log: &GroupLog) {
        lock(&self.deliveries).clear();
        lock(&self.stored).retain(|_, stored| {
            let AppliedPoint { index, term, .. } = stored.info.header.point;
            log.continues(LogPoint { index, term })
        });
    }
}

impl Snapshots for SnapshotShelf {
    fn begin(&self, header: &SnapshotHeader) -> Result<Box<dyn SnapshotWriter>, HostFault> {
        Ok(Box::new(Writer { header: self.written(header), content: Vec::new(), shelf: self.clone() }))
    }

    fn newest(&self) -> Result<Option<SnapshotInfo>, HostFault> {
        Ok(self.latest())
    }

    fn open(&self, index: u64) -> Result<(SnapshotHeader, Box<dyn Read + Send>), HostFault> {
        self.adopt(index);
        let snapshot = self.get(index);
        let snapshot =
            snapshot.ok_or_else(|| HostFault::because(format!("there is no snapshot at entry {index}")))?;
        Ok((snapshot.info.header, Box::new(Cursor::new(snapshot.content))))
    }

    fn discard(&self, index: u64) -> Result<(), HostFault> {
        lock(&self.stored).remove(&index);
        Ok(())
    }
}

struct Writer {
    header: SnapshotHeader,
    content: Vec<u8>,
    shelf: SnapshotShelf,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SnapshotWriter for Writer {
    fn read_back(&mut self) -> Result<Box<dyn Read + Send>, HostFault> {
        Ok(Box::new(Cursor::new(self.content.clone())))
    }

    fn set_header(&mut self, header: &SnapshotHeader) {
        self.header = self.shelf.written(header);
    }

    fn finish(self: Box<Self>) -> Result<SnapshotInfo, HostFault> {
        let bytes = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        let info = SnapshotInfo { header: self.header, bytes };
        self.shelf.place(WrittenSnapshot { info: info.clone(), content: self.content.into() });
        Ok(info)
    }
}

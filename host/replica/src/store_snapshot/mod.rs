//! Snapshots of store machines: the keys and values of a view, as a stream of checked blocks.

mod format;
#[cfg(test)]
mod tests;

use crate::{
    ReplicaFault,
    overlay::successor,
    ports::{
        HostFault, KeyRange, ScanRange, SnapshotHeader, SnapshotInfo, Snapshots, StateLoader, StoreView,
    },
};
use format::{BlockReader, BlockWriter};
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// The most pairs read from the view at once.
const PAGE_PAIRS_MAX: usize = 4_096;
/// The most bytes read from the view at once, but for a single larger pair.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// A snapshot of a store machine that is yet to be written. May be sent to another thread; apply goes on meanwhile.
pub struct StoreSnapshot {
    pub(crate) header: SnapshotHeader,
    pub(crate) view: Arc<dyn StoreView>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
}

impl StoreSnapshot {
    /// What will be in it.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Writes it.
    pub fn write(self) -> Result<SnapshotInfo, ReplicaFault> {
        let write = || {
            let mut writer = self.snapshots.begin(&self.header)?;
            write_pairs(self.view.as_ref(), &mut writer)?;
            writer.finish()
        };
        write().map_err(ReplicaFault::while_doing("writing a snapshot of the store"))
    }
}

fn write_pairs(view: &dyn StoreView, sink: &mut dyn Write) -> Result<(), HostFault> {
    let mut blocks = BlockWriter::begin(sink)?;
    let mut keys = KeyRange::all();
    loop {
        let page = view.scan_once(&ScanRange {
            keys: keys.clone(),
            limit: PAGE_PAIRS_MAX,
            bytes_max: PAGE_BYTES_MAX,
            reverse: false,
        })?;
        let Some((last, _)) = page.last() else { break };
        keys.start = successor(last);
        blocks.write(&page)?;
    }
    blocks.finish()
}

/// Loads the pairs of a snapshot, in the chunks they were written in.
pub(crate) fn load_pairs(source: &mut dyn Read, loader: &mut dyn StateLoader) -> Result<(), HostFault> {
    let mut blocks = BlockReader::begin(source)?;
    while let Some(pairs) = blocks.next()? {
        loader.put(pairs)?;
    }
    Ok(())
}

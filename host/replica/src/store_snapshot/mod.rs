//! Snapshots of store machines: the keys and values of a view, as a stream of checked blocks.

mod format;
mod stream;
#[cfg(test)]
mod tests;

use crate::{
    ReplicaFault,
    ports::{HostFault, SnapshotHeader, SnapshotInfo, Snapshots, StateLoader, StoreView},
};
use format::BlockReader;
pub use format::{StreamDecoder, StreamMark};
use std::{io::Read, sync::Arc};
pub use stream::StoreStream;

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

    /// The same as a stream, to be sent without being written.
    #[must_use]
    pub fn into_stream(self) -> StoreStream {
        StoreStream::new(self.header, self.view)
    }

    /// Writes it.
    pub fn write(self) -> Result<SnapshotInfo, ReplicaFault> {
        let snapshots = self.snapshots.clone();
        let write = || {
            let mut writer = snapshots.begin(&self.header)?;
            let mut stream = self.into_stream();
            while stream.advance()? {
                writer.write_all(stream.piece())?;
            }
            writer.finish()
        };
        write().map_err(ReplicaFault::while_doing("writing a snapshot of the store"))
    }
}

/// Loads the pairs of a snapshot, in the chunks they were written in.
pub(crate) fn load_pairs(source: &mut dyn Read, loader: &mut dyn StateLoader) -> Result<(), HostFault> {
    let mut blocks = BlockReader::begin(source)?;
    while let Some(pairs) = blocks.next()? {
        loader.put(pairs)?;
    }
    Ok(())
}

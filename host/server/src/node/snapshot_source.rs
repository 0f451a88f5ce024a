//! A stored snapshot as the peer streams read it, and one they bring as storage takes it.

use bytes::Bytes;
use quorate_storage::{IncomingSnapshot, SnapshotFile, SnapshotStore, StorageError};
use quorate_transport::{SnapshotOffer, SnapshotReceiver, SnapshotRefusal, SnapshotSource};
use std::io;

/// A snapshot on this node's disk, to be sent.
pub(super) struct StoredSource {
    file: SnapshotFile,
}

impl StoredSource {
    /// Opens the one at this index. Blocks.
    pub(super) fn open(snapshots: &SnapshotStore, index: u64) -> Result<Self, StorageError> {
        Ok(Self { file: snapshots.send(index)? })
    }
}

impl SnapshotSource for StoredSource {
    fn total_bytes(&self) -> u64 {
        self.file.total_bytes()
    }

    fn manifest(&self) -> Bytes {
        self.file.manifest()
    }

    fn read_at(&mut self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        self.file.read_at(offset, bytes_max).map_err(io::Error::other)
    }
}

/// A snapshot that a peer sends.
pub(super) struct StoredReceiver {
    incoming: IncomingSnapshot,
}

impl StoredReceiver {
    /// Begins, or goes on, to take in what is offered. Blocks.
    pub(super) fn begin(snapshots: &SnapshotStore, offer: &SnapshotOffer) -> Result<Self, SnapshotRefusal> {
        let incoming = snapshots.receive(&offer.manifest, offer.total_bytes).map_err(refusal)?;
        let point = &incoming.info().header.point;
        if (point.index, point.term) != (offer.index, offer.term) {
            let why =
                format!("its manifest is of index {}, and index {} was announced", point.index, offer.index);
            return Err(SnapshotRefusal::Damaged(why));
        }
        Ok(Self { incoming })
    }
}

impl SnapshotReceiver for StoredReceiver {
    fn received_bytes(&self) -> u64 {
        self.incoming.received_bytes()
    }

    fn write(&mut self, offset: u64, chunk: &Bytes) -> Result<(), SnapshotRefusal> {
        self.incoming.write(offset, chunk).map_err(|error| match error {
            StorageError::SnapshotDamaged { .. } => SnapshotRefusal::DamagedChunk(error.to_string()),
            error => refusal(error),
        })
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotRefusal> {
        self.incoming.finish().map(|_| ()).map_err(refusal)
    }
}

/// A snapshot that a peer sends to a replica that has come further: all of it is there already, in a way.
pub(super) struct NeedlessReceiver {
    total_bytes: u64,
}

impl NeedlessReceiver {
    pub(super) fn new(offer: &SnapshotOffer) -> Self {
        Self { total_bytes: offer.total_bytes }
    }
}

impl SnapshotReceiver for NeedlessReceiver {
    fn received_bytes(&self) -> u64 {
        self.total_bytes
    }

    fn write(&mut self, _offset: u64, _chunk: &Bytes) -> Result<(), SnapshotRefusal> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotRefusal> {
        Ok(())
    }
}

#[allow(clippy::needless_pass_by_value)] // So that it can be named where errors are mapped.
fn refusal(error: StorageError) -> SnapshotRefusal {
    let why = error.to_string();
    match error {
        StorageError::SnapshotDamaged { .. } => SnapshotRefusal::Damaged(why),
        StorageError::SnapshotRefused { .. } => SnapshotRefusal::Unwanted(why),
        StorageError::ChunkOffset { .. } => SnapshotRefusal::DamagedChunk(why),
        _ => SnapshotRefusal::Storage(why),
    }
}

//! A stored snapshot as the peer streams read it, and one they bring as storage takes it.

use bytes::Bytes;
use quorate_replica::{StoreStream, ports::SnapshotHeader};
use quorate_storage::{
    GroupState, IncomingSnapshot, IncomingTables, SnapshotFile, SnapshotStore, StorageError, StreamSource,
};
use quorate_transport::{ALL_BYTES, SnapshotOffer, SnapshotReceiver, SnapshotRefusal, SnapshotSource};
use std::{io, sync::Arc};

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

/// The state of a store machine, to be sent without being written.
pub(super) struct StateSource {
    stream: StreamSource,
}

impl StateSource {
    /// Reads the first of it. Blocks.
    pub(super) fn open(snapshots: &SnapshotStore, stream: StoreStream) -> Result<Self, StorageError> {
        Ok(Self { stream: snapshots.send_stream(stream)? })
    }
}

impl SnapshotSource for StateSource {
    fn total_bytes(&self) -> Option<u64> {
        self.stream.total_bytes()
    }

    fn manifest(&self) -> Bytes {
        self.stream.manifest()
    }

    fn read_at(&mut self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        self.stream.read_at(offset, bytes_max).map_err(io::Error::other)
    }
}

impl SnapshotSource for StoredSource {
    fn total_bytes(&self) -> Option<u64> {
        Some(self.file.total_bytes())
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
    pub(super) fn begin(
        snapshots: &SnapshotStore,
        offer: &SnapshotOffer,
        total_bytes: u64,
    ) -> Result<Self, SnapshotRefusal> {
        let incoming = snapshots.receive(&offer.manifest, total_bytes).map_err(refusal)?;
        check_place(&incoming.info().header, offer)?;
        Ok(Self { incoming })
    }
}

fn check_place(header: &SnapshotHeader, offer: &SnapshotOffer) -> Result<(), SnapshotRefusal> {
    let point = &header.point;
    if (point.index, point.term) != (offer.index, offer.term) {
        let why =
            format!("its manifest is of index {}, and index {} was announced", point.index, offer.index);
        return Err(SnapshotRefusal::Damaged(why));
    }
    Ok(())
}

/// The state of a store machine that a peer sends as a stream.
pub(super) struct StateReceiver {
    incoming: IncomingTables,
}

impl StateReceiver {
    /// Begins, or goes on, to take in what is offered. Blocks.
    pub(super) fn begin(
        snapshots: &SnapshotStore,
        state: &Arc<GroupState>,
        offer: &SnapshotOffer,
    ) -> Result<Self, SnapshotRefusal> {
        let incoming = snapshots.receive_stream(state, &offer.manifest).map_err(refusal)?;
        check_place(incoming.header(), offer)?;
        Ok(Self { incoming })
    }
}

impl SnapshotReceiver for StateReceiver {
    fn received_bytes(&self) -> u64 {
        self.incoming.received_bytes().unwrap_or(ALL_BYTES)
    }

    fn write(&mut self, offset: u64, chunk: &Bytes) -> Result<(), SnapshotRefusal> {
        self.incoming.write(offset, chunk).map_err(refusal)
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotRefusal> {
        self.incoming.finish().map(|_| ()).map_err(refusal)
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
        Self { total_bytes: offer.total_bytes.unwrap_or(ALL_BYTES) }
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

use crate::CallError;
use bytes::Bytes;
use quorate_proto::peer::v1::RaftMessage;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{fmt, io};

/// A snapshot as the sender's storage gives it out: one run of bytes, however many files it is made of.
pub trait SnapshotSource: Send + 'static {
    /// How many bytes there are; none when that shows at the end only. Never changes.
    fn total_bytes(&self) -> Option<u64>;

    /// What the receiver's storage has to know before the first byte. Opaque here, and as small as a chunk.
    fn manifest(&self) -> Bytes;

    /// Up to `bytes_max` bytes from `offset` on; at least one unless `offset` is the end. Called on a thread that
    /// may block, for the bytes behind those before, and after a break for those behind what the receiver holds.
    ///
    /// # Errors
    /// When the snapshot cannot be read; the transfer then fails.
    fn read_at(&mut self, offset: u64, bytes_max: usize) -> io::Result<Bytes>;
}

/// A snapshot to be sent.
pub struct SnapshotTransfer {
    /// Whose state it is.
    pub group: GroupId,
    /// The replica that is to be restored.
    pub to: ReplicaId,
    /// The index it was taken at.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The bytes.
    pub source: Box<dyn SnapshotSource>,
    /// Handed to the receiver's raft once the snapshot is stored there.
    pub message: RaftMessage,
}

impl fmt::Debug for SnapshotTransfer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SnapshotTransfer")
            .field("group", &self.group)
            .field("to", &self.to)
            .field("index", &self.index)
            .field("term", &self.term)
            .finish_non_exhaustive()
    }
}

/// A snapshot that another node wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOffer {
    /// Whose state it is.
    pub group: GroupId,
    /// The replica here that is to be restored.
    pub replica: ReplicaId,
    /// The index it was taken at.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// How many bytes it has; none when that is said at the end.
    pub total_bytes: Option<u64>,
    /// What the sender's storage says of it.
    pub manifest: Bytes,
}

/// What a receiver says it holds of a snapshot whose size it was not told, and all of which it has already.
pub const ALL_BYTES: u64 = u64::MAX;

/// Takes a snapshot in. All calls come one after another on threads that may block.
pub trait SnapshotReceiver: Send + 'static {
    /// How much of it is held from an earlier, broken transfer: the offset of the first byte that is wanted, or
    /// [`ALL_BYTES`].
    fn received_bytes(&self) -> u64;

    /// Takes the next chunk. `offset` is always the end of what was received before.
    ///
    /// # Errors
    /// When it cannot be written; the transfer then fails.
    fn write(&mut self, offset: u64, chunk: &Bytes) -> Result<(), SnapshotRefusal>;

    /// All bytes are there: verifies the whole and makes it last.
    ///
    /// # Errors
    /// [`SnapshotRefusal::Damaged`] when it is not what its manifest says; what was received must then be thrown
    /// away, so that the next transfer starts from the beginning.
    fn finish(self: Box<Self>) -> Result<(), SnapshotRefusal>;
}

/// Why a node does not take a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotRefusal {
    /// Too many snapshots arrive there at once.
    #[error("the node already takes as many snapshots as it may at once")]
    Busy,
    /// It has no use for it.
    #[error("the node has no use for the snapshot: {0}")]
    Unwanted(String),
    /// A chunk was damaged on the way, or is not the next one.
    #[error("a chunk of the snapshot was damaged on the way: {0}")]
    DamagedChunk(String),
    /// The whole is not what it should be.
    #[error("the snapshot is not what its manifest says: {0}")]
    Damaged(String),
    /// A newer transfer for the same replica took its place.
    #[error("a newer transfer for the same replica took this one's place")]
    Superseded,
    /// The receiver's own failure.
    #[error("the node could not store the snapshot: {0}")]
    Storage(String),
    /// The sender's stream was not of the agreed form.
    #[error("the snapshot's stream was not of the agreed form: {0}")]
    Protocol(String),
}

/// Why a snapshot did not arrive. Raft must be told of every one.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotSendError {
    /// The receiver does not take it.
    #[error("{0}")]
    Refused(#[from] SnapshotRefusal),
    /// The snapshot could not be read here.
    #[error("the snapshot could not be read: {0}")]
    Source(#[source] io::Error),
    /// The node could not be reached, or the transfer broke too often without coming further.
    #[error("{0}")]
    Call(#[from] CallError),
}

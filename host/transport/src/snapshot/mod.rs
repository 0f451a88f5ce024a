//! Snapshots on their way from one node to another.
//!
//! The sender opens a stream and says what it has; the receiver answers how much of that it holds from an earlier
//! attempt; chunks follow, each with its offset and checksum, a few ahead of what the receiver has written. The
//! receiver verifies the whole before it says that it is stored, and only then is raft's message handed over.

mod receive;
mod refusal;
mod send;
mod throttle;
mod transfer;

pub(crate) use receive::{Receives, Receiving};
pub(crate) use throttle::Throttle;
pub use transfer::{
    ALL_BYTES, SnapshotOffer, SnapshotReceiver, SnapshotRefusal, SnapshotSendError, SnapshotSource,
    SnapshotTransfer,
};

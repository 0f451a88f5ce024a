//! What a replica does with committed entries, as pure code over ports.
//!
//! [`Replica`] applies the entries of one group in order and says what came of each. An [`Observer`] answers queries and
//! runs lifecycle callbacks, on instances of its own. [`ports`] says what both need from outside.

mod attestations;
mod bounds;
mod checkpoint_policy;
mod digest;
mod entry;
mod entry_sessions;
mod fault;
mod group_schedule;
mod observer;
mod output;
mod overlay;
pub mod ports;
mod replay;
mod replica;
mod sink;

pub mod shadow;
mod snapshot_source;
mod store_snapshot;
mod tail;
mod task;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod trial;

pub use attestations::{Attestations, Finding};
pub use checkpoint_policy::CheckpointPolicy;
pub use entry::CommittedEntry;
pub use fault::ReplicaFault;
pub use group_schedule::GroupSchedule;
pub use observer::{Observer, ReadPoint};
pub use overlay::{Overlay, StoreError};
pub use quorate_proto::{
    entry::{Activation, Configuration, EntryBody, Order},
    session::{SessionCommand, Ticket},
};
pub use replica::{
    BackgroundCheckpoint, CheckpointResult, EntryResult, PreparedCheckpoint, Repeat, Replica, ReplicaStart,
};

pub use store_snapshot::{StoreSnapshot, StoreStream, StreamDecoder, StreamMark};

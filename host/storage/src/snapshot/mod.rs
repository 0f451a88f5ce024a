//! Snapshots as files.
//!
//! ```text
//! snapshots/<group>/
//!   <index>-<generation>/   one that is whole: `manifest` and `data`, or table files that a state came in as
//!   taking-<number>/        one that is being written
//!   incoming-<index>-<term>/ one that a peer is sending; kept when the transfer breaks, so that it can be resumed
//!   removed-<number>/       one that is being removed
//!   reading-<number>/       a database made of table files, to read them
//! ```
//!
//! One that is written or received is made durable under its temporary name, then renamed, then its parent is synced.

mod folders;
mod group_folder;
mod incoming;
mod incoming_tables;
mod manifest;
mod place;
mod reader;
mod shelf;
mod source;
mod store;
mod stream_source;
mod table_reader;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use folders::SnapshotFolders;
pub use incoming::IncomingSnapshot;
pub use incoming_tables::IncomingTables;
pub use manifest::{MANIFEST_BYTES_MAX, SNAPSHOT_CHUNK_BYTES};
pub use reader::SnapshotReader;
pub use source::SnapshotFile;
pub use store::SnapshotStore;
pub use stream_source::StreamSource;

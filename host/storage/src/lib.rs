//! Everything a node keeps on disk: raft logs, hard states, stores, plugins and snapshots.
//!
//! ```text
//! <data folder>/
//!   identity     which node of which cluster, in which format
//!   lock         held by the process that runs the node
//!   raft/        RocksDB: entries, hard states, replicas, tombstones, plugins; every write is synced
//!   state/       RocksDB: the stores of store machines; not synced, because the log has it all
//!   snapshots/   a folder a group, a folder a snapshot
//! ```
//!
//! What is read back is never trusted: every record carries a format and a checksum, and damage comes out as a
//! [`StorageError`] that names the group. All calls block; none may be made on a shard's thread.

mod damage;
mod database;
mod disk;
mod error;
mod folder;
mod raft;
mod record;
mod snapshot;
mod state;
mod steady_file;
#[cfg(test)]
mod testing;

pub use error::StorageError;
pub use folder::{
    CLUSTER_NAME_BYTES_MAX, DataFolder, EVIDENCE_KEPT_MAX, FOLDER_FORMAT, NodeIdentity, SNAPSHOTS_KEPT_MIN,
    StorageOptions,
};
pub use raft::{
    DamagedReplica, GroupHistory, LoadedReplicas, NewReplica, PLUGIN_BYTES_MAX, RaftBatch, RaftStore,
    StoredPlugin, StoredReplica,
};
pub use snapshot::{
    IncomingSnapshot, IncomingTables, MANIFEST_BYTES_MAX, SNAPSHOT_CHUNK_BYTES, SnapshotFile, SnapshotReader,
    SnapshotStore, StreamSource,
};
pub use state::GroupState;

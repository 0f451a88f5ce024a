//! The database of logs, hard states, replicas, tombstones and plugins. Whatever is written here is synced, because a
//! peer or a client is promised that it stays.

mod batch;
mod entries;
mod history;
mod keys;
mod load;
mod plugins;
mod records;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use batch::{NewReplica, RaftBatch};
pub use history::GroupHistory;
pub use load::{DamagedReplica, LoadedReplicas, StoredReplica};
pub use plugins::{PLUGIN_BYTES_MAX, StoredPlugin};
pub use store::RaftStore;

/// What the database gives of a record.
type KeyAndRecord = (Box<[u8]>, Box<[u8]>);

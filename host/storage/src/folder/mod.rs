//! The data folder as a whole: whose it is, who holds it, and what is in it.

mod evidence;
mod identity;
mod lock;
#[cfg(test)]
mod tests;

pub use evidence::EVIDENCE_KEPT_MAX;
pub use identity::{CLUSTER_NAME_BYTES_MAX, FOLDER_FORMAT, NodeIdentity};
pub(crate) use lock::FolderLock;

use crate::{
    GroupState, RaftStore, SnapshotStore, StorageError,
    disk::{create_folder, names},
    snapshot::SnapshotFolders,
    state::StateDatabase,
};
use identity::Standing;
use quorate_vocabulary::{FolderId, GroupId, ReplicaId};
use rocksdb::Cache;
use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

const RAFT: &str = "raft";
const STATE: &str = "state";
const SNAPSHOTS: &str = "snapshots";
const COMPILED: &str = "compiled";

/// How few snapshots of a replica may be kept. A memory machine that a trap or a checkpoint that fails has cost its instance is
/// made again from the snapshot it was loaded from. A checkpoint is on disk before it is known to load: if only one were kept,
/// it would push out that snapshot, and be discarded when it does not load.
pub const SNAPSHOTS_KEPT_MIN: usize = 2;

/// What an operator may choose about storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOptions {
    /// Memory for what was read from the databases, both together.
    pub block_cache_bytes: usize,
    /// How many snapshots of a group are kept; fewer than [`SNAPSHOTS_KEPT_MIN`] are taken for that.
    pub snapshots_kept: usize,
    /// How much of the newest part of a group's log is read into memory when the node starts.
    pub load_entries_bytes_max: usize,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            block_cache_bytes: 128 << 20,
            snapshots_kept: SNAPSHOTS_KEPT_MIN,
            load_entries_bytes_max: 256 << 10,
        }
    }
}

/// The data folder of a node, held by this process alone for as long as anything opened from it lives.
pub struct DataFolder {
    path: PathBuf,
    identity: NodeIdentity,
    id: FolderId,
    raft: Arc<RaftStore>,
    states: Arc<StateDatabase>,
    snapshots: SnapshotFolders,
}

impl DataFolder {
    /// Opens the folder of this node with the default options. One that does not exist, or is empty, becomes it.
    ///
    /// # Errors
    /// When the folder is another node's, another cluster's, of another format, in use, damaged, or not a data folder
    /// at all; nothing in it is changed then.
    pub fn open(path: impl AsRef<Path>, identity: NodeIdentity) -> Result<Self, StorageError> {
        Self::open_with(path, identity, &StorageOptions::default())
    }

    /// As [`open`](Self::open), with these options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        path: impl AsRef<Path>,
        identity: NodeIdentity,
        options: &StorageOptions,
    ) -> Result<Self, StorageError> {
        let path = path.as_ref();
        identity.check()?;
        if path.exists() && !path.is_dir() {
            return Err(StorageError::NotAFolder { path: path.to_owned() });
        }
        // Before the lock, so that not even a lock file is left in a folder that is none of ours; and again behind it.
        Standing::of(path, &identity)?;
        create_folder(path)?;
        let lock = Arc::new(FolderLock::take(path)?);
        let (standing, id) = Standing::of(path, &identity)?;
        let complete = standing == Standing::Complete;
        if !complete {
            identity.write(path, id, false)?;
        }

        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let raft = path.join(RAFT);
        let raft = RaftStore::open(&raft, !complete, options.load_entries_bytes_max, &cache, lock.clone())?;
        let states = StateDatabase::open(&path.join(STATE), !complete, &cache, lock.clone())?;
        let snapshots = path.join(SNAPSHOTS);
        if complete && !snapshots.is_dir() {
            return Err(StorageError::Missing { path: snapshots });
        }
        create_folder(&snapshots)?;
        if !complete {
            // From here on a database that is missing has been lost, and is not created anew.
            identity.write(path, id, true)?;
        }
        Ok(Self {
            path: path.to_owned(),
            identity,
            id,
            raft: Arc::new(raft),
            states: Arc::new(states),
            snapshots: SnapshotFolders::new(snapshots, options.snapshots_kept.max(SNAPSHOTS_KEPT_MIN), lock),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    /// Which folder it is: no other has this number, not even one that this node had before.
    #[must_use]
    pub fn id(&self) -> FolderId {
        self.id
    }

    /// Where the engine keeps what it compiled: nothing that cannot be made again.
    #[must_use]
    pub fn compiled_code(&self) -> PathBuf {
        self.path.join(COMPILED)
    }

    /// The logs, hard states and plugins.
    #[must_use]
    pub fn raft(&self) -> Arc<RaftStore> {
        self.raft.clone()
    }

    /// The store of this replica. State that another replica of the group left here is never shown, but removed.
    /// While somebody holds it, the same one is given.
    ///
    /// # Errors
    /// When the database fails, or the group's record is damaged.
    pub fn state(&self, group: GroupId, replica: ReplicaId) -> Result<Arc<GroupState>, StorageError> {
        self.states.group(group, replica)
    }

    /// The snapshots of this group. Leftovers of a crash are removed when it is opened; while somebody holds it, the
    /// same one is given.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn snapshots(&self, group: GroupId) -> Result<Arc<SnapshotStore>, StorageError> {
        self.snapshots.group(group)
    }

    /// Makes everything that any group committed to its state survive a power failure, with one sync.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sync_states(&self) -> Result<(), StorageError> {
        self.states.sync()
    }

    /// Removes the state and the snapshots of a group; its log goes by [`RaftBatch::remove`](crate::RaftBatch::remove),
    /// which should be written first.
    /// Whoever still holds them finds them gone.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn destroy(&self, group: GroupId) -> Result<(), StorageError> {
        self.states.destroy(group)?;
        self.snapshots.destroy(group)
    }

    /// Moves the snapshots of a replica that is of no use aside, with the reason, and gives the place. Whoever still holds them
    /// finds them gone. Of so many replicas ([`EVIDENCE_KEPT_MAX`]) they are kept.
    ///
    /// # Errors
    /// When they cannot be moved.
    pub fn keep_evidence(
        &self,
        group: GroupId,
        replica: ReplicaId,
        why: &str,
    ) -> Result<PathBuf, StorageError> {
        let snapshots = self.snapshots.let_go(group);
        evidence::keep(&self.path, (group, replica), &snapshots, why)
    }

    /// Where something of replicas of this group was moved aside.
    #[must_use]
    pub fn evidence(&self, group: GroupId) -> Vec<PathBuf> {
        evidence::list(&self.path, group)
    }

    /// Removes the states and snapshots of all groups but these: what a crash between the removal of a replica and
    /// [`destroy`](Self::destroy) left. Gives the groups that went.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub fn destroy_strays(&self, kept: &BTreeSet<GroupId>) -> Result<Vec<GroupId>, StorageError> {
        let mut groups = self.states.groups()?;
        groups.extend(self.snapshots.groups()?);
        let strays: Vec<_> = groups.difference(kept).copied().collect();
        for group in &strays {
            self.destroy(*group)?;
        }
        Ok(strays)
    }
}

impl fmt::Debug for DataFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DataFolder")
            .field("path", &self.path)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// The first thing in a folder that a new data folder would not have.
fn foreign_content(path: &Path) -> Result<Option<String>, StorageError> {
    // A disk that is mounted at the path has a folder lost+found; the others are left by a crash at the very beginning.
    let ours = ["lost+found", lock::FILE, identity::TEMPORARY_FILE];
    Ok(names(path)?.into_iter().find(|name| !ours.contains(&name.as_str())))
}

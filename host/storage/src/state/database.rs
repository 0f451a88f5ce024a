use super::{
    group::{GroupState, Handle, Incarnation},
    keys,
};
use crate::{
    StorageError,
    database::{self, Content, Recovery},
    folder::FolderLock,
};
use quorate_vocabulary::{GroupId, ReplicaId};
use rocksdb::{Cache, DB, IteratorMode, ReadOptions, WriteBatch};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The database with its path, for messages.
pub(super) struct OpenDatabase {
    pub(super) db: DB,
    pub(super) path: PathBuf,
    _lock: Arc<FolderLock>,
}

impl OpenDatabase {
    pub(super) fn write(&self, writes: WriteBatch) -> Result<(), StorageError> {
        self.db.write(writes).map_err(StorageError::database("be written", &self.path))
    }

    /// Makes everything written so far survive a power failure.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.db.flush_wal(true).map_err(StorageError::database("be synced", &self.path))
    }
}

/// The stores of all groups of a node.
pub(crate) struct StateDatabase {
    database: Arc<OpenDatabase>,
    /// Those that somebody holds.
    handles: Mutex<BTreeMap<GroupId, Weak<Handle>>>,
}

impl StateDatabase {
    pub(crate) fn open(
        path: &Path,
        may_create: bool,
        cache: &Cache,
        lock: Arc<FolderLock>,
    ) -> Result<Self, StorageError> {
        let families = [("default", Content::Store)];
        let db = database::open(path, may_create, Recovery::Prefix, &families, cache)?;
        let database = Arc::new(OpenDatabase { db, path: path.to_owned(), _lock: lock });
        Ok(Self { database, handles: Mutex::default() })
    }

    pub(crate) fn group(&self, group: GroupId, replica: ReplicaId) -> Result<Arc<GroupState>, StorageError> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(&group).and_then(Weak::upgrade) {
            if handle.replica == replica && handle.is_alive() {
                return Ok(Arc::new(GroupState::new(handle)));
            }
            handle.kill();
        }
        let incarnation = match Incarnation::read(&self.database, group)? {
            Some((owner, incarnation)) if owner == replica => incarnation,
            // Another replica's state never becomes this one's.
            Some((_, incarnation)) => incarnation.begin(&self.database, group, replica, false)?,
            None => Incarnation::NONE.begin(&self.database, group, replica, false)?,
        };
        let handle = Arc::new(Handle::new(self.database.clone(), group, replica, incarnation));
        handles.retain(|_, handle| handle.strong_count() > 0);
        handles.insert(group, Arc::downgrade(&handle));
        Ok(Arc::new(GroupState::new(handle)))
    }

    /// The groups that have a state.
    pub(crate) fn groups(&self) -> Result<BTreeSet<GroupId>, StorageError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound([keys::GROUP]);
        options.set_iterate_upper_bound([keys::GROUP + 1]);
        let path = &self.database.path;
        let records = self.database.db.iterator_opt(IteratorMode::Start, options);
        let groups = records.map(|record| {
            let (key, _) = record.map_err(StorageError::database("be read", path))?;
            keys::group_of(&key).ok_or_else(|| StorageError::DamagedRecord {
                path: path.clone(),
                what: "the key of a group's state".into(),
            })
        });
        groups.collect()
    }

    pub(crate) fn destroy(&self, group: GroupId) -> Result<(), StorageError> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.remove(&group).and_then(|handle| handle.upgrade()) {
            handle.kill();
        }
        let mut writes = WriteBatch::default();
        writes.delete(keys::group(group));
        let (first, end) = keys::incarnations(group);
        writes.delete_range(first, end);
        self.database.write(writes)
    }

    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.database.sync()
    }
}

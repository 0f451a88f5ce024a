use super::{group_folder::GroupFolder, store::SnapshotStore};
use crate::{
    StorageError,
    disk::{names, remove_folder, sync_folder},
    folder::FolderLock,
};
use quorate_vocabulary::GroupId;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The snapshots of all groups of a node.
pub(crate) struct SnapshotFolders {
    path: PathBuf,
    kept: usize,
    /// Those that somebody holds.
    stores: Mutex<BTreeMap<GroupId, Weak<GroupFolder>>>,
    lock: Arc<FolderLock>,
}

impl SnapshotFolders {
    pub(crate) fn new(path: PathBuf, kept: usize, lock: Arc<FolderLock>) -> Self {
        Self { path, kept, stores: Mutex::default(), lock }
    }

    pub(crate) fn group(&self, group: GroupId) -> Result<Arc<SnapshotStore>, StorageError> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(&group).and_then(Weak::upgrade) {
            return Ok(Arc::new(SnapshotStore::new(store)));
        }
        let path = self.path.join(group.to_string());
        let store = Arc::new(GroupFolder::open(path, group, self.kept, self.lock.clone())?);
        stores.retain(|_, store| store.strong_count() > 0);
        stores.insert(group, Arc::downgrade(&store));
        Ok(Arc::new(SnapshotStore::new(store)))
    }

    /// The groups that have a folder here.
    pub(crate) fn groups(&self) -> Result<BTreeSet<GroupId>, StorageError> {
        // What has another name was put here by somebody else, and is left alone.
        Ok(names(&self.path)?.iter().filter_map(|name| name.parse().ok().map(GroupId)).collect())
    }

    /// Forgets the snapshots of a group, and says where they are.
    pub(crate) fn let_go(&self, group: GroupId) -> PathBuf {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.remove(&group).and_then(|store| store.upgrade()) {
            store.kill();
        }
        self.path.join(group.to_string())
    }

    pub(crate) fn destroy(&self, group: GroupId) -> Result<(), StorageError> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.remove(&group).and_then(|store| store.upgrade()) {
            store.kill();
        }
        let path = self.path.join(group.to_string());
        if path.exists() {
            remove_folder(&path)?;
            sync_folder(&self.path)?;
        }
        Ok(())
    }
}

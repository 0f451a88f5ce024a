use super::{
    manifest::{Form, MANIFEST_BYTES_MAX, Manifest, TableFiles},
    place::{DATA, MANIFEST, Place, table},
    shelf::{Finished, Origin, Shelf},
};
use crate::{
    StorageError,
    damage::corruption,
    disk::{create_folder, names, remove_folder, sync_folder},
    folder::FolderLock,
};
use quorate_replica::ports::{SnapshotHeader, SnapshotInfo};
use quorate_vocabulary::GroupId;
use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The folder of one group, and what is known to be in it.
pub(super) struct GroupFolder {
    pub(super) path: PathBuf,
    pub(super) group: GroupId,
    kept: usize,
    shelf: Mutex<Shelf>,
    folder_lock: Arc<FolderLock>,
}

impl GroupFolder {
    pub(super) fn open(
        path: PathBuf,
        group: GroupId,
        kept: usize,
        lock: Arc<FolderLock>,
    ) -> Result<Self, StorageError> {
        let mut shelf = Shelf::default();
        let mut superseded = Vec::new();
        if path.is_dir() {
            for name in names(&path)? {
                let Some(place) = Place::of(&name) else {
                    tracing::warn!(%group, name, "something that is no snapshot stands among the snapshots; it is left alone");
                    continue;
                };
                let folder = path.join(&name);
                match place {
                    Place::Taking { number } | Place::Removed { number } | Place::Reading { number } => {
                        shelf.number = shelf.number.max(number);
                        remove_folder(&folder)?;
                    }
                    Place::Incoming { .. } => {
                        if read_manifest(&folder, group).is_err() {
                            remove_folder(&folder)?;
                        }
                    }
                    Place::Finished { index, generation } => {
                        shelf.number = shelf.number.max(generation);
                        match check_finished(&folder, group, index) {
                            Ok(manifest) => {
                                let manifest = Arc::new(manifest);
                                let finished = Finished { place, manifest, origin: Origin::Own };
                                superseded.extend(shelf.add(index, finished));
                            }
                            Err(what) => {
                                tracing::warn!(%group, index, what, "a snapshot is damaged and is not used");
                                shelf.damaged.push(folder);
                            }
                        }
                    }
                }
            }
        }
        let store = Self { path, group, kept, shelf: Mutex::new(shelf), folder_lock: lock };
        let mut shelf = store.lock();
        for place in superseded {
            store.remove(&mut shelf, &place.path(&store.path))?;
        }
        drop(shelf);
        Ok(store)
    }

    pub(super) fn list(&self) -> Vec<SnapshotInfo> {
        self.lock().finished.values().map(|finished| finished.manifest.info.clone()).collect()
    }

    pub(super) fn latest(&self) -> Option<SnapshotInfo> {
        self.lock().latest().map(|finished| finished.manifest.info.clone())
    }

    pub(super) fn latest_bytes(&self) -> Option<u64> {
        self.lock().latest().map(|finished| finished.manifest.info.bytes)
    }

    pub(super) fn remove_at(&self, index: u64) -> Result<(), StorageError> {
        let mut shelf = self.lock();
        let Some(finished) = shelf.finished.remove(&index) else { return Ok(()) };
        self.remove(&mut shelf, &finished.place.path(&self.path))
    }

    pub(super) fn remove_foreign(
        &self,
        belongs: impl Fn(&SnapshotInfo) -> bool,
    ) -> Result<Vec<u64>, StorageError> {
        let mut shelf = self.lock();
        let foreign = shelf.take_out(|_, finished| !belongs(&finished.manifest.info));
        for finished in &foreign {
            self.remove(&mut shelf, &finished.place.path(&self.path))?;
        }
        Ok(foreign.iter().map(|finished| finished.manifest.index()).collect())
    }

    /// One more delivery of a received snapshot that is here already. None when it is gone.
    pub(super) fn deliver_again(&self, index: u64, header: &SnapshotHeader) -> Option<SnapshotInfo> {
        let mut shelf = self.lock();
        let finished = shelf.finished.get_mut(&index)?;
        // At one index there is one state, however it is written.
        if finished.manifest.info.header != *header {
            return None;
        }
        if let Origin::Received { deliveries } = &mut finished.origin {
            *deliveries += 1;
        }
        Some(finished.manifest.info.clone())
    }

    /// Raft has no use for a delivery of the snapshot at this index.
    pub(super) fn remove_unused(&self, index: u64) -> Result<(), StorageError> {
        let mut shelf = self.lock();
        let Some(Finished { place, origin: Origin::Received { deliveries }, .. }) =
            shelf.finished.get_mut(&index)
        else {
            return Ok(());
        };
        *deliveries = deliveries.saturating_sub(1);
        if *deliveries > 0 {
            return Ok(());
        }
        let folder = place.path(&self.path);
        shelf.finished.remove(&index);
        self.remove(&mut shelf, &folder)
    }

    /// The snapshot at this index is loaded in place of the state: from now on it is this replica's own.
    pub(super) fn adopt(&self, index: u64) -> Result<Finished, StorageError> {
        let mut shelf = self.lock();
        let Some(finished) = shelf.finished.get_mut(&index) else {
            return Err(StorageError::NoSnapshot { group: self.group, index });
        };
        let before = std::mem::replace(&mut finished.origin, Origin::Own);
        let adopted = finished.clone();
        if before != Origin::Own {
            for superfluous in shelf.superfluous(index, self.kept) {
                // It is only in the way, and the next one that is placed tries again.
                if let Err(error) = self.remove(&mut shelf, &superfluous.place.path(&self.path)) {
                    tracing::warn!(group = %self.group, %error, "an old snapshot cannot be removed");
                }
            }
        }
        Ok(adopted)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group is gone: nothing can be begun or finished from now on.
    pub(super) fn kill(&self) {
        let mut shelf = self.lock();
        shelf.gone = true;
        shelf.finished.clear();
    }

    pub(super) fn find(&self, index: u64) -> Result<Finished, StorageError> {
        self.lock().finished.get(&index).cloned().ok_or(StorageError::NoSnapshot { group: self.group, index })
    }

    /// The folder of the group, which is created when something is to be put there.
    pub(super) fn prepare(&self, shelf: &Shelf) -> Result<(), StorageError> {
        if shelf.gone {
            return Err(StorageError::Gone { group: self.group, what: "snapshots" });
        }
        create_folder(&self.path)
    }

    /// Gives a folder whose files are durable its final name, and removes what it makes superfluous.
    pub(super) fn place(
        &self,
        from: &Path,
        manifest: Manifest,
        origin: Origin,
    ) -> Result<SnapshotInfo, StorageError> {
        let mut shelf = self.lock();
        self.prepare(&shelf)?;
        let (index, info) = (manifest.index(), manifest.info.clone());
        sync_folder(from)?;
        let place = Place::Finished { index, generation: shelf.next_number() };
        let to = place.path(&self.path);
        fs::rename(from, &to).map_err(StorageError::io("place the snapshot", &to))?;
        sync_folder(&self.path)?;
        let origin = shelf.origin_in_place_of(index, origin);
        let replaced = shelf.add(index, Finished { place, manifest: Arc::new(manifest), origin });
        let mut superfluous: Vec<_> = replaced.iter().map(|place| place.path(&self.path)).collect();
        superfluous.append(&mut shelf.damaged);
        if origin == Origin::Own {
            let old = shelf.superfluous(index, self.kept);
            superfluous.extend(old.iter().map(|old| old.place.path(&self.path)));
        }
        superfluous.extend(self.outdated_transfers(index)?);
        for folder in superfluous {
            self.remove(&mut shelf, &folder)?;
        }
        Ok(info)
    }

    /// The folder of a transfer that is being taken in; the leftovers of all others go.
    pub(super) fn incoming_folder(&self, manifest: &Manifest) -> Result<PathBuf, StorageError> {
        let place = Place::Incoming { index: manifest.index(), term: manifest.term() };
        let folder = place.path(&self.path);
        for name in names(&self.path)? {
            let other = self.path.join(&name);
            if matches!(Place::of(&name), Some(Place::Incoming { .. })) && other != folder {
                remove_folder(&other)?;
            }
        }
        Ok(folder)
    }

    /// Lets nobody else receive, until that is taken back.
    pub(super) fn begin_to_receive(&self) -> Result<(), StorageError> {
        let mut shelf = self.lock();
        self.prepare(&shelf)?;
        if shelf.receiving {
            let why = "another one is being received; try again when that one is done".into();
            return Err(StorageError::SnapshotRefused { group: self.group, why });
        }
        shelf.receiving = true;
        Ok(())
    }

    /// Where the snapshot at this index is, if it is one in table files.
    pub(super) fn tables_at(&self, index: u64) -> Option<(PathBuf, TableFiles)> {
        let shelf = self.lock();
        let finished = shelf.finished.get(&index)?;
        let Form::Tables(tables) = &finished.manifest.form else { return None };
        Some((finished.place.path(&self.path), tables.clone()))
    }

    /// A folder for a database made of a snapshot.
    pub(super) fn reading_folder(&self) -> PathBuf {
        Place::Reading { number: self.lock().next_number() }.path(&self.path)
    }

    pub(super) fn folder_lock(&self) -> Arc<FolderLock> {
        self.folder_lock.clone()
    }

    /// Transfers that were broken off and are of no use behind a snapshot at this index.
    fn outdated_transfers(&self, placed: u64) -> Result<Vec<PathBuf>, StorageError> {
        let outdated =
            |name: &String| matches!(Place::of(name), Some(Place::Incoming { index, .. }) if index <= placed);
        Ok(names(&self.path)?.iter().filter(|name| outdated(name)).map(|name| self.path.join(name)).collect())
    }

    /// Removes a folder. Renamed first: half of one must not pass for a whole one after a crash.
    pub(super) fn remove(&self, shelf: &mut Shelf, folder: &Path) -> Result<(), StorageError> {
        let removed = Place::Removed { number: shelf.next_number() }.path(&self.path);
        fs::rename(folder, &removed).map_err(StorageError::io("remove the snapshot", folder))?;
        remove_folder(&removed)
    }
}

/// Reads the manifest in a folder, or says what is wrong with it.
pub(super) fn read_manifest(folder: &Path, group: GroupId) -> Result<Manifest, String> {
    let limit = u64::try_from(MANIFEST_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    fs::File::open(folder.join(MANIFEST))
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    Manifest::read(group, bytes.into())
}

fn check_finished(folder: &Path, group: GroupId, index: u64) -> Result<Manifest, String> {
    let manifest = read_manifest(folder, group)?;
    if manifest.index() != index {
        return Err(format!("its manifest is of index {}", manifest.index()));
    }
    match &manifest.form {
        Form::Data => check_size(&folder.join(DATA), manifest.info.bytes)?,
        Form::Stream => return Err("its manifest is of one that is being sent".into()),
        Form::Tables(tables) => check_tables(folder, &tables.bytes)?,
    }
    Ok(manifest)
}

/// Whether the table files have the size they had.
pub(super) fn check_tables(folder: &Path, bytes: &[u64]) -> Result<(), String> {
    bytes.iter().enumerate().try_for_each(|(number, bytes)| check_size(&folder.join(table(number)), *bytes))
}

fn check_size(path: &Path, bytes: u64) -> Result<(), String> {
    let size = fs::metadata(path).map_err(|error| format!("its data cannot be read: {error}"))?.len();
    if size == bytes {
        Ok(())
    } else {
        Err(format!("its data has {size} bytes, and its manifest says {bytes}"))
    }
}

/// A snapshot that was whole when it was placed no longer is.
pub(super) fn damaged(manifest: &Manifest, what: impl Into<String>) -> StorageError {
    corruption(manifest.group, Some(manifest.index()), format!("a snapshot: {}", what.into()))
}

impl fmt::Debug for GroupFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GroupFolder").field("path", &self.path).finish_non_exhaustive()
    }
}

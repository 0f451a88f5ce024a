use super::{
    group::{GroupState, Handle, Incarnation},
    keys,
};
use crate::{
    StorageError,
    damage::read_failed,
    database::{self, Content, Recovery},
    disk::{remove_folder, sync_folder},
    folder::FolderLock,
};
use quorate_vocabulary::{GroupId, ReplicaId};
use rocksdb::{
    Cache, DB, ErrorKind, IngestExternalFileOptions, IteratorMode, Options, ReadOptions, WriteBatch,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Noted in the database's folder when damage is met while it is open.
const DAMAGED: &str = "DAMAGED";
/// What the name of a database that was set aside ends with.
const ASIDE: &str = "damaged";
/// What the name of the folder ends with in which table files are written that the database is to take in.
const LOADING: &str = "loading";

/// Moves a damaged database out of the way, in place of the one that was moved before.
///
/// What a state holds is in the snapshots and the log as well: logs are only cut behind snapshots.
fn set_aside(path: &Path) -> Result<PathBuf, StorageError> {
    let aside = path.with_extension(ASIDE);
    if path.exists() {
        if aside.exists() {
            remove_folder(&aside)?;
        }
        fs::rename(path, &aside).map_err(StorageError::io("set aside", path))?;
    }
    if let Some(parent) = path.parent() {
        sync_folder(parent)?;
    }
    Ok(aside)
}

/// The database with its path, for messages.
pub(crate) struct OpenDatabase {
    pub(super) db: DB,
    pub(super) path: PathBuf,
    /// How table files are written that the database is to take in.
    pub(super) table_options: Options,
    _lock: Arc<FolderLock>,
}

impl OpenDatabase {
    fn new(db: DB, path: &Path, cache: &Cache, lock: Arc<FolderLock>) -> Self {
        let table_options = database::family_options(Content::Store, cache);
        Self { db, path: path.to_owned(), table_options, _lock: lock }
    }

    /// A new database, to look into tables that are taken into it. It is of no use to anybody else.
    pub(crate) fn to_look_into(
        path: &Path,
        cache: &Cache,
        lock: Arc<FolderLock>,
    ) -> Result<Self, StorageError> {
        let families = [("default", Content::Store)];
        let db = database::open(path, true, Recovery::Prefix, &families, cache)?;
        Ok(Self::new(db, path, cache, lock))
    }

    /// Where they are written: beside the database, on the same disk.
    pub(super) fn loading_folder(&self) -> PathBuf {
        self.path.with_extension(LOADING)
    }

    pub(super) fn write(&self, writes: WriteBatch) -> Result<(), StorageError> {
        self.db.write(writes).map_err(|error| self.failed("be written", error))
    }

    /// Makes everything written so far survive a power failure.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.db.flush_wal(true).map_err(|error| self.failed("be synced", error))
    }

    /// Something failed. When that is because of damage, the database is made anew the next time it is opened.
    pub(super) fn failed(&self, action: &'static str, error: rocksdb::Error) -> StorageError {
        if error.kind() != ErrorKind::Corruption {
            return StorageError::database(action, &self.path)(error);
        }
        self.note_damage();
        StorageError::DamagedStates { path: self.path.clone(), message: error.into_string() }
    }

    /// A read of this group failed.
    pub(super) fn read_failed(&self, group: GroupId, error: rocksdb::Error) -> StorageError {
        if error.kind() != ErrorKind::Corruption {
            return read_failed(group, None, &self.path, error);
        }
        self.failed("be read", error)
    }

    fn note_damage(&self) {
        if let Err(error) = File::create(self.path.join(DAMAGED)).and_then(|file| file.sync_all()) {
            tracing::error!(path = %self.path.display(), %error, "it cannot be noted that this database is damaged");
        }
    }
}

/// Takes table files into a database as they are, durably. Their names go.
pub(crate) fn ingest(database: &OpenDatabase, paths: Vec<PathBuf>) -> Result<(), StorageError> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    let taken = database.db.ingest_external_file_opts(&options, paths);
    taken.map_err(|error| database.failed("be written", error))
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
        let open = |may_create| database::open(path, may_create, Recovery::Prefix, &families, cache);
        let noted = path.join(DAMAGED).exists();
        let opened = if noted { None } else { Some(open(may_create)) };
        let db = match opened {
            None | Some(Err(StorageError::DamagedDatabase { .. } | StorageError::Missing { .. })) => {
                let aside = set_aside(path)?;
                tracing::error!(
                    path = %path.display(),
                    aside = %aside.display(),
                    "the states are damaged and are made anew from snapshots and logs; what was there is set aside, and may be removed"
                );
                open(true)?
            }
            Some(opened) => opened?,
        };
        let database = OpenDatabase::new(db, path, cache, lock);
        // Loads that a crash has ended begin anew.
        remove_folder(&database.loading_folder())?;
        let database = Arc::new(database);
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
            let (key, _) = record.map_err(|error| self.database.failed("be read", error))?;
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

use super::{
    KeyAndRecord,
    batch::{Change, RaftBatch},
    keys,
    records::{ReplicaFacts, unseal_hard_state, unseal_plugin},
    writer::Staging,
};
use crate::{
    StorageError,
    damage::{corruption, read_failed},
    database::{self, Content, Recovery},
    folder::FolderLock,
};
use quorate_consensus::{HardState, LogPoint};
use quorate_vocabulary::{GroupId, PluginDigest, ReplicaId};
use rocksdb::{Cache, ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch, WriteOptions};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// The logs, hard states and plugins of a node.
///
/// Meant for one thread that writes in batches; reads may come from any thread.
pub struct RaftStore {
    pub(super) db: DB,
    pub(super) path: PathBuf,
    /// What this node holds, so that a write needs no read.
    pub(super) replicas: RwLock<BTreeMap<GroupId, Slot>>,
    pub(super) plugins: RwLock<BTreeMap<PluginDigest, u64>>,
    pub(super) load_entries_bytes_max: usize,
    /// Batches are checked against what is held: only one at a time.
    writing: Mutex<()>,
    _lock: Arc<FolderLock>,
}

/// What is known of one group.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    Held(Held),
    /// Its records cannot be read. The replica is named if that much is known.
    Damaged {
        replica: Option<ReplicaId>,
        index: Option<u64>,
        what: String,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) facts: Arc<ReplicaFacts>,
    /// The last entry, or the truncated point.
    pub(super) last: LogPoint,
}

impl Slot {
    pub(super) fn held(&self, group: GroupId) -> Result<&Held, StorageError> {
        match self {
            Self::Held(held) => Ok(held),
            Self::Damaged { index, what, .. } => Err(corruption(group, *index, what.clone())),
        }
    }
}

impl RaftStore {
    pub(crate) fn open(
        path: &Path,
        may_create: bool,
        load_entries_bytes_max: usize,
        cache: &Cache,
        lock: Arc<FolderLock>,
    ) -> Result<Self, StorageError> {
        let families =
            [(keys::RECORDS, Content::Records), (keys::LOG, Content::Log), (keys::PLUGINS, Content::Blobs)];
        let db = database::open(path, may_create, Recovery::Strict, &families, cache)?;
        let store = Self {
            db,
            path: path.to_owned(),
            replicas: RwLock::default(),
            plugins: RwLock::default(),
            load_entries_bytes_max,
            writing: Mutex::default(),
            _lock: lock,
        };
        let replicas = store.read_replicas()?;
        let plugins = store.read_plugins()?;
        *store.replicas.write().unwrap_or_else(PoisonError::into_inner) = replicas;
        *store.plugins.write().unwrap_or_else(PoisonError::into_inner) = plugins;
        Ok(store)
    }

    /// Writes all the changes, or none. When this returns they survive a power failure.
    ///
    /// # Errors
    /// When a change does not fit what is there (nothing is written then), or the database fails (the node should
    /// stop then: it is not known what is on disk).
    pub fn write(&self, batch: RaftBatch) -> Result<(), StorageError> {
        let refused = self.write_but_refused(batch, |_| false)?;
        debug_assert!(refused.is_empty(), "none may be refused");
        Ok(())
    }

    /// As [`write`](Self::write), but a change that does not fit harms no other group: of its group nothing is written
    /// but removals, and the group is told of with the reason.
    ///
    /// # Errors
    /// When the database fails (the node should stop then: it is not known what is on disk).
    pub fn write_by_group(&self, batch: RaftBatch) -> Result<BTreeMap<GroupId, StorageError>, StorageError> {
        self.write_but_refused(batch, StorageError::is_of_one_group)
    }

    fn write_but_refused(
        &self,
        batch: RaftBatch,
        may_refuse: impl Fn(&StorageError) -> bool,
    ) -> Result<BTreeMap<GroupId, StorageError>, StorageError> {
        let RaftBatch { changes } = batch;
        let mut refused = BTreeMap::new();
        if changes.is_empty() {
            return Ok(refused);
        }
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (writes, slots) = loop {
            let mut staging = Staging::new(self);
            let mut wanted = changes.iter().filter(|change| {
                matches!(change, Change::Remove { .. }) || !refused.contains_key(&change.group())
            });
            let failed = wanted.find_map(|change| Some((change.group(), staging.add(change).err()?)));
            match failed {
                None => break staging.finish(),
                // From the beginning, because what is staged cannot be taken back. It hardly ever happens.
                Some((group, error)) if may_refuse(&error) => refused.insert(group, error),
                Some((_, error)) => return Err(error),
            };
        };
        self.write_synced(writes)?;
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        for (group, slot) in slots {
            match slot {
                Some(slot) => replicas.insert(group, slot),
                None => replicas.remove(&group),
            };
        }
        drop(writing);
        Ok(refused)
    }

    /// Whether this replica was removed from this node.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_removed(&self, group: GroupId, replica: ReplicaId) -> Result<bool, StorageError> {
        // A damaged tombstone is one all the same: to bring a replica back that voted is worse than to refuse it.
        self.get(&keys::tombstone(group, replica)).map(|record| record.is_some())
    }

    /// The replica of a group that this node holds, if it holds one.
    ///
    /// # Errors
    /// When the group's records are damaged.
    pub fn replica(&self, group: GroupId) -> Result<Option<ReplicaId>, StorageError> {
        let replicas = self.replicas.read().unwrap_or_else(PoisonError::into_inner);
        replicas.get(&group).map(|slot| Ok(slot.held(group)?.facts.replica)).transpose()
    }

    /// Where the log of a group begins (behind this point) and ends (with this one).
    ///
    /// # Errors
    /// When this node does not hold the group, or its records are damaged.
    pub fn extent(&self, group: GroupId) -> Result<(LogPoint, LogPoint), StorageError> {
        self.held(group).map(|held| (held.facts.truncated, held.last))
    }

    /// The hard state of a group.
    ///
    /// # Errors
    /// When this node does not hold the group, or its records are damaged.
    pub fn hard_state(&self, group: GroupId) -> Result<HardState, StorageError> {
        let key = keys::hard_state(group);
        match self.db.get(&key).map_err(|error| read_failed(group, None, &self.path, error))? {
            Some(record) => unseal_hard_state(&key, &record).map_err(|what| corruption(group, None, what)),
            None if self.replica(group)?.is_some() => {
                Err(corruption(group, None, "its hard state is missing"))
            }
            None => Err(StorageError::NoReplica { group }),
        }
    }

    pub(super) fn held(&self, group: GroupId) -> Result<Held, StorageError> {
        let replicas = self.replicas.read().unwrap_or_else(PoisonError::into_inner);
        replicas.get(&group).ok_or(StorageError::NoReplica { group })?.held(group).cloned()
    }

    pub(super) fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("the database was opened with this family")
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.db.get(key).map_err(StorageError::database("be read", &self.path))
    }

    pub(super) fn write_synced(&self, writes: WriteBatch) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(writes, &options).map_err(StorageError::database("be written", &self.path))
    }

    /// The records whose keys begin with this byte.
    pub(super) fn records(&self, tag: u8) -> impl Iterator<Item = Result<KeyAndRecord, StorageError>> + '_ {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound([tag]);
        options.set_iterate_upper_bound([tag + 1]);
        let records = self.db.iterator_opt(IteratorMode::Start, options);
        records.map(|record| record.map_err(StorageError::database("be read", &self.path)))
    }

    fn read_replicas(&self) -> Result<BTreeMap<GroupId, Slot>, StorageError> {
        let mut replicas = BTreeMap::new();
        for record in self.records(keys::REPLICA) {
            let (key, record) = record?;
            let group = keys::replica_group(&key).ok_or_else(|| self.damaged_record("a replica's key"))?;
            let slot = match ReplicaFacts::unseal(&key, &record) {
                Ok(facts) => self.read_last(group, facts),
                Err(what) => Slot::Damaged { replica: None, index: None, what },
            };
            replicas.insert(group, slot);
        }
        Ok(replicas)
    }

    fn read_last(&self, group: GroupId, facts: ReplicaFacts) -> Slot {
        match self.last_entry(group, facts.truncated) {
            Ok(last) => Slot::Held(Held { facts: Arc::new(facts), last }),
            Err(error) => {
                let index = if let StorageError::Corruption { index, .. } = error { index } else { None };
                let what = match error {
                    StorageError::Corruption { what, .. } => what,
                    error => error.to_string(),
                };
                Slot::Damaged { replica: Some(facts.replica), index, what }
            }
        }
    }

    fn last_entry(&self, group: GroupId, truncated: LogPoint) -> Result<LogPoint, StorageError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(keys::entry(group, truncated.index.saturating_add(1)));
        let from = keys::entry(group, u64::MAX);
        let mode = IteratorMode::From(&from, Direction::Reverse);
        let mut entries = self.db.iterator_cf_opt(self.family(keys::LOG), options, mode);
        match entries.next() {
            None => Ok(truncated),
            Some(entry) => self.read_entry(group, None, entry).map(|entry| entry.point()),
        }
    }

    fn read_plugins(&self) -> Result<BTreeMap<PluginDigest, u64>, StorageError> {
        let mut plugins = BTreeMap::new();
        for record in self.records(keys::PLUGIN) {
            let (key, record) = record?;
            let digest = keys::plugin_digest(&key).ok_or_else(|| self.damaged_record("a plugin's key"))?;
            match unseal_plugin(&key, &record) {
                Ok(bytes) => {
                    plugins.insert(digest, bytes);
                }
                // As if it were not there: it is fetched again when it is needed.
                Err(what) => tracing::warn!(%digest, what, "the record of a plugin is damaged"),
            }
        }
        Ok(plugins)
    }

    pub(super) fn damaged_record(&self, what: impl Into<String>) -> StorageError {
        StorageError::DamagedRecord { path: self.path.clone(), what: what.into() }
    }
}

impl fmt::Debug for RaftStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RaftStore").field("path", &self.path).finish_non_exhaustive()
    }
}

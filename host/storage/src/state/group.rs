use super::{
    database::OpenDatabase,
    keys::{self, DataKeys},
    loader::Loader,
    tables::Tables,
    view::View,
};
use crate::{
    StorageError,
    damage::corruption,
    record::{seal, unseal},
};
use bytes::Bytes;
use prost::Message;
use quorate_proto::storage::v1::StateRecord;
use quorate_replica::ports::{AppliedPoint, HostFault, StateLoader, StateStore, StoreChanges, StoreView};
use quorate_vocabulary::{GroupId, ReplicaId};
use rocksdb::{ReadOptions, WriteBatch};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Which keys of a group are its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incarnation {
    pub(super) number: u64,
    pub(super) loading: bool,
}

impl Incarnation {
    /// Before the first.
    pub(super) const NONE: Self = Self { number: 0, loading: false };

    /// What the group's record says, and whose state it is.
    pub(super) fn read(
        database: &OpenDatabase,
        group: GroupId,
    ) -> Result<Option<(ReplicaId, Self)>, StorageError> {
        let key = keys::group(group);
        let record = database.db.get(&key).map_err(|error| database.read_failed(group, error))?;
        let Some(record) = record else { return Ok(None) };
        let payload = unseal(&key, &record).map_err(|what| corruption(group, None, what))?;
        let StateRecord { replica, incarnation, loading } =
            StateRecord::decode(payload).map_err(|error| corruption(group, None, error.to_string()))?;
        Ok(Some((ReplicaId(replica), Self { number: incarnation, loading })))
    }

    /// The number of the next one.
    fn next(self, group: GroupId) -> Result<u64, StorageError> {
        let number = self.number.checked_add(1).filter(|number| *number < u64::MAX);
        number.ok_or_else(|| corruption(group, None, "its state has no incarnation left"))
    }

    /// Begins the next one, empty, and removes all before it.
    pub(super) fn begin(
        self,
        database: &OpenDatabase,
        group: GroupId,
        replica: ReplicaId,
        loading: bool,
    ) -> Result<Self, StorageError> {
        self.begin_as(self.next(group)?, database, group, replica, loading)
    }

    /// Begins one with a higher number, empty, and removes all before it.
    fn begin_as(
        self,
        number: u64,
        database: &OpenDatabase,
        group: GroupId,
        replica: ReplicaId,
        loading: bool,
    ) -> Result<Self, StorageError> {
        let next = Self { number, loading };
        let mut writes = WriteBatch::default();
        next.put(&mut writes, group, replica);
        if self != Self::NONE {
            let (first, end) = keys::incarnations_before(group, number);
            writes.delete_range(first, end);
        }
        database.write(writes)?;
        Ok(next)
    }

    pub(super) fn put(self, writes: &mut WriteBatch, group: GroupId, replica: ReplicaId) {
        let key = keys::group(group);
        let message = StateRecord { replica: replica.0, incarnation: self.number, loading: self.loading };
        let record = seal(&key, &[&message.encode_to_vec()]);
        writes.put(key, record);
    }
}

/// What all who hold the state of a group share.
pub(super) struct Handle {
    pub(super) database: Arc<OpenDatabase>,
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    /// None once the state was destroyed. Held while something is written.
    incarnation: Mutex<Option<Incarnation>>,
    prepared: Mutex<Option<Prepared>>,
}

/// A state that came as a stream and is in table files, which the database can take in.
struct Prepared {
    point: AppliedPoint,
    incarnation: u64,
    tables: Vec<PathBuf>,
}

/// So many incarnations are between those of states that come in at two indexes: what is loaded between them has room there.
const INCARNATIONS_PER_INDEX: u64 = 1 << 16;

impl Handle {
    pub(super) fn new(
        database: Arc<OpenDatabase>,
        group: GroupId,
        replica: ReplicaId,
        incarnation: Incarnation,
    ) -> Self {
        Self {
            database,
            group,
            replica,
            incarnation: Mutex::new(Some(incarnation)),
            prepared: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Incarnation>> {
        self.incarnation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alive(&self, incarnation: Option<Incarnation>) -> Result<Incarnation, StorageError> {
        incarnation.ok_or(StorageError::Gone { group: self.group, what: "keys" })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.lock().is_some()
    }

    pub(super) fn kill(&self) {
        *self.lock() = None;
    }

    pub(super) fn put_point(&self, writes: &mut WriteBatch, incarnation: Incarnation, point: &AppliedPoint) {
        let key = keys::point(self.group, incarnation.number);
        let record = seal(&key, &[&point.encode()]);
        writes.put(key, record);
    }

    /// Sets rows of sessions, or removes them (with none).
    pub(super) fn put_sessions<'a>(
        &self,
        writes: &mut WriteBatch,
        incarnation: Incarnation,
        rows: impl Iterator<Item = (&'a Bytes, Option<&'a Bytes>)>,
    ) {
        let (prefix, _) = keys::sessions(self.group, incarnation.number);
        for (key, value) in rows {
            let key = [prefix.as_slice(), key].concat();
            match value {
                Some(value) => {
                    let record = seal(&key, &[value]);
                    writes.put(key, record);
                }
                None => writes.delete(key),
            }
        }
    }
}

/// The store of one replica of a store machine.
pub struct GroupState {
    handle: Arc<Handle>,
}

impl GroupState {
    pub(super) fn new(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    #[cfg(test)]
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.handle.group
    }

    /// The replica.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.handle.replica
    }

    /// Makes everything that was committed survive a power failure, and says how far that is: the log may be cut up
    /// to there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn flush(&self) -> Result<Option<AppliedPoint>, StorageError> {
        // First the point: what is committed meanwhile is synced too, but need not be.
        let point = self.applied_point()?;
        self.handle.database.sync()?;
        Ok(point)
    }

    /// The applied point with its sessions, whose rows are written together with it.
    fn applied_with_sessions(&self) -> Result<Option<AppliedPoint>, StorageError> {
        let Some(mut point) = self.applied_point()? else { return Ok(None) };
        let Handle { database, group, .. } = &*self.handle;
        let group = *group;
        let incarnation = *self.handle.lock();
        let (prefix, end) = keys::sessions(group, self.handle.alive(incarnation)?.number);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(prefix.clone());
        options.set_iterate_upper_bound(end);
        let mut cursor = database.db.raw_iterator_opt(options);
        cursor.seek_to_first();
        let mut rows = Vec::new();
        while let Some((key, record)) = cursor.item() {
            let value = unseal(key, record).map_err(|what| corruption(group, None, what))?;
            let key = key.strip_prefix(prefix.as_slice()).unwrap_or_default();
            rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            cursor.next();
        }
        cursor.status().map_err(|error| database.read_failed(group, error))?;
        point.sessions.load(rows).map_err(|fault| corruption(group, None, fault.to_string()))?;
        Ok(Some(point))
    }

    fn applied_point(&self) -> Result<Option<AppliedPoint>, StorageError> {
        let Handle { database, group, .. } = &*self.handle;
        let group = *group;
        let incarnation = *self.handle.lock();
        let key = keys::point(group, self.handle.alive(incarnation)?.number);
        let record = database.db.get(&key).map_err(|error| database.read_failed(group, error))?;
        let Some(record) = record else { return Ok(None) };
        let payload = unseal(&key, &record).map_err(|what| corruption(group, None, what))?;
        AppliedPoint::decode(payload).map(Some).map_err(|fault| corruption(group, None, fault.to_string()))
    }

    fn write(&self, changes: &StoreChanges, point: &AppliedPoint) -> Result<(), StorageError> {
        let group = self.handle.group;
        let incarnation = self.handle.lock();
        let current = self.handle.alive(*incarnation)?;
        if current.loading {
            return Err(StorageError::Loading { group });
        }
        let data = DataKeys::new(group, current.number);
        let mut writes = WriteBatch::default();
        for range in changes.removed.iter().filter(|range| !range.is_empty()) {
            writes.delete_range(data.key(&range.start), data.end(range.end.as_deref()));
        }
        for (key, value) in &changes.keys {
            match value {
                Some(value) => writes.put(data.key(key), value),
                None => writes.delete(data.key(key)),
            }
        }
        self.handle.put_sessions(&mut writes, current, changes.sessions.iter());
        self.handle.put_point(&mut writes, current, point);
        self.handle.database.write(writes)
    }

    fn load(&self) -> Result<Loader, StorageError> {
        let Handle { database, group, replica, .. } = &*self.handle;
        let mut incarnation = self.handle.lock();
        let next = self.handle.alive(*incarnation)?.begin(database, *group, *replica, true)?;
        *incarnation = Some(next);
        Ok(Loader::new(self.handle.clone(), next))
    }

    /// The database, to write tables for it.
    pub(crate) fn database(&self) -> &Arc<OpenDatabase> {
        &self.handle.database
    }

    /// The incarnation that a state at this index is to become. Until it does, the current one stays what it is.
    pub(crate) fn incarnation_for(&self, index: u64) -> Result<u64, StorageError> {
        let current = self.handle.alive(*self.handle.lock())?;
        let spaced = index.saturating_mul(INCARNATIONS_PER_INDEX);
        Ok(current.next(self.handle.group)?.max(spaced).min(u64::MAX - 1))
    }

    /// All of a state is in these tables, with the keys of this incarnation.
    pub(crate) fn prepared(&self, point: AppliedPoint, incarnation: u64, tables: Vec<PathBuf>) {
        let prepared = Prepared { point, incarnation, tables };
        *self.handle.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
    }

    /// Takes in what was prepared for this point. False when nothing was, or it is not to be had any more.
    fn take_prepared(&self, point: &AppliedPoint) -> Result<bool, StorageError> {
        let Handle { database, group, replica, .. } = &*self.handle;
        let prepared = self.handle.prepared.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(prepared) = prepared.filter(|prepared| prepared.point == *point) else { return Ok(false) };
        let mut incarnation = self.handle.lock();
        let current = self.handle.alive(*incarnation)?;
        if prepared.incarnation <= current.number {
            return Ok(false);
        }
        let folder = database.loading_folder().join(format!("{group}-{}", prepared.incarnation));
        let tables = match Tables::linked(folder, prepared.tables.iter().map(PathBuf::as_path)) {
            Ok(tables) => tables,
            Err(error) => {
                tracing::warn!(%group, %error, "a state cannot be taken in as it came, and is read instead");
                return Ok(false);
            }
        };
        let next = current.begin_as(prepared.incarnation, database, *group, *replica, true)?;
        *incarnation = Some(next);
        // Were the record lost and the tables not, the next load would find their keys among its own.
        database.sync()?;
        tables.take_in(database)?;
        let complete = Incarnation { loading: false, ..next };
        let mut writes = WriteBatch::default();
        complete.put(&mut writes, *group, *replica);
        let sessions = point.sessions.rows();
        let sessions = sessions.iter().map(|(key, value)| (key, Some(value)));
        self.handle.put_sessions(&mut writes, complete, sessions);
        self.handle.put_point(&mut writes, complete, point);
        database.write(writes)?;
        database.sync()?;
        *incarnation = Some(complete);
        Ok(true)
    }

    fn snapshot(&self) -> Result<View, StorageError> {
        // Under the lock, so that the keys of this incarnation are there.
        let incarnation = self.handle.lock();
        let current = self.handle.alive(*incarnation)?;
        let data = DataKeys::new(self.handle.group, current.number);
        Ok(View::new(self.handle.database.clone(), self.handle.group, data))
    }
}

impl StateStore for GroupState {
    fn view(&self) -> Result<Arc<dyn StoreView>, HostFault> {
        Ok(Arc::new(self.snapshot()?))
    }

    fn applied(&self) -> Result<Option<AppliedPoint>, HostFault> {
        Ok(self.applied_with_sessions()?)
    }

    fn commit(&self, changes: StoreChanges, point: &AppliedPoint) -> Result<(), HostFault> {
        Ok(self.write(&changes, point)?)
    }

    fn take_in(&self, point: &AppliedPoint) -> Result<bool, HostFault> {
        Ok(self.take_prepared(point)?)
    }

    fn begin_load(&self) -> Result<Box<dyn StateLoader>, HostFault> {
        Ok(Box::new(self.load()?))
    }
}

impl fmt::Debug for GroupState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GroupState")
            .field("group", &self.handle.group)
            .field("replica", &self.handle.replica)
            .finish_non_exhaustive()
    }
}

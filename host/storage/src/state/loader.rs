use super::{
    group::{Handle, Incarnation},
    keys::DataKeys,
    tables::Tables,
};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::ports::{AppliedPoint, HostFault, StateLoader};
use rocksdb::WriteBatch;
use std::{mem, sync::Arc};

/// Up to so many bytes a new state is written like any other change. Table files of their own would only be small files.
const WRITTEN_BYTES_MAX: u64 = 1 << 20;

/// A new state on its way in.
///
/// A small one comes in with one write. The keys of a larger one go into table files beside the database, which are taken
/// in when they are all there: the group's record says that a load is under way until then.
pub(super) struct Loader {
    handle: Arc<Handle>,
    incarnation: Incarnation,
    data: DataKeys,
    pairs: Pairs,
}

/// The pairs that came.
enum Pairs {
    Few(Vec<(Bytes, Bytes)>, u64),
    Many(Tables),
}

impl Loader {
    pub(super) fn new(handle: Arc<Handle>, incarnation: Incarnation) -> Self {
        let data = DataKeys::new(handle.group, incarnation.number);
        Self { handle, incarnation, data, pairs: Pairs::Few(Vec::new(), 0) }
    }

    /// Refuses to go on when another load was begun, or the state destroyed.
    fn check(&self, current: Option<Incarnation>) -> Result<(), StorageError> {
        if self.handle.alive(current)? == self.incarnation {
            return Ok(());
        }
        Err(StorageError::Gone { group: self.handle.group, what: "keys of an unfinished load" })
    }

    fn add(&mut self, mut added: Vec<(Bytes, Bytes)>) -> Result<(), StorageError> {
        self.check(*self.handle.lock())?;
        match &mut self.pairs {
            Pairs::Many(tables) => tables.put(added),
            Pairs::Few(pairs, bytes) => {
                let size = |(key, value): &(Bytes, Bytes)| key.len().saturating_add(value.len());
                let more = u64::try_from(added.iter().map(size).sum::<usize>()).unwrap_or(u64::MAX);
                pairs.append(&mut added);
                *bytes = bytes.saturating_add(more);
                if *bytes <= WRITTEN_BYTES_MAX {
                    return Ok(());
                }
                let pairs = mem::take(pairs);
                let Handle { database, group, .. } = &*self.handle;
                let folder = database.loading_folder().join(format!("{group}-{}", self.incarnation.number));
                let mut tables = Tables::begin(database, folder, self.data.clone())?;
                tables.put(pairs)?;
                self.pairs = Pairs::Many(tables);
                Ok(())
            }
        }
    }

    fn complete(mut self, point: &AppliedPoint) -> Result<(), StorageError> {
        if let Pairs::Many(tables) = &mut self.pairs {
            tables.close()?;
        }
        let mut current = self.handle.lock();
        self.check(*current)?;
        let Handle { database, group, replica, .. } = &*self.handle;
        let mut writes = WriteBatch::default();
        let mut lasts = true;
        match self.pairs {
            Pairs::Few(pairs, _) => {
                // One that begins with nothing begins so again when it is lost.
                lasts = !pairs.is_empty();
                for (key, value) in &pairs {
                    writes.put(self.data.key(key), value);
                }
            }
            Pairs::Many(tables) => {
                // Were the record lost and the tables not, the next load would find their keys among its own.
                database.sync()?;
                tables.take_in(database)?;
            }
        }
        let complete = Incarnation { loading: false, ..self.incarnation };
        complete.put(&mut writes, *group, *replica);
        let sessions = point.sessions.rows();
        lasts |= !sessions.is_empty();
        let sessions = sessions.iter().map(|(key, value)| (key, Some(value)));
        self.handle.put_sessions(&mut writes, complete, sessions);
        self.handle.put_point(&mut writes, complete, point);
        database.write(writes)?;
        if lasts {
            database.sync()?;
        }
        *current = Some(complete);
        Ok(())
    }
}

impl StateLoader for Loader {
    fn put(&mut self, pairs: Vec<(Bytes, Bytes)>) -> Result<(), HostFault> {
        Ok(self.add(pairs)?)
    }

    fn finish(self: Box<Self>, point: &AppliedPoint) -> Result<(), HostFault> {
        Ok(self.complete(point)?)
    }
}

use super::{
    group::{Handle, Incarnation},
    keys::DataKeys,
};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::ports::{AppliedPoint, HostFault, StateLoader};
use rocksdb::{WriteBatch, WriteOptions};
use std::sync::Arc;

/// A new state on its way in.
///
/// Its keys skip the write-ahead log, and are lost in a crash: the group's record says that a load is under way until
/// all of them are in table files.
pub(super) struct Loader {
    handle: Arc<Handle>,
    incarnation: Incarnation,
    data: DataKeys,
}

impl Loader {
    pub(super) fn new(handle: Arc<Handle>, incarnation: Incarnation) -> Self {
        let data = DataKeys::new(handle.group, incarnation.number);
        Self { handle, incarnation, data }
    }

    /// Refuses to go on when another load was begun, or the state destroyed.
    fn check(&self, current: Option<Incarnation>) -> Result<(), StorageError> {
        if self.handle.alive(current)? == self.incarnation {
            return Ok(());
        }
        Err(StorageError::Gone { group: self.handle.group, what: "keys of an unfinished load" })
    }

    fn write(&self, pairs: &[(Bytes, Bytes)]) -> Result<(), StorageError> {
        let current = self.handle.lock();
        self.check(*current)?;
        let mut writes = WriteBatch::default();
        for (key, value) in pairs {
            writes.put(self.data.key(key), value);
        }
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        let database = &self.handle.database;
        database.db.write_opt(writes, &options).map_err(|error| database.failed("be written", error))
    }

    fn complete(&self, point: &AppliedPoint) -> Result<(), StorageError> {
        let mut current = self.handle.lock();
        self.check(*current)?;
        let Handle { database, group, replica, .. } = &*self.handle;
        database.db.flush().map_err(|error| database.failed("be flushed", error))?;
        let complete = Incarnation { loading: false, ..self.incarnation };
        let mut writes = WriteBatch::default();
        complete.put(&mut writes, *group, *replica);
        self.handle.put_point(&mut writes, complete, point);
        database.write(writes)?;
        database.sync()?;
        *current = Some(complete);
        Ok(())
    }
}

impl StateLoader for Loader {
    fn put(&mut self, pairs: Vec<(Bytes, Bytes)>) -> Result<(), HostFault> {
        Ok(self.write(&pairs)?)
    }

    fn finish(self: Box<Self>, point: &AppliedPoint) -> Result<(), HostFault> {
        Ok(self.complete(point)?)
    }
}

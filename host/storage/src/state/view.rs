use super::{database::OpenDatabase, keys::DataKeys};
use crate::StorageError;
use bytes::Bytes;
use quorate_replica::ports::{HostFault, ScanRange, StoreView};
use quorate_vocabulary::GroupId;
use rocksdb::{ReadOptions, Snapshot};
use self_cell::self_cell;
use std::sync::Arc;

self_cell!(
    /// A snapshot of the database, with the database that it is of.
    struct OwnedSnapshot {
        owner: Arc<OpenDatabase>,

        #[covariant]
        dependent: Snapshot,
    }
);

/// The keys and values of one group as they were when this was made, for as long as it lives.
pub(crate) struct View {
    snapshot: OwnedSnapshot,
    group: GroupId,
    data: DataKeys,
}

impl View {
    pub(crate) fn new(database: Arc<OpenDatabase>, group: GroupId, data: DataKeys) -> Self {
        Self { snapshot: OwnedSnapshot::new(database, |database| database.db.snapshot()), group, data }
    }

    fn failed(&self, error: rocksdb::Error) -> StorageError {
        self.snapshot.borrow_owner().read_failed(self.group, error)
    }

    fn visit(
        &self,
        range: &ScanRange,
        is_once: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), StorageError> {
        if range.limit == 0 || range.keys.is_empty() {
            return Ok(());
        }
        let mut options = ReadOptions::default();
        options.fill_cache(!is_once);
        options.set_iterate_lower_bound(self.data.key(&range.keys.start));
        options.set_iterate_upper_bound(self.data.end(range.keys.end.as_deref()));
        let mut cursor = self.snapshot.borrow_dependent().raw_iterator_opt(options);
        if range.reverse {
            cursor.seek_to_last();
        } else {
            cursor.seek_to_first();
        }
        let (mut pairs, mut bytes) = (0, 0_u64);
        while let Some((key, value)) = cursor.item() {
            let Some(key) = self.data.strip(key) else {
                return Err(crate::damage::corruption(self.group, None, "a key of its state is damaged"));
            };
            let size = u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(size);
            if pairs > 0 && bytes > range.bytes_max {
                break;
            }
            visit(key, value);
            pairs += 1;
            if pairs >= range.limit {
                break;
            }
            if range.reverse {
                cursor.prev();
            } else {
                cursor.next();
            }
        }
        cursor.status().map_err(|error| self.failed(error))
    }
}

impl StoreView for View {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        let value =
            self.snapshot.borrow_dependent().get(self.data.key(key)).map_err(|error| self.failed(error))?;
        Ok(value.map(Bytes::from))
    }

    fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        let mut pairs = Vec::new();
        self.visit(range, false, &mut |key, value| {
            pairs.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
        })?;
        Ok(pairs)
    }

    fn visit_once(&self, range: &ScanRange, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), HostFault> {
        Ok(self.visit(range, true, visit)?)
    }
}

use super::{KeyAndRecord, RaftStore, keys, records::unseal_entry};
use crate::{
    StorageError,
    damage::{corruption, read_failed},
};
use bytes::Bytes;
use quorate_consensus::LogEntry;
use quorate_vocabulary::GroupId;
use rocksdb::{IteratorMode, ReadOptions};

impl RaftStore {
    /// The entries from `first` to `last`, both included, without gaps: as many as fit into `bytes_max` bytes of
    /// data, but at least one.
    ///
    /// # Errors
    /// When they are not in the log, or damaged.
    pub fn entries(
        &self,
        group: GroupId,
        first: u64,
        last: u64,
        bytes_max: usize,
    ) -> Result<Vec<LogEntry>, StorageError> {
        let held = self.held(group)?;
        if first <= held.facts.truncated.index {
            let truncated = held.facts.truncated.index;
            return Err(StorageError::Compacted { group, index: first, truncated });
        }
        if last < first || last > held.last.index {
            return Err(StorageError::LogOrder {
                group,
                what: format!(
                    "entries {first} to {last} were asked for, and it ends with index {}",
                    held.last.index
                ),
            });
        }
        let mut entries = Vec::new();
        let mut bytes = 0_usize;
        for entry in self.scan(group, first, last) {
            let entry = entry?;
            bytes = bytes.saturating_add(entry.data.len());
            if !entries.is_empty() && bytes > bytes_max {
                break;
            }
            entries.push(entry);
        }
        if entries.is_empty() {
            // It may have been cut since.
            let truncated = self.held(group)?.facts.truncated.index;
            return Err(if first <= truncated {
                StorageError::Compacted { group, index: first, truncated }
            } else {
                corruption(group, Some(first), "the entry is missing")
            });
        }
        Ok(entries)
    }

    /// How many bytes of data the log of a group holds. Reads all of it: for whoever asks once, not for a loop.
    ///
    /// # Errors
    /// When this node does not hold the group, or the log is damaged.
    pub fn log_bytes(&self, group: GroupId) -> Result<u64, StorageError> {
        let held = self.held(group)?;
        let mut bytes = 0_u64;
        for entry in self.scan(group, held.facts.truncated.index.saturating_add(1), held.last.index) {
            bytes = bytes.saturating_add(u64::try_from(entry?.data.len()).unwrap_or(u64::MAX));
        }
        Ok(bytes)
    }

    /// The entries from `first` on. A gap, or one that is damaged, is an error, and the last that is given; the end of
    /// the log is none.
    pub(super) fn scan(
        &self,
        group: GroupId,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = Result<LogEntry, StorageError>> + '_ {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(keys::entry(group, first));
        options.set_iterate_upper_bound(keys::entry(group, last.saturating_add(1)));
        // Old entries are read once, for somebody far behind.
        options.fill_cache(false);
        let mut next = Some(first);
        let records = self.db.iterator_cf_opt(self.family(keys::LOG), options, IteratorMode::Start);
        records.map_while(move |record| {
            let expected = next?;
            let entry = self.read_entry(group, Some(expected), record);
            next = entry.as_ref().ok().and_then(|entry| entry.index.checked_add(1));
            Some(entry)
        })
    }

    pub(super) fn read_entry(
        &self,
        group: GroupId,
        expected: Option<u64>,
        record: Result<KeyAndRecord, rocksdb::Error>,
    ) -> Result<LogEntry, StorageError> {
        let (key, record) = record.map_err(|error| read_failed(group, expected, &self.path, error))?;
        let index = keys::entry_index(group, &key)
            .ok_or_else(|| corruption(group, expected, "the key of an entry is damaged"))?;
        if let Some(expected) = expected
            && index != expected
        {
            return Err(corruption(
                group,
                Some(expected),
                format!("the entry is missing; the next one is {index}"),
            ));
        }
        unseal_entry(&key, index, &Bytes::from(record)).map_err(|what| corruption(group, Some(index), what))
    }
}

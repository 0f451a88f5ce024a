use super::RaftStore;
use crate::StorageError;
use quorate_proto::entry::EntryBody;
use quorate_replica::{
    CommittedEntry,
    ports::{History, HostFault},
};
use quorate_vocabulary::GroupId;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The committed part of one group's log, read back.
pub struct GroupHistory {
    store: Arc<RaftStore>,
    group: GroupId,
    committed: AtomicU64,
}

impl GroupHistory {
    /// The log of this group, committed as far as its hard state says.
    ///
    /// # Errors
    /// When this node does not hold the group, or its hard state is damaged.
    pub fn open(store: Arc<RaftStore>, group: GroupId) -> Result<Self, StorageError> {
        let committed = AtomicU64::new(store.hard_state(group)?.commit);
        Ok(Self { store, group, committed })
    }

    /// Entries up to this index are committed: to be told before they are applied, because the hard state on disk
    /// may be older.
    pub fn committed(&self, index: u64) {
        self.committed.fetch_max(index, Ordering::AcqRel);
    }
}

impl History for GroupHistory {
    fn entries(&self, first: u64, last: u64, bytes_max: u64) -> Result<Vec<CommittedEntry>, HostFault> {
        let group = self.group;
        let committed = self.committed.load(Ordering::Acquire);
        if last > committed {
            return Err(HostFault::because(format!(
                "entry {last} of group {group} was asked for, and only {committed} is known to be committed"
            )));
        }
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let entries = self.store.entries(group, first, last, bytes_max)?;
        let decoded = entries.into_iter().map(|entry| {
            let body = EntryBody::decode(&entry.data).map_err(|error| {
                HostFault::new(format!("reading entry {} of group {group}", entry.index), error)
            })?;
            Ok(CommittedEntry { index: entry.index, term: entry.term, body })
        });
        decoded.collect()
    }

    fn begins_behind(&self) -> Result<u64, HostFault> {
        Ok(self.store.extent(self.group)?.0.index)
    }
}

impl fmt::Debug for GroupHistory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GroupHistory").field("group", &self.group).finish_non_exhaustive()
    }
}

use crate::{
    CommittedEntry,
    ports::{History, HostFault},
};
use quorate_proto::entry::EntryBody;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A log of committed entries. May be shared by the replicas of a group, as if each had a copy.
#[derive(Debug, Default)]
pub struct MemoryHistory {
    entries: Mutex<Vec<CommittedEntry>>,
}

impl MemoryHistory {
    fn entries(&self) -> MutexGuard<'_, Vec<CommittedEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry behind the last one (the first has index 2, as in every group) and gives it.
    pub fn push(&self, term: u64, body: EntryBody) -> CommittedEntry {
        let mut entries = self.entries();
        let index = entries.last().map_or(2, |last| last.index + 1);
        let entry = CommittedEntry { index, term, body };
        entries.push(entry.clone());
        entry
    }

    /// The entry at this index.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<CommittedEntry> {
        self.entries().iter().find(|entry| entry.index == index).cloned()
    }

    /// Forgets every entry up to this index, as a log that is cut.
    pub fn cut_through(&self, index: u64) {
        self.entries().retain(|entry| entry.index > index);
    }
}

impl History for MemoryHistory {
    fn entries(&self, first: u64, last: u64, bytes_max: u64) -> Result<Vec<CommittedEntry>, HostFault> {
        let entries = self.entries();
        let mut found: Vec<CommittedEntry> = Vec::new();
        let mut bytes = 0_u64;
        for entry in entries.iter().filter(|entry| (first..=last).contains(&entry.index)) {
            bytes += u64::try_from(entry.body.encode().len()).unwrap_or(u64::MAX);
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(entry.clone());
        }
        if found.first().is_none_or(|entry| entry.index != first) {
            return Err(HostFault::because(format!("the log does not hold entry {first}")));
        }
        Ok(found)
    }
}

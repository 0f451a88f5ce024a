use crate::{
    CommittedEntry,
    ports::{AppliedPoint, History, HostFault},
};
use quorate_proto::entry::EntryBody;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A log of committed entries. May be shared by the replicas of a group, as if each had a copy.
#[derive(Debug, Default)]
pub struct MemoryHistory {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    entries: Vec<CommittedEntry>,
    /// What was cut off.
    cut_through: u64,
}

impl MemoryHistory {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry behind the last one (the first has index 2, as in every group) and gives it.
    pub fn push(&self, term: u64, body: EntryBody) -> CommittedEntry {
        let mut log = self.log();
        let last = log.entries.last().map_or(log.cut_through, |last| last.index);
        let entry = CommittedEntry { index: last.max(AppliedPoint::FIRST) + 1, term, body };
        log.entries.push(entry.clone());
        entry
    }

    /// Adds an entry that was made elsewhere, behind the last one.
    pub fn insert(&self, entry: CommittedEntry) {
        self.log().entries.push(entry);
    }

    /// The entry at this index.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<CommittedEntry> {
        self.log().entries.iter().find(|entry| entry.index == index).cloned()
    }

    /// Loses an entry, as a disk that is damaged.
    pub fn lose(&self, index: u64) {
        self.log().entries.retain(|entry| entry.index != index);
    }

    /// Forgets every entry up to this index, as a log that is cut.
    pub fn cut_through(&self, index: u64) {
        let mut log = self.log();
        log.entries.retain(|entry| entry.index > index);
        log.cut_through = log.cut_through.max(index);
    }
}

impl History for MemoryHistory {
    fn entries(&self, first: u64, last: u64, bytes_max: u64) -> Result<Vec<CommittedEntry>, HostFault> {
        let log = self.log();
        let mut found: Vec<CommittedEntry> = Vec::new();
        let mut bytes = 0_u64;
        for entry in log.entries.iter().filter(|entry| (first..=last).contains(&entry.index)) {
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

    fn begins_behind(&self) -> Result<u64, HostFault> {
        Ok(self.log().cut_through)
    }
}

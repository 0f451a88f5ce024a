//! One replica's log on disk.

use super::{SharedLog, lock};
use crate::planted::Bug;
use quorate_consensus::{
    Configuration, EntryBody, HardState, LogEntry, LogIndex, LogPoint, Persist, ReplicaStart,
};
use quorate_replica::{
    CommittedEntry,
    ports::{History, HostFault},
};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// So many of the newest entries a replica that starts is handed; it fetches the others.
const ENTRIES_ON_START_MAX: usize = 4;

/// What is on disk of one replica's log.
#[derive(Debug)]
pub(crate) struct GroupLog {
    pub(crate) replica: ReplicaId,
    pub(crate) hard_state: HardState,
    pub(crate) truncated: LogPoint,
    pub(crate) configuration: Configuration,
    pub(crate) entries: BTreeMap<u64, LogEntry>,
}

impl GroupLog {
    pub(crate) fn new(start: &ReplicaStart) -> Self {
        Self {
            replica: start.replica,
            hard_state: start.hard_state,
            truncated: start.truncated,
            configuration: start.configuration.clone(),
            entries: BTreeMap::new(),
        }
    }

    pub(crate) fn last(&self) -> LogPoint {
        self.entries.values().next_back().map_or(self.truncated, LogEntry::point)
    }

    /// Whether the log goes on from this point. What is not on disk any more was committed, and so was every point of a
    /// snapshot.
    pub(crate) fn continues(&self, point: LogPoint) -> bool {
        match self.entries.get(&point.index) {
            Some(entry) => entry.term == point.term,
            None => point == self.truncated || point.index < self.truncated.index,
        }
    }

    /// Writes; says what is wrong with what was to be written.
    pub(crate) fn write(&mut self, persist: Persist) -> Result<(), String> {
        if let Some(restored) = persist.restored {
            if restored.truncated.index < self.truncated.index {
                return Err(format!("{:?} would replace {:?}", restored.truncated, self.truncated));
            }
            self.entries.clear();
            self.truncated = restored.truncated;
            self.configuration = restored.configuration;
        }
        if let Some(first) = persist.entries.first() {
            if first.index <= self.truncated.index || first.index > self.last().index + 1 {
                let (from, to) = (self.truncated.index, self.last().index);
                return Err(format!("entry {} does not follow a log from {from} to {to}", first.index));
            }
            self.entries.split_off(&first.index);
        }
        for entry in persist.entries {
            let last = self.last();
            if entry.index != last.index + 1 || entry.term < last.term {
                return Err(format!("{:?} does not follow {last:?}", entry.point()));
            }
            self.entries.insert(entry.index, entry);
        }
        if let Some(hard_state) = persist.hard_state {
            let before = self.hard_state;
            if hard_state.term < before.term {
                return Err(format!("term {} would replace term {}", hard_state.term, before.term));
            }
            self.hard_state = hard_state;
        }
        Ok(())
    }

    pub(crate) fn cut(&mut self, truncated: LogPoint, configuration: Configuration) -> Result<(), String> {
        if truncated.index <= self.truncated.index {
            return Ok(());
        }
        if truncated.index > self.last().index {
            return Err(format!("it cannot be cut through {truncated:?}: it ends at {:?}", self.last()));
        }
        self.entries = self.entries.split_off(&(truncated.index + 1));
        (self.truncated, self.configuration) = (truncated, configuration);
        Ok(())
    }

    pub(crate) fn read(&self, first: u64, last: u64, bytes_max: usize) -> Vec<LogEntry> {
        let mut bytes = 0;
        let mut entries = Vec::new();
        if first > last {
            return entries;
        }
        for entry in self.entries.range(first..=last).map(|(_, entry)| entry) {
            bytes += entry.data.len();
            let is_next = entry.index == first + u64::try_from(entries.len()).unwrap_or(u64::MAX);
            if !is_next || (!entries.is_empty() && bytes > bytes_max) {
                break;
            }
            entries.push(entry.clone());
        }
        entries
    }

    /// What consensus is to drive.
    pub(crate) fn start(&mut self, group: GroupId, applied: (u64, u64), bug: Option<Bug>) -> ReplicaStart {
        if bug == Some(Bug::TruncatePastCommit) {
            let commit = self.hard_state.commit.max(applied.0);
            self.entries.split_off(&(commit + 1));
        }
        let half = bug == Some(Bug::JointByHalf);
        let skipped = self.entries.len().saturating_sub(ENTRIES_ON_START_MAX);
        let log = if half {
            LogIndex::of(&self.entries.values().map(without_outgoing).collect::<Vec<_>>())
        } else {
            LogIndex::of(self.entries.values())
        };
        let mut configuration = self.configuration.clone();
        if half {
            configuration.outgoing.clear();
        }
        let mut hard_state = self.hard_state;
        if bug == Some(Bug::ForgetVote) {
            hard_state.vote = None;
        }
        ReplicaStart {
            group,
            replica: self.replica,
            is_witness: false,
            hard_state,
            truncated: self.truncated,
            configuration,
            log: log.expect("entries that were written can be read"),
            entries: self.entries.values().skip(skipped).cloned().collect(),
            applied: applied.0,
            applied_time_ms: applied.1,
        }
    }
}

/// The entry, with a joint configuration taken for the one it leads to.
fn without_outgoing(entry: &LogEntry) -> LogEntry {
    match EntryBody::decode(&entry.data) {
        Ok(EntryBody::Configuration(mut configuration)) => {
            configuration.outgoing.clear();
            LogEntry { data: EntryBody::Configuration(configuration).encode(), ..entry.clone() }
        }
        _ => entry.clone(),
    }
}

/// The committed part of a log, read back.
#[derive(Debug)]
pub(crate) struct LogHistory {
    log: SharedLog,
    committed: AtomicU64,
}

impl LogHistory {
    pub(crate) fn new(log: SharedLog) -> Self {
        let committed = AtomicU64::new(lock(&log).hard_state.commit);
        Self { log, committed }
    }

    /// Entries up to here are committed.
    pub(crate) fn committed(&self, index: u64) {
        self.committed.fetch_max(index, Ordering::Relaxed);
    }
}

impl History for LogHistory {
    fn entries(&self, first: u64, last: u64, bytes_max: u64) -> Result<Vec<CommittedEntry>, HostFault> {
        let committed = self.committed.load(Ordering::Relaxed);
        if last > committed {
            return Err(HostFault::because(format!("entry {last} is asked for, {committed} is committed")));
        }
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let entries = lock(&self.log).read(first, last, bytes_max);
        let decoded = entries.into_iter().map(|entry| {
            let body = EntryBody::decode(&entry.data)
                .map_err(|error| HostFault::because(format!("entry {}: {error}", entry.index)))?;
            Ok(CommittedEntry { index: entry.index, term: entry.term, body })
        });
        decoded.collect()
    }

    fn begins_behind(&self) -> Result<u64, HostFault> {
        Ok(lock(&self.log).truncated.index)
    }
}

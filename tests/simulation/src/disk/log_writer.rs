//! The one writer of a node's logs: whatever waits, of all groups, goes into one write, which survives a crash as a
//! whole or not at all.

use super::{Disk, lock};
use quorate_consensus::{Configuration, LogEntry, LogPoint, Persist};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::collections::VecDeque;

/// What the log writer is handed. The order within a group is kept.
#[derive(Clone, Debug)]
pub(crate) enum LogWork {
    /// Consensus wants this on disk.
    Persist(Persist),
    /// A snapshot covers the log up to here.
    Cut { group: GroupId, truncated: LogPoint, configuration: Configuration },
    /// The replica is gone for ever.
    Remove { group: GroupId, replica: ReplicaId },
}

/// What waits, and what is being written.
#[derive(Debug, Default)]
pub(crate) struct LogWriter {
    waiting: VecDeque<LogWork>,
    writing: Vec<LogWork>,
}

/// What a write led to.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The last number of each group.
    pub(crate) persisted: Vec<(GroupId, u64)>,
    pub(crate) removed: Vec<(GroupId, ReplicaId)>,
    /// What was appended, with the entry before it.
    pub(crate) appended: Vec<(GroupId, LogPoint, Vec<LogEntry>)>,
}

impl LogWriter {
    /// Takes work; whether a write is to begin.
    pub(crate) fn push(&mut self, work: LogWork) -> bool {
        self.waiting.push_back(work);
        self.writing.is_empty()
    }

    /// Begins to write up to so many pieces. Whether there were any.
    pub(crate) fn begin(&mut self, pieces_max: usize) -> bool {
        if self.writing.is_empty() {
            let pieces = pieces_max.min(self.waiting.len());
            self.writing.extend(self.waiting.drain(..pieces));
        }
        !self.writing.is_empty()
    }

    /// What is being written is on disk now.
    pub(crate) fn finish(&mut self, disk: &mut Disk) -> Result<Written, String> {
        let mut written = Written::default();
        for work in self.writing.drain(..) {
            match work {
                LogWork::Persist(persist) => {
                    let (group, number) = (persist.group, persist.number);
                    let Some(log) = disk.log(group) else {
                        return Err(format!("group {group} is written to, and was removed"));
                    };
                    let mut log = lock(log);
                    let entries = persist.entries.clone();
                    log.write(persist).map_err(|what| format!("group {group}: {what}"))?;
                    if let Some(first) = entries.first() {
                        let before = first.index - 1;
                        let term = log.entries.get(&before).map_or(log.truncated.term, |entry| entry.term);
                        written.appended.push((group, LogPoint { index: before, term }, entries));
                    }
                    written.persisted.retain(|(persisted, _)| *persisted != group);
                    written.persisted.push((group, number));
                }
                LogWork::Cut { group, truncated, configuration } => {
                    if let Some(log) = disk.log(group) {
                        let cut = lock(log).cut(truncated, configuration);
                        cut.map_err(|what| format!("group {group}: {what}"))?;
                    }
                }
                LogWork::Remove { group, replica } => {
                    written.persisted.retain(|(persisted, _)| *persisted != group);
                    disk.remove_log(group, replica);
                    written.removed.push((group, replica));
                }
            }
        }
        Ok(written)
    }

    /// The power fails: what is being written may have got there, what waits has not.
    pub(crate) fn crash(&mut self, disk: &mut Disk, survives: bool) -> Result<Written, String> {
        self.waiting.clear();
        if survives { self.finish(disk) } else { Ok(Written::default()) }
    }
}

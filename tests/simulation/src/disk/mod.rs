//! A node's disk: what is on it survives a crash, and what is on its way to it does not.

mod group_log;
mod log_writer;
mod snapshots;
mod state;

pub(crate) use group_log::{GroupLog, LogHistory};
pub(crate) use log_writer::{LogWork, LogWriter};
pub(crate) use snapshots::{SnapshotShelf, WrittenSnapshot};
pub(crate) use state::State;

use crate::planted::Bug;
use quorate_consensus::ReplicaStart;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A log that its replica's history reads as well.
pub(crate) type SharedLog = Arc<Mutex<GroupLog>>;

/// Nothing that panics runs while a log is locked, and all is on one thread.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a replica has beside its log.
#[derive(Debug)]
pub(crate) struct Folder {
    replica: ReplicaId,
    pub(crate) state: State,
    pub(crate) snapshots: SnapshotShelf,
}

/// A node's disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    logs: BTreeMap<GroupId, SharedLog>,
    /// Replicas whose logs cannot be read any more, nor anything else that they had.
    damaged: BTreeMap<GroupId, ReplicaId>,
    /// Replicas that were removed, and may never be made again.
    tombstones: BTreeSet<(GroupId, ReplicaId)>,
    folders: BTreeMap<GroupId, Folder>,
    snapshots_kept: usize,
    bug: Option<Bug>,
}

impl Disk {
    pub(crate) fn new(snapshots_kept: usize, bug: Option<Bug>) -> Self {
        Self { snapshots_kept, bug, ..Self::default() }
    }

    /// The replicas whose logs it holds.
    pub(crate) fn replicas(&self) -> BTreeMap<GroupId, ReplicaId> {
        let whole = self.logs.iter().map(|(group, log)| (*group, lock(log).replica));
        whole.chain(self.damaged.iter().map(|(group, replica)| (*group, *replica))).collect()
    }

    pub(crate) fn log(&self, group: GroupId) -> Option<&SharedLog> {
        self.logs.get(&group)
    }

    /// Makes a replica, as a log writer would: at once and for good. Whether that was possible.
    pub(crate) fn create(&mut self, start: &ReplicaStart) -> bool {
        let removed = self.tombstones.contains(&(start.group, start.replica));
        let is_held = self.logs.contains_key(&start.group) || self.damaged.contains_key(&start.group);
        if is_held || (removed && self.bug != Some(Bug::RemovedReplicaAgain)) {
            return false;
        }
        self.logs.insert(start.group, Arc::new(Mutex::new(GroupLog::new(start))));
        true
    }

    /// The folder of a replica. What another replica of its group left there is not its own.
    pub(crate) fn folder(&mut self, group: GroupId, replica: ReplicaId) -> &Folder {
        let (kept, bug) = (self.snapshots_kept, self.bug);
        let new = || Folder { replica, state: State::new(bug), snapshots: SnapshotShelf::new(kept, bug) };
        let folder = self.folders.entry(group).or_insert_with(new);
        if folder.replica != replica {
            folder.replica = replica;
            folder.state = State::new(bug);
        }
        folder
    }

    /// Removes the log of a replica, with a tombstone.
    pub(crate) fn remove_log(&mut self, group: GroupId, replica: ReplicaId) {
        if self.logs.get(&group).is_some_and(|log| lock(log).replica == replica) {
            self.logs.remove(&group);
        }
        if self.damaged.get(&group) == Some(&replica) {
            self.damaged.remove(&group);
        }
        self.tombstones.insert((group, replica));
    }

    /// What a replica has becomes unreadable, while its node is down; but for its number.
    pub(crate) fn damage(&mut self, group: GroupId) {
        if let Some(log) = self.logs.remove(&group) {
            self.damaged.insert(group, lock(&log).replica);
            self.folders.remove(&group);
        }
    }

    /// The replicas that cannot be used.
    pub(crate) fn damaged(&self) -> &BTreeMap<GroupId, ReplicaId> {
        &self.damaged
    }

    /// Removes what a replica had beside its log.
    pub(crate) fn remove_folder(&mut self, group: GroupId) {
        self.folders.remove(&group);
    }

    /// A group of whose replica here more is left than its log.
    pub(crate) fn stray(&self) -> Option<GroupId> {
        self.folders.keys().find(|group| !self.logs.contains_key(group)).copied()
    }

    /// What a node does about its disk when it starts: what belongs to no log is removed.
    pub(crate) fn remove_strays(&mut self) {
        let logs = &self.logs;
        self.folders.retain(|group, _| logs.contains_key(group));
    }

    /// The power fails: states lose what was not flushed.
    pub(crate) fn crash(&mut self) {
        for folder in self.folders.values() {
            folder.state.crash();
        }
    }
}

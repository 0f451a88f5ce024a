use super::{RaftStore, store::Slot};
use crate::{StorageError, damage::corruption};
use bytes::Bytes;
use quorate_consensus::{Configuration, HardState, LogEntry, LogIndex, LogPoint, ReplicaStart};
use quorate_vocabulary::{GroupId, PluginDigest, ReplicaId};
use std::{cmp::Ordering, collections::VecDeque, sync::PoisonError};

/// What a node holds when it starts.
#[derive(Debug, Default)]
pub struct LoadedReplicas {
    /// The replicas that can be driven, in the order of their groups.
    pub replicas: Vec<StoredReplica>,
    /// Those that cannot. They hurt no other.
    pub damaged: Vec<DamagedReplica>,
}

/// A replica as it was found on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReplica {
    /// The group.
    pub group: GroupId,
    /// The replica.
    pub replica: ReplicaId,
    /// The hard state.
    pub hard_state: HardState,
    /// The log begins behind this point.
    pub truncated: LogPoint,
    /// The configuration there.
    pub configuration: Configuration,
    /// The last entry, or `truncated` when the log is empty.
    pub last: LogPoint,
    /// What all the entries are, without their content.
    pub log: LogIndex,
    /// The newest of the entries, without gaps, up to the last.
    pub entries: Vec<LogEntry>,
    /// The plugin of the group, where it was known.
    pub plugin: Option<PluginDigest>,
    /// What the host kept beside it.
    pub description: Bytes,
}

/// A replica whose log or records cannot be read.
#[derive(Debug)]
pub struct DamagedReplica {
    /// The group.
    pub group: GroupId,
    /// The replica, if that much can be read.
    pub replica: Option<ReplicaId>,
    /// What is damaged, and what to do.
    pub error: StorageError,
}

impl StoredReplica {
    /// Whether the log goes on from this point: it begins behind it or later, or holds this very entry. What is not on
    /// disk any more was committed, and so was every point of a snapshot.
    #[must_use]
    pub fn continues(&self, point: LogPoint) -> bool {
        match point.index.cmp(&self.truncated.index) {
            Ordering::Less => true,
            Ordering::Equal => point.term == self.truncated.term,
            Ordering::Greater => {
                point.index <= self.last.index && self.log.term(point.index) == Some(point.term)
            }
        }
    }

    /// What consensus is to drive, with a state that has applied the log up to `applied`.
    #[must_use]
    pub fn into_start(self, applied: u64, applied_time_ms: u64) -> ReplicaStart {
        let Self { group, replica, hard_state, truncated, configuration, log, entries, .. } = self;
        ReplicaStart {
            group,
            replica,
            is_witness: false,
            hard_state,
            truncated,
            configuration,
            log,
            entries,
            applied,
            applied_time_ms,
        }
    }
}

impl StoredReplica {
    /// What consensus is to drive, of a witness: it has no state that could be behind.
    #[must_use]
    pub fn into_witness(self) -> ReplicaStart {
        let truncated = self.truncated.index;
        ReplicaStart { is_witness: true, ..self.into_start(truncated, 0) }
    }
}

impl RaftStore {
    /// Reads every replica with all of its log, and checks it.
    ///
    /// # Errors
    /// When the database fails; damage to a group is told of that group.
    pub fn load(&self) -> Result<LoadedReplicas, StorageError> {
        let slots = self.replicas.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut loaded = LoadedReplicas::default();
        for (group, slot) in slots {
            match self.load_replica(group) {
                Ok(replica) => loaded.replicas.push(replica),
                Err(error @ StorageError::Corruption { .. }) => {
                    let replica = match slot {
                        Slot::Held(held) => Some(held.facts.replica),
                        Slot::Damaged { replica, .. } => replica,
                    };
                    loaded.damaged.push(DamagedReplica { group, replica, error });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(loaded)
    }

    /// Reads the replica of one group with all of its log, and checks it.
    ///
    /// # Errors
    /// When this node does not hold the group, or what it holds is damaged.
    pub fn load_replica(&self, group: GroupId) -> Result<StoredReplica, StorageError> {
        let held = self.held(group)?;
        let hard_state = self.hard_state(group)?;
        let truncated = held.facts.truncated;
        let mut log = LogIndex::default();
        let mut last = truncated;
        let mut newest = VecDeque::new();
        let mut newest_bytes = 0;
        for entry in self.scan(group, truncated.index.saturating_add(1), held.last.index) {
            let entry = entry?;
            if entry.term < last.term {
                let what = format!("its term {} is less than the term {} before it", entry.term, last.term);
                return Err(corruption(group, Some(entry.index), what));
            }
            log.push(&entry).map_err(|error| corruption(group, Some(entry.index), error.to_string()))?;
            last = entry.point();
            newest_bytes += entry.data.len();
            newest.push_back(entry);
            while newest_bytes > self.load_entries_bytes_max
                && newest.len() > 1
                && let Some(oldest) = newest.pop_front()
            {
                newest_bytes -= oldest.data.len();
            }
        }
        if last != held.last {
            return Err(corruption(group, Some(last.index.saturating_add(1)), "the entry is missing"));
        }
        Ok(StoredReplica {
            group,
            replica: held.facts.replica,
            hard_state,
            truncated,
            configuration: held.facts.configuration.clone(),
            last,
            log,
            entries: newest.into(),
            plugin: held.facts.plugin,
            description: held.facts.description.clone(),
        })
    }
}

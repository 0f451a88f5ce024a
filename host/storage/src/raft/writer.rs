//! Turns a batch of changes into writes, checked against what is held.

use super::{
    RaftStore,
    batch::{Change, NewReplica},
    keys,
    records::{ReplicaFacts, seal_entry, seal_hard_state},
    store::{Held, Slot},
};
use crate::{StorageError, record::seal};
use quorate_consensus::{Configuration, LogEntry, LogPoint};
use quorate_vocabulary::{GroupId, ReplicaId};
use rocksdb::WriteBatch;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

/// So many entries are removed one by one. A range costs less to write, but all later reads near it pay for it.
const REMOVED_ONE_BY_ONE_MAX: u64 = 64;

pub(super) struct Staging<'a> {
    store: &'a RaftStore,
    writes: WriteBatch,
    /// What is held once this is written; none for what is removed.
    slots: BTreeMap<GroupId, Option<Slot>>,
    /// What this batch removes: its tombstones are not on disk yet.
    removed: BTreeSet<(GroupId, ReplicaId)>,
}

impl<'a> Staging<'a> {
    pub(super) fn new(store: &'a RaftStore) -> Self {
        Self { store, writes: WriteBatch::default(), slots: BTreeMap::new(), removed: BTreeSet::new() }
    }

    pub(super) fn finish(self) -> (WriteBatch, BTreeMap<GroupId, Option<Slot>>) {
        (self.writes, self.slots)
    }

    pub(super) fn add(&mut self, change: &Change) -> Result<(), StorageError> {
        match change {
            Change::Create(replica) => self.create(replica.clone()),
            Change::Restore { group, truncated, configuration } => {
                self.restore(*group, *truncated, configuration.clone())
            }
            Change::Append { group, entries } => self.append(*group, entries),
            Change::HardState { group, hard_state } => {
                self.held(*group)?;
                let (key, record) = seal_hard_state(*group, *hard_state);
                self.writes.put(key, record);
                Ok(())
            }
            Change::Cut { group, truncated, configuration } => {
                self.cut(*group, *truncated, configuration.clone())
            }
            Change::Describe { group, plugin, description } => {
                let held = self.held(*group)?;
                let (plugin, description) = (*plugin, description.clone());
                let facts = ReplicaFacts { plugin, description, ..ReplicaFacts::clone(&held.facts) };
                self.put_replica(*group, facts, held.last);
                Ok(())
            }
            Change::Remove { group, replica } => {
                self.remove(*group, *replica);
                Ok(())
            }
        }
    }

    fn create(&mut self, new: NewReplica) -> Result<(), StorageError> {
        let NewReplica { group, replica, truncated, configuration, hard_state, plugin, description } = new;
        match self.slot(group) {
            None => {}
            Some(slot) if slot.held(group)?.facts.replica == replica => {
                return Err(StorageError::ReplicaExists { group, replica });
            }
            Some(slot) => {
                let found = slot.held(group)?.facts.replica;
                return Err(StorageError::OtherReplica { group, found, expected: replica });
            }
        }
        if self.removed.contains(&(group, replica)) || self.store.is_removed(group, replica)? {
            return Err(StorageError::Removed { group, replica });
        }
        // Entries without a replica cannot be there; if they are, they are not this one's.
        self.remove_log(group);
        let (key, record) = seal_hard_state(group, hard_state);
        self.writes.put(key, record);
        let facts = ReplicaFacts { replica, truncated, configuration, plugin, description };
        self.put_replica(group, facts, truncated);
        Ok(())
    }

    fn restore(
        &mut self,
        group: GroupId,
        truncated: LogPoint,
        configuration: Configuration,
    ) -> Result<(), StorageError> {
        let held = self.held(group)?;
        if truncated.index < held.facts.truncated.index {
            return Err(StorageError::LogOrder {
                group,
                what: format!(
                    "a snapshot at index {} cannot replace a log that begins behind index {}",
                    truncated.index, held.facts.truncated.index
                ),
            });
        }
        self.remove_log(group);
        let facts = ReplicaFacts { truncated, configuration, ..ReplicaFacts::clone(&held.facts) };
        self.put_replica(group, facts, truncated);
        Ok(())
    }

    fn append(&mut self, group: GroupId, entries: &[LogEntry]) -> Result<(), StorageError> {
        let Held { facts, last } = self.held(group)?;
        let disorder = |what: String| Err(StorageError::LogOrder { group, what });
        let (Some(first), Some(new_last)) = (entries.first(), entries.last()) else { return Ok(()) };
        if first.index <= facts.truncated.index || first.index - 1 > last.index {
            return disorder(format!(
                "entries from index {} on do not follow a log that begins behind index {} and ends with index {}",
                first.index, facts.truncated.index, last.index
            ));
        }
        if let Some([before, after]) = entries.array_windows().find(|[before, after]| {
            before.index.checked_add(1) != Some(after.index) || after.term < before.term
        }) {
            return disorder(format!("{:?} does not follow {:?}", after.point(), before.point()));
        }
        // The end of a range of keys is excluded, and this must be one.
        if new_last.index == u64::MAX {
            return disorder(format!("there is no index {} in a log", u64::MAX));
        }
        self.remove_entries(group, new_last.index + 1, last.index);
        let log = self.store.family(keys::LOG);
        for entry in entries {
            let key = keys::entry(group, entry.index);
            self.writes.put_cf(log, key, seal_entry(&key, entry));
        }
        self.slots.insert(group, Some(Slot::Held(Held { facts, last: new_last.point() })));
        Ok(())
    }

    fn cut(
        &mut self,
        group: GroupId,
        truncated: LogPoint,
        configuration: Configuration,
    ) -> Result<(), StorageError> {
        let Held { facts, last } = self.held(group)?;
        if truncated.index <= facts.truncated.index {
            return Ok(());
        }
        if truncated.index > last.index {
            return Err(StorageError::LogOrder {
                group,
                what: format!(
                    "it cannot be cut through index {}, because it ends with index {}",
                    truncated.index, last.index
                ),
            });
        }
        self.remove_entries(group, facts.truncated.index + 1, truncated.index);
        let facts = ReplicaFacts { truncated, configuration, ..ReplicaFacts::clone(&facts) };
        // The last entry may be the one that was cut, and is then known by the point alone.
        self.put_replica(group, facts, last.max(truncated));
        Ok(())
    }

    fn remove(&mut self, group: GroupId, replica: ReplicaId) {
        let here = match self.slot(group) {
            Some(Slot::Held(held)) => held.facts.replica == replica,
            // What cannot be read may be the one: nothing else could be placed here as long as it stays.
            Some(Slot::Damaged { replica: known, .. }) => known.is_none_or(|known| known == replica),
            None => false,
        };
        if here {
            self.remove_log(group);
            self.writes.delete(keys::replica(group));
            self.writes.delete(keys::hard_state(group));
            self.slots.insert(group, None);
        }
        let key = keys::tombstone(group, replica);
        let record = seal(&key, &[]);
        self.writes.put(key, record);
        self.removed.insert((group, replica));
    }

    fn slot(&self, group: GroupId) -> Option<Slot> {
        match self.slots.get(&group) {
            Some(slot) => slot.clone(),
            None => self.store.replicas.read().unwrap_or_else(PoisonError::into_inner).get(&group).cloned(),
        }
    }

    fn held(&self, group: GroupId) -> Result<Held, StorageError> {
        self.slot(group).ok_or(StorageError::NoReplica { group })?.held(group).cloned()
    }

    fn put_replica(&mut self, group: GroupId, facts: ReplicaFacts, last: LogPoint) {
        let (key, record) = facts.seal(group);
        self.writes.put(key, record);
        self.slots.insert(group, Some(Slot::Held(Held { facts: Arc::new(facts), last })));
    }

    /// Removes the entries from `first` to `last`, both included; none if `last` is before `first`.
    fn remove_entries(&mut self, group: GroupId, first: u64, last: u64) {
        if last < first {
            return;
        }
        let log = self.store.family(keys::LOG);
        if last - first < REMOVED_ONE_BY_ONE_MAX {
            for index in first..=last {
                self.writes.delete_cf(log, keys::entry(group, index));
            }
        } else {
            self.writes.delete_range_cf(log, keys::entry(group, first), keys::entry(group, last + 1));
        }
    }

    fn remove_log(&mut self, group: GroupId) {
        let log = self.store.family(keys::LOG);
        self.writes.delete_range_cf(log, keys::entry(group, 0), keys::entry(group, u64::MAX));
    }
}

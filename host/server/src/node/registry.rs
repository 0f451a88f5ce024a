//! The replicas this node runs.

use super::local_replica::LocalReplica;
use quorate_vocabulary::GroupId;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

/// By group.
#[derive(Default)]
pub(super) struct Registry {
    replicas: RwLock<BTreeMap<GroupId, Arc<LocalReplica>>>,
}

impl Registry {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<GroupId, Arc<LocalReplica>>> {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replica of a group.
    pub(super) fn get(&self, group: GroupId) -> Option<Arc<LocalReplica>> {
        self.read().get(&group).cloned()
    }

    /// All of them, by group.
    pub(super) fn all(&self) -> Vec<Arc<LocalReplica>> {
        self.read().values().cloned().collect()
    }

    /// Adds one.
    pub(super) fn insert(&self, replica: Arc<LocalReplica>) {
        let group = replica.shared.group;
        self.replicas.write().unwrap_or_else(PoisonError::into_inner).insert(group, replica);
    }

    /// Takes one out.
    pub(super) fn remove(&self, group: GroupId) -> Option<Arc<LocalReplica>> {
        self.replicas.write().unwrap_or_else(PoisonError::into_inner).remove(&group)
    }
}

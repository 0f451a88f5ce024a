//! The replicas this node runs.

use super::{life::RoleChange, local_replica::LocalReplica, witness::LocalWitness};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

/// By group.
#[derive(Default)]
pub(super) struct Registry {
    replicas: RwLock<BTreeMap<GroupId, Arc<LocalReplica>>>,
    witnesses: RwLock<BTreeMap<GroupId, Arc<LocalWitness>>>,
}

impl Registry {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<GroupId, Arc<LocalReplica>>> {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replica of a group, which is no witness.
    pub(super) fn get(&self, group: GroupId) -> Option<Arc<LocalReplica>> {
        self.read().get(&group).cloned()
    }

    /// The witness of a group.
    pub(super) fn witness(&self, group: GroupId) -> Option<Arc<LocalWitness>> {
        self.witnesses.read().unwrap_or_else(PoisonError::into_inner).get(&group).cloned()
    }

    /// All witnesses, by group.
    pub(super) fn witnesses(&self) -> Vec<Arc<LocalWitness>> {
        self.witnesses.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The number of the replica or witness of a group.
    pub(super) fn number(&self, group: GroupId) -> Option<ReplicaId> {
        let replica = self.get(group).map(|replica| replica.shared.replica);
        replica.or_else(|| self.witness(group).map(|witness| witness.replica))
    }

    /// Who leads a group, as its replica or witness was last told.
    pub(super) fn lead(&self, group: GroupId) -> Option<RoleChange> {
        let replica = self.get(group).map(|replica| replica.shared.lead());
        replica.or_else(|| self.witness(group).map(|witness| witness.lead()))
    }

    /// The groups of all replicas and witnesses.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        let replicas = self.all().into_iter().map(|replica| replica.shared.group);
        replicas.chain(self.witnesses().into_iter().map(|witness| witness.group)).collect()
    }

    /// Adds a witness.
    pub(super) fn insert_witness(&self, witness: Arc<LocalWitness>) {
        self.witnesses.write().unwrap_or_else(PoisonError::into_inner).insert(witness.group, witness);
    }

    /// All of them that are no witnesses, by group.
    pub(super) fn all(&self) -> Vec<Arc<LocalReplica>> {
        self.read().values().cloned().collect()
    }

    /// Those of them of which that is true, by group. It must not ask the registry.
    pub(super) fn all_that(&self, is_so: impl Fn(&LocalReplica) -> bool) -> Vec<Arc<LocalReplica>> {
        self.read().values().filter(|replica| is_so(replica)).cloned().collect()
    }

    /// Those of these groups: the others are not touched, as there may be many.
    pub(super) fn all_of(&self, is_wanted: impl Fn(GroupId) -> bool) -> Vec<Arc<LocalReplica>> {
        let replicas = self.read();
        let wanted = replicas.iter().filter(|(group, _)| is_wanted(**group));
        wanted.map(|(_, replica)| replica.clone()).collect()
    }

    /// Adds one.
    pub(super) fn insert(&self, replica: Arc<LocalReplica>) {
        let group = replica.shared.group;
        self.replicas.write().unwrap_or_else(PoisonError::into_inner).insert(group, replica);
    }

    /// Takes one out, and the witness of that group.
    pub(super) fn remove(&self, group: GroupId) -> Option<Arc<LocalReplica>> {
        self.witnesses.write().unwrap_or_else(PoisonError::into_inner).remove(&group);
        self.replicas.write().unwrap_or_else(PoisonError::into_inner).remove(&group)
    }
}

//! A witness on this node: a log of what stands where, driven by the shard. It has no machine, and so no workers.

use super::{core::Core, life::RoleChange, opening::OpenError};
use quorate_catalog::Group;
use quorate_consensus::{Input, Role};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is to be known of a witness beside what its shard knows.
pub(super) struct LocalWitness {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    state: Mutex<WitnessState>,
}

struct WitnessState {
    lead: RoleChange,
    failure: Option<String>,
}

impl LocalWitness {
    fn new(group: GroupId, replica: ReplicaId) -> Self {
        let lead = RoleChange { role: Role::Follower, term: 0, leader: None };
        Self { group, replica, state: Mutex::new(WitnessState { lead, failure: None }) }
    }

    fn state(&self) -> MutexGuard<'_, WitnessState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What raft last said of it.
    pub(super) fn lead(&self) -> RoleChange {
        self.state().lead
    }

    pub(super) fn set_lead(&self, change: RoleChange) {
        self.state().lead = change;
    }

    /// Why it cannot work, if it cannot.
    pub(super) fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    pub(super) fn fail(&self, why: String) {
        tracing::error!(group = %self.group, replica = %self.replica, why, "a witness has stopped");
        self.state().failure.get_or_insert(why);
    }
}

impl Core {
    /// Opens a witness that is on this node's disk, and has it take part in its group. Blocks.
    pub(super) fn open_witness(&self, group: &Group) -> Result<(), OpenError> {
        let stored = self.store.load_replica(group.id)?;
        tracing::debug!(group = %group.name, replica = %stored.replica, last = stored.last.index, "witness opened");
        self.registry.insert_witness(Arc::new(LocalWitness::new(group.id, stored.replica)));
        let start = stored.into_witness();
        self.services.inbox.feedback([Input::Open(Box::new(start))]);
        Ok(())
    }
}

//! What has been done of an entry is undone when there is no room for another instance in the middle of it: nothing of it is
//! committed yet, so the whole entry can be applied once there is room.

use super::{Machine, Replica, memory};
use crate::{CommittedEntry, ReplicaFault, checkpoint_policy::Growth};

/// What applying an entry changes before it is applied.
pub(super) struct Before {
    growth: Growth,
    unattested_entries: u64,
    /// None of a store machine, which changes nothing before it commits.
    memory: Option<memory::Before>,
}

impl Replica {
    pub(super) fn before(&self) -> Before {
        let memory = match &self.machine {
            Machine::Memory(machine) => Some(machine.before()),
            Machine::Store => None,
        };
        Before { growth: self.growth, unattested_entries: self.unattested_entries, memory }
    }

    /// Makes it as if this entry had never come.
    pub(super) fn undo(&mut self, before: Before, entry: &CommittedEntry) -> Result<(), ReplicaFault> {
        let Before { growth, unattested_entries, memory } = before;
        (self.growth, self.unattested_entries) = (growth, unattested_entries);
        match (&mut self.machine, memory) {
            (Machine::Memory(machine), Some(before)) => machine.undo(&self.start, before, entry.index),
            _ => Ok(()),
        }
    }
}

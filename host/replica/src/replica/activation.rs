//! Orders of an operator: another plugin from here on, and what is done about commands that trap.

use super::{CheckpointResult, EntryResult, Machine, Replica, ReplicaStart, store};
use crate::{
    CommittedEntry, ReplicaFault,
    checkpoint_policy::Growth,
    digest::EntryDigest,
    ports::{ActivationRecord, ActivePlugin, AppliedPoint, Plugin, SnapshotInfo, StoreChanges},
};
use quorate_proto::entry::{Activation, Order};
use std::sync::Arc;

/// What is kept of why a plugin could not be activated.
const FAILURE_BYTES_MAX: usize = 512;

/// How the state of one plugin becomes that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// It is of the same version.
    Unchanged,
    /// The next plugin migrates it.
    Migrate {
        /// The version that it is of.
        from: u32,
    },
}

/// How the state gets to `next`, or why it cannot.
fn crossing(before: &dyn Plugin, next: &dyn Plugin) -> Result<Crossing, String> {
    if before.kind() != next.kind() {
        let (before, next) = (before.kind(), next.kind());
        return Err(format!("it is a {next} machine, and the group has the state of a {before} machine"));
    }
    let (from, to) = (before.state_version(), next.state_version());
    if from == to {
        Ok(Crossing::Unchanged)
    } else if next.migrates() {
        Ok(Crossing::Migrate { from })
    } else {
        Err(format!(
            "its state has version {to}, the group's has version {from}, and it does not export `upgrade`"
        ))
    }
}

/// What an activation did.
struct Crossed {
    next: ReplicaStart,
    changes: StoreChanges,
    snapshot: Option<SnapshotInfo>,
}

impl Replica {
    /// Does what an operator has ordered. `point` is the entry, without its digest.
    pub(super) fn order(
        &mut self,
        entry: &CommittedEntry,
        order: &Order,
        mut point: AppliedPoint,
        mut digest: EntryDigest,
    ) -> Result<EntryResult, ReplicaFault> {
        digest.add_order(&entry.body.encode());
        match order {
            Order::Activate(activation) => self.activate(*activation, point, digest),
            Order::Unfreeze => {
                point.poison.unfreeze();
                self.ordered(point, digest)
            }
            Order::FreezeAfter { traps } => {
                point.poison.set(entry.index, *traps);
                self.ordered(point, digest)
            }
        }
    }

    fn ordered(&mut self, mut point: AppliedPoint, digest: EntryDigest) -> Result<EntryResult, ReplicaFault> {
        point.digest = digest.finish();
        self.commit(StoreChanges::default(), &point)?;
        let index = point.index;
        self.applied = Arc::new(point);
        Ok(EntryResult {
            index,
            commands: Vec::new(),
            repeats: Vec::new(),
            checkpoint: None,
            activation: None,
            configuration: None,
        })
    }

    fn commit(&self, changes: StoreChanges, point: &AppliedPoint) -> Result<(), ReplicaFault> {
        match self.machine {
            Machine::Memory(_) => Ok(()),
            Machine::Store => {
                let committed = self.start.state.commit(changes, point);
                committed.map_err(ReplicaFault::while_doing("committing an entry"))
            }
        }
    }

    fn activate(
        &mut self,
        activation: Activation,
        point: AppliedPoint,
        digest: EntryDigest,
    ) -> Result<EntryResult, ReplicaFault> {
        let Activation { number, plugin } = activation;
        let (index, time_ms) = (point.index, point.time_ms);
        let with = |failure: Option<String>| {
            let mut digest = EntryDigest::clone(&digest);
            digest.add_activation(failure.is_none());
            let record = Arc::new(ActivationRecord { number, plugin, index, time_ms, failure });
            let activation = Some(record.clone());
            (AppliedPoint { digest: digest.finish(), activation, ..point.clone() }, record)
        };
        if let Some(last) = point.activation.as_ref().filter(|last| last.number >= number) {
            // Told twice, or of one that another has overtaken: what came of the last one stays what is known.
            let record = ActivationRecord {
                failure: Some(format!("upgrade {} of the group was activated before", last.number)),
                ..with(None).1.as_ref().clone()
            };
            let mut result = self.ordered(point, digest)?;
            result.activation = Some(Arc::new(record));
            return Ok(result);
        }
        let next = self.start.running(plugin)?;
        let (mut after, record) = with(None);
        after.active = Some(ActivePlugin { plugin, state_version: next.plugin.state_version() });
        after.poison.unfreeze();
        let mut result = EntryResult {
            index,
            commands: Vec::new(),
            repeats: Vec::new(),
            checkpoint: None,
            activation: Some(record),
            configuration: None,
        };
        match self.cross(next, &after)? {
            Ok(Crossed { next, changes, snapshot }) => {
                self.commit(changes, &after)?;
                self.start = Arc::new(next);
                self.growth = if snapshot.is_some() { Growth::default() } else { self.growth };
                result.checkpoint = snapshot.map(CheckpointResult::Taken);
                self.applied = Arc::new(after);
            }
            Err(mut failure) => {
                failure.truncate(failure.floor_char_boundary(FAILURE_BYTES_MAX));
                let (after, record) = with(Some(failure));
                self.commit(StoreChanges::default(), &after)?;
                result.activation = Some(record);
                self.applied = Arc::new(after);
            }
        }
        Ok(result)
    }

    /// Carries the state across to the plugin of `next`, as of the entry at `after`; or says why it stays as it is.
    fn cross(
        &mut self,
        next: ReplicaStart,
        after: &AppliedPoint,
    ) -> Result<Result<Crossed, String>, ReplicaFault> {
        let crossing = match crossing(self.start.plugin.as_ref(), next.plugin.as_ref()) {
            Ok(crossing) => crossing,
            Err(failure) => return Ok(Err(failure)),
        };
        let start = self.start.clone();
        let crossed = match &mut self.machine {
            Machine::Store => store::cross(&next, crossing, after.position())?.map(|changes| (changes, None)),
            Machine::Memory(machine) => {
                let crossed = machine.cross(&start, &next, crossing, after, &mut self.growth)?;
                crossed.map(|snapshot| (StoreChanges::default(), Some(snapshot)))
            }
        };
        Ok(match crossed {
            Ok((changes, snapshot)) => Ok(Crossed { next, changes, snapshot }),
            Err(failure) => Err(failure.to_string()),
        })
    }
}

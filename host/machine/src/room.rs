//! Room for instances: how many may live, of which kind, and who waits for one to end.
//!
//! An instance of a store machine lives for an entry or a query, so it is worth waiting for another one to end. One of a
//! memory machine lives as long as its replica is awake. Those that stay never take all the room: whoever can wait asks
//! first whether there is room to stay. What is left is for store machines, and for instances that are made in the place of
//! others or go soon, so that a machine that trapped, or is asked something, does not have to wait until another group sleeps.

use quorate_replica::ports::HostFault;
use quorate_vocabulary::MachineKind;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Of so many instances, one is left to those that do not stay.
const SHORT_LIVED_SHARE: u32 = 8;

/// The room of one engine.
pub(crate) struct Room {
    instances_max: u32,
    memory_machines_max: u32,
    wait: Duration,
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Default)]
struct Taken {
    all: u32,
    memory_machines: u32,
    /// How many instances have ended.
    ended: u64,
}

/// Room for one instance, given back when it is dropped.
pub(crate) struct Place {
    room: Arc<Room>,
    kind: MachineKind,
    used: bool,
}

impl Room {
    pub(crate) fn new(instances_max: u32, wait: Duration) -> Self {
        let memory_machines_max = (instances_max - instances_max / SHORT_LIVED_SHARE).max(1);
        Self { instances_max, memory_machines_max, wait, taken: Mutex::default(), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an instance once there is room. `make` gives none when the pool had no room after all: it is short of another
    /// thing than instances, such as memories. Then it is asked again when an instance has ended.
    pub(crate) fn make<T>(
        self: &Arc<Self>,
        kind: MachineKind,
        mut make: impl FnMut() -> Result<Option<T>, HostFault>,
    ) -> Result<(T, Place), HostFault> {
        let begun = Instant::now();
        let mut seen = None;
        loop {
            let (place, ended) = self.take(kind, begun, seen)?;
            if let Some(made) = make()? {
                return Ok((made, place));
            }
            place.leave_unused();
            seen = Some(ended);
        }
    }

    /// A place, and how many instances had ended then. With `seen`: only once more than so many have.
    fn take(
        self: &Arc<Self>,
        kind: MachineKind,
        begun: Instant,
        seen: Option<u64>,
    ) -> Result<(Place, u64), HostFault> {
        let mut taken = self.lock();
        loop {
            let no_news = seen.is_some_and(|seen| taken.ended == seen);
            if !no_news && taken.all < self.instances_max {
                taken.all += 1;
                taken.memory_machines += u32::from(kind == MachineKind::Memory);
                return Ok((Place { room: self.clone(), kind, used: true }, taken.ended));
            }
            let patience = self.wait.saturating_sub(begun.elapsed());
            if patience.is_zero() {
                return Err(self.full(&taken, kind));
            }
            let waited = self.freed.wait_timeout(taken, patience);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether there is room for one more instance of this kind that stays as long as such a one does.
    pub(crate) fn has_room_to_stay(&self, kind: MachineKind) -> bool {
        let taken = self.lock();
        let fits = kind == MachineKind::Store || taken.memory_machines < self.memory_machines_max;
        fits && taken.all < self.instances_max
    }

    fn full(&self, taken: &Taken, kind: MachineKind) -> HostFault {
        let Taken { all, memory_machines, .. } = taken;
        let max = self.instances_max;
        HostFault::no_room(format!(
            "this node has no room for another instance of a {kind} machine: {all} instances live, {memory_machines} of them of memory machines, and {max} may; raise plugin_instances_max or move groups to other nodes"
        ))
    }

    fn give_back(&self, kind: MachineKind, used: bool) {
        let mut taken = self.lock();
        taken.all = taken.all.saturating_sub(1);
        taken.memory_machines = taken.memory_machines.saturating_sub(u32::from(kind == MachineKind::Memory));
        taken.ended += u64::from(used);
        drop(taken);
        // All: whoever is woken may be one that this does not help.
        self.freed.notify_all();
    }

    /// How many instances live.
    pub(crate) fn instances(&self) -> u32 {
        self.lock().all
    }
}

impl Place {
    /// No instance came to be, so none ends.
    fn leave_unused(mut self) {
        self.used = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.give_back(self.kind, self.used);
    }
}

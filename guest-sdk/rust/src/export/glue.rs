//! The component's exports, in terms of the traits an author implements.

use super::answers::{Answer, Answers};
use crate::bindings::{lifecycle, snapshot, timers, upgrade};
use crate::{
    Callback, Context, Host, Level, Lifecycle, MemoryMachine, MemoryTimers, MemoryUpgrade, Position,
    Rejection, Reply, SnapshotReader, SnapshotWriter, Store, StoreMachine, StoreTimers, StoreUpgrade,
    StoreView, backend,
};
use lifecycle::exports::quorate::machine::lifecycle::Guest as LifecycleGuest;
use snapshot::exports::quorate::machine::snapshot::Guest as SnapshotGuest;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic;
use timers::exports::quorate::machine::timers::Guest as TimersGuest;
use upgrade::exports::quorate::machine::upgrade::Guest as UpgradeGuest;

fn answer(result: Result<Reply, Rejection>) -> Answer {
    result.map(Reply::into_bytes).map_err(Rejection::into_bytes)
}

/// There is no standard error: without this a panic would be a trap that says nothing.
fn log_panics() {
    thread_local! { static DONE: Cell<bool> = const { Cell::new(false) }; }
    if !DONE.replace(true) {
        panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("a panic without words");
            let line = panic.location().map_or_else(
                || format!("panicked: {message}"),
                |location| format!("panicked at {location}: {message}"),
            );
            backend::log(Level::Error, &line);
        }));
    }
}

/// A store machine, as the component model sees it.
#[derive(Debug)]
pub struct Stored<Machine>(PhantomData<Machine>);

impl<Machine: StoreMachine> Answers for Stored<Machine> {
    fn apply(index: u64, ordinal: u32, time_ms: u64, command: &[u8]) -> Answer {
        log_panics();
        let context = Context::new(Position { index, ordinal, time_ms });
        answer(Machine::default().apply(&context, &mut Store::new(), command))
    }

    fn query(request: &[u8]) -> Answer {
        log_panics();
        answer(Machine::default().query(&Host::new(), &StoreView::new(), request))
    }
}

/// Where the machine of an instance is.
pub trait MemorySlot {
    /// The machine's type.
    type Machine: MemoryMachine;

    /// Does something with it; there is none before the first call or load.
    fn with<Answer>(act: impl FnOnce(&mut Option<Self::Machine>) -> Answer) -> Answer;
}

/// A memory machine, as the component model sees it.
#[derive(Debug)]
pub struct Memory<Slot>(PhantomData<Slot>);

impl<Slot: MemorySlot> Memory<Slot> {
    fn with<Answer>(act: impl FnOnce(&mut Slot::Machine) -> Answer) -> Answer {
        log_panics();
        Slot::with(|machine| act(machine.get_or_insert_with(Slot::Machine::new)))
    }
}

impl<Slot: MemorySlot> Answers for Memory<Slot> {
    fn apply(index: u64, ordinal: u32, time_ms: u64, command: &[u8]) -> Answer {
        let context = Context::new(Position { index, ordinal, time_ms });
        Self::with(|machine| answer(machine.apply(&context, command)))
    }

    fn query(request: &[u8]) -> Answer {
        Self::with(|machine| answer(machine.query(&Host::new(), request)))
    }
}

impl<Slot: MemorySlot> SnapshotGuest for Memory<Slot> {
    fn save() -> Result<(), String> {
        let mut writer = SnapshotWriter::default();
        Self::with(|machine| machine.save(&mut writer)).map_err(|error| error.to_string())?;
        writer.finish();
        Ok(())
    }

    fn load() -> Result<(), String> {
        log_panics();
        let loaded =
            Slot::Machine::load(&mut SnapshotReader::default()).map_err(|error| error.to_string())?;
        Slot::with(|machine| *machine = Some(loaded));
        Ok(())
    }
}

impl<Machine: StoreTimers> TimersGuest for Stored<Machine> {
    fn fired(index: u64, ordinal: u32, time_ms: u64, id: u64) -> Result<(), Vec<u8>> {
        log_panics();
        let context = Context::new(Position { index, ordinal, time_ms });
        Machine::default().fired(&context, &mut Store::new(), id).map_err(Rejection::into_bytes)
    }
}

impl<Slot: MemorySlot> TimersGuest for Memory<Slot>
where
    Slot::Machine: MemoryTimers,
{
    fn fired(index: u64, ordinal: u32, time_ms: u64, id: u64) -> Result<(), Vec<u8>> {
        let context = Context::new(Position { index, ordinal, time_ms });
        Self::with(|machine| machine.fired(&context, id)).map_err(Rejection::into_bytes)
    }
}

impl<Machine: StoreUpgrade> UpgradeGuest for Stored<Machine> {
    fn state_version() -> u32 {
        Machine::STATE_VERSION
    }

    fn migrate(from_version: u32) -> Result<(), String> {
        log_panics();
        Machine::default().migrate(&mut Store::new(), from_version)
    }
}

impl<Slot: MemorySlot> UpgradeGuest for Memory<Slot>
where
    Slot::Machine: MemoryUpgrade,
{
    fn state_version() -> u32 {
        Slot::Machine::STATE_VERSION
    }

    fn migrate(from_version: u32) -> Result<(), String> {
        log_panics();
        let migrated = Slot::Machine::migrate(&mut SnapshotReader::default(), from_version);
        let migrated = migrated.map_err(|error| error.to_string())?;
        Slot::with(|machine| *machine = Some(migrated));
        Ok(())
    }
}

/// What can be told about its replica.
trait Observer {
    type Machine: Lifecycle;

    fn observe(act: impl FnOnce(&Self::Machine, &Callback<Self::Machine>));
}

impl<Machine: StoreMachine + Lifecycle> Observer for Stored<Machine> {
    type Machine = Machine;

    fn observe(act: impl FnOnce(&Machine, &Callback<Machine>)) {
        log_panics();
        act(&Machine::default(), &Callback::new());
    }
}

impl<Slot: MemorySlot> Observer for Memory<Slot>
where
    Slot::Machine: Lifecycle,
{
    type Machine = Slot::Machine;

    fn observe(act: impl FnOnce(&Slot::Machine, &Callback<Slot::Machine>)) {
        Self::with(|machine| act(machine, &Callback::new()));
    }
}

impl<Exported: Observer> LifecycleGuest for Exported {
    fn leader_start(term: u64) {
        Self::observe(|machine, callback| machine.leader_start(callback, term));
    }

    fn leader_stop(term: u64) {
        Self::observe(|machine, callback| machine.leader_stop(callback, term));
    }

    fn start_following(leader: u64, term: u64) {
        Self::observe(|machine, callback| machine.start_following(callback, leader, term));
    }

    fn stop_following(leader: u64, term: u64) {
        Self::observe(|machine, callback| machine.stop_following(callback, leader, term));
    }

    fn configuration_committed(index: u64, voters: Vec<u64>, learners: Vec<u64>) {
        Self::observe(|machine, callback| {
            machine.configuration_committed(callback, index, &voters, &learners)
        });
    }

    fn error(message: String) {
        Self::observe(|machine, callback| machine.error(callback, &message));
    }

    fn shutdown() {
        Self::observe(|machine, callback| machine.shutdown(callback));
    }
}

use crate::{MemoryMachine, SnapshotReader, Store, StoreMachine};
use std::io;

/// A store machine that takes over states of other versions of itself. Export it with
/// `export_store_machine!(Machine, upgrade)`.
pub trait StoreUpgrade: StoreMachine {
    /// The version of the state. A machine without this trait has version 0.
    const STATE_VERSION: u32;

    /// Brings what the store holds from version `from`, which is not [`STATE_VERSION`](Self::STATE_VERSION), to this one. Runs
    /// once, on every replica alike, at the place in the log where the group begins to run this plugin.
    ///
    /// # Errors
    /// When it cannot: the group then goes on with the version that it ran, and with the state it had.
    fn migrate(&self, store: &mut Store, from: u32) -> Result<(), String>;
}

/// A memory machine that takes over states of other versions of itself. Export it with
/// `export_memory_machine!(Machine, upgrade)`.
pub trait MemoryUpgrade: MemoryMachine {
    /// The version of the state. A machine without this trait has version 0.
    const STATE_VERSION: u32;

    /// Reads what version `from`, which is not [`STATE_VERSION`](Self::STATE_VERSION), has saved. Runs once, on every replica
    /// alike, at the place in the log where the group begins to run this plugin; from then on
    /// [`load`](MemoryMachine::load) reads what this version saves.
    ///
    /// # Errors
    /// When it cannot: the group then goes on with the version that it ran, and with the state it had.
    fn migrate(snapshot: &mut SnapshotReader, from: u32) -> io::Result<Self>;
}

use crate::{Context, MemoryMachine, Rejection, Store, StoreMachine};

/// A store machine that sets timers. Export it with `export_store_machine!(Machine, timers)`.
pub trait StoreTimers: StoreMachine {
    /// A timer that [`Context::set_timer`] set is due, and pending no more. Runs on every replica alike, at a place in the
    /// log, as a command does.
    ///
    /// # Errors
    /// After a rejection what was written is dropped, and the timer is gone all the same.
    fn fired(&self, context: &Context, store: &mut Store, id: u64) -> Result<(), Rejection>;
}

/// A memory machine that sets timers. Export it with `export_memory_machine!(Machine, timers)`.
pub trait MemoryTimers: MemoryMachine {
    /// A timer that [`Context::set_timer`] set is due, and pending no more. Runs on every replica alike, at a place in the
    /// log, as a command does.
    ///
    /// # Errors
    /// After a rejection the state must be as it was before; the timer is gone all the same.
    fn fired(&mut self, context: &Context, id: u64) -> Result<(), Rejection>;
}

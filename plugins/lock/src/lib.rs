//! Locks with fencing tokens, leases by the time of the log, and a fair queue of those who wait.
//!
//! Commands and queries are text; the README lists them.

mod command;
mod keys;
mod locks;
mod query;
mod record;
#[cfg(test)]
mod tests;

use command::Command;
use locks::Locks;
use query::Query;
use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreTimers, StoreView};

/// The machine. Its state is in the store: see `keys`.
#[derive(Debug, Default)]
pub struct Lock;

impl StoreMachine for Lock {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        let command = Command::parse(command)?;
        let mut locks = Locks::new(context, store);
        let reply = command.apply(&mut locks)?;
        locks.set_timer();
        Ok(reply.into())
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Query::parse(request)?.answer(store)?.into())
    }
}

impl StoreTimers for Lock {
    /// Leases and patience have ended.
    fn fired(&self, context: &Context, store: &mut Store, _id: u64) -> Result<(), Rejection> {
        let mut locks = Locks::new(context, store);
        locks.end_what_is_due();
        locks.set_timer();
        Ok(())
    }
}

quorate_guest::export_store_machine!(Lock, timers);

//! Queues whose messages come back until they are acknowledged, and become dead letters when that happens too often.
//!
//! Commands and queries are text; the README lists them.

mod command;
mod keys;
mod query;
mod queues;
mod record;
#[cfg(test)]
mod tests;

use command::Command;
use query::Query;
use queues::Queues;
use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreTimers, StoreView};

/// The machine. Its state is in the store: see `keys`.
#[derive(Debug, Default)]
pub struct Queue;

impl StoreMachine for Queue {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        let command = Command::parse(command)?;
        let mut queues = Queues::new(context, store);
        let reply = command.apply(&mut queues)?;
        queues.set_timer();
        Ok(reply.into())
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Query::parse(request)?.answer(store)?.into())
    }
}

impl StoreTimers for Queue {
    /// Messages come back.
    fn fired(&self, context: &Context, store: &mut Store, _id: u64) -> Result<(), Rejection> {
        let mut queues = Queues::new(context, store);
        queues.bring_back_what_is_due();
        queues.set_timer();
        Ok(())
    }
}

quorate_guest::export_store_machine!(Queue, timers);

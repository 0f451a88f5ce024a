//! Keys and values in order: a store machine that a person can type at.
//!
//! Commands and queries are text; the README lists them.

mod apply;
mod command;
mod keys;
mod leaders;
mod query;
#[cfg(test)]
mod tests;

use command::Command;
use query::Query;
use quorate_guest::{Callback, Context, Host, Lifecycle, Rejection, Reply, Store, StoreMachine, StoreView};

/// The machine. Its state is in the store: see `keys`.
#[derive(Debug, Default)]
pub struct Kv;

impl StoreMachine for Kv {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        Ok(Command::parse(command)?.apply(context, store)?)
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Query::parse(request)?.answer(store)?)
    }
}

impl Lifecycle for Kv {
    /// What this replica is told is put in the log, so that every replica can show it.
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.info(format_args!("leads in term {term}"));
        callback.propose(format!("note-leader {term}"));
    }
}

quorate_guest::export_store_machine!(Kv, lifecycle);

//! The next version of `kv`, which keeps one key more: for tests of upgrades. It does what `kv` does.

#[path = "../../kv/src/apply.rs"]
mod apply;
#[path = "../../kv/src/command.rs"]
mod command;
#[path = "../../kv/src/keys.rs"]
mod keys;
#[path = "../../kv/src/leaders.rs"]
mod leaders;
#[path = "../../kv/src/query.rs"]
mod query;

use command::Command;
use query::Query;
use quorate_guest::{
    Callback, Context, Host, Lifecycle, Rejection, Reply, Store, StoreMachine, StoreUpgrade, StoreView,
};

/// The machine.
#[derive(Debug, Default)]
pub struct SecondKv;

impl StoreMachine for SecondKv {
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        Ok(Command::parse(command)?.apply(context, store)?)
    }

    fn query(&self, _host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Query::parse(request)?.answer(store)?)
    }
}

impl Lifecycle for SecondKv {
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.propose(format!("note-leader {term}"));
    }
}

impl StoreUpgrade for SecondKv {
    const STATE_VERSION: u32 = 2;

    /// Panics, after it has changed much, where the key `trap-migrate` is set.
    fn migrate(&self, store: &mut Store, from: u32) -> Result<(), String> {
        store.put(keys::entry(b"migrated-from"), from.to_string());
        let traps = store.get(keys::entry(b"trap-migrate")).is_some();
        assert!(!traps, "a migration that traps, as asked");
        Ok(())
    }
}

quorate_guest::export_store_machine!(SecondKv, lifecycle, upgrade);

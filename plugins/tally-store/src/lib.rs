//! A store machine with next to nothing to do: for benchmarks only.

use quorate_guest::{Context, Host, Rejection, Reply, Store, StoreMachine, StoreView};
use tally::Cells;

/// The machine.
#[derive(Debug, Default)]
pub struct TallyStore;

struct StoreCells<'a>(&'a mut Store);

impl Cells for StoreCells<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.put(key, value);
    }
}

impl StoreMachine for TallyStore {
    fn apply(&self, _context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection> {
        Ok(tally::exchange(&mut StoreCells(store), command).into())
    }

    fn query(&self, _host: &Host, _store: &StoreView, _request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Reply::empty())
    }
}

quorate_guest::export_store_machine!(TallyStore);

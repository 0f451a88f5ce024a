//! A memory machine with next to nothing to do: for benchmarks only.

use quorate_guest::{Context, Host, MemoryMachine, Rejection, Reply, SnapshotReader, SnapshotWriter};
use std::io;
use tally::Tally;

/// The machine.
#[derive(Debug, Default)]
pub struct TallyMemory(Tally);

impl MemoryMachine for TallyMemory {
    fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, _context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        Ok(self.0.apply(command).into())
    }

    fn query(&self, _host: &Host, _request: &[u8]) -> Result<Reply, Rejection> {
        Ok(Reply::empty())
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        self.0.save(snapshot)
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        Tally::load(snapshot).map(Self)
    }
}

quorate_guest::export_memory_machine!(TallyMemory);

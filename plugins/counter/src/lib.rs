//! A number that many can add to: the smallest memory machine worth running.
//!
//! Commands and queries are text; the README lists them.

mod command;
mod state;
#[cfg(test)]
mod tests;

use command::{Command, Query};
use quorate_guest::{
    Callback, Context, Host, Lifecycle, MemoryMachine, Rejection, Reply, SnapshotReader, SnapshotWriter,
};
use state::{Leader, State};
use std::io;

/// The machine.
#[derive(Debug, Default)]
pub struct Counter {
    state: State,
}

impl MemoryMachine for Counter {
    fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        match Command::parse(command)? {
            Command::Add(amount) => self.change(context, self.state.value.checked_add(amount), "add", amount),
            Command::Subtract(amount) => {
                self.change(context, self.state.value.checked_sub(amount), "subtract", amount)
            }
            Command::NoteLeader { term } => {
                self.state.note(Leader { term, index: context.position().index });
                Ok(Reply::empty())
            }
            Command::Trap => panic!("the command `trap` always ends so"),
        }
    }

    fn query(&self, _host: &Host, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(match Query::parse(request)? {
            Query::Get => self.state.value.to_string().into(),
            Query::Leaders => self.state.leaders_text().into(),
        })
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        self.state.write(snapshot)
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        Ok(Self { state: State::read(snapshot)? })
    }
}

impl Counter {
    fn change(
        &mut self,
        context: &Context,
        changed: Option<u64>,
        verb: &str,
        amount: u64,
    ) -> Result<Reply, Rejection> {
        let value = changed.ok_or_else(|| {
            format!(
                "cannot {verb} {amount}: the value is {} and must stay from 0 to {}",
                self.state.value,
                u64::MAX
            )
        })?;
        self.state.value = value;
        let text = value.to_string();
        context.emit("changed", &text);
        Ok(text.into())
    }
}

impl Lifecycle for Counter {
    /// What this replica is told is put in the log, so that every replica can show it.
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.info(format_args!("leads in term {term}"));
        callback.propose(format!("note-leader {term}"));
    }
}

quorate_guest::export_memory_machine!(Counter, lifecycle);

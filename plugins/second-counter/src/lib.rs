//! The next version of `counter`, which saves its state otherwise: for tests of upgrades. It does what `counter` does, and
//! knows whence it came.

#[path = "../../counter/src/command.rs"]
mod command;
#[path = "../../counter/src/state.rs"]
mod state;

use command::{Command, Query};
use quorate_guest::{
    Callback, Context, Host, Lifecycle, MemoryMachine, MemoryUpgrade, Rejection, Reply, SnapshotReader,
    SnapshotWriter,
};
use state::{Leader, State};
use std::io::{self, Read, Write};

/// What stands before the state, in which the first version has nothing.
const MARK: &[u8; 6] = b"second";

/// At this value the migration panics.
const TRAPS_AT: u64 = 13;

/// The machine.
#[derive(Debug, Default)]
pub struct SecondCounter {
    state: State,
}

impl MemoryMachine for SecondCounter {
    fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        let changed = match Command::parse(command)? {
            Command::Add(amount) => self.state.value.checked_add(amount),
            Command::Subtract(amount) => self.state.value.checked_sub(amount),
            Command::NoteLeader { term } => {
                self.state.note(Leader { term, index: context.position().index });
                return Ok(Reply::empty());
            }
            Command::Trap => panic!("the command `trap` always ends so"),
        };
        self.state.value = changed.ok_or("out of range")?;
        Ok(self.state.value.to_string().into())
    }

    fn query(&self, _host: &Host, request: &[u8]) -> Result<Reply, Rejection> {
        Ok(match Query::parse(request)? {
            Query::Get => self.state.value.to_string().into(),
            Query::Leaders => self.state.leaders_text().into(),
        })
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        snapshot.write_all(MARK)?;
        self.state.write(snapshot)
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        let mut mark = [0; MARK.len()];
        snapshot.read_exact(&mut mark)?;
        if mark != *MARK {
            return Err(io::Error::other("this is not the state of the second version"));
        }
        Ok(Self { state: State::read(snapshot)? })
    }
}

impl Lifecycle for SecondCounter {
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.propose(format!("note-leader {term}"));
    }
}

impl MemoryUpgrade for SecondCounter {
    const STATE_VERSION: u32 = 2;

    fn migrate(snapshot: &mut SnapshotReader, from: u32) -> io::Result<Self> {
        if from != 0 {
            return Err(io::Error::other("only the first version is known"));
        }
        let state = State::read(snapshot)?;
        assert!(state.value != TRAPS_AT, "a migration that traps, as asked");
        Ok(Self { state })
    }
}

quorate_guest::export_memory_machine!(SecondCounter, lifecycle, upgrade);

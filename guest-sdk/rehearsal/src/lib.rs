//! Runs a plugin through a script, as a group of one replica would: what it is sent and told, and what must come of it.
//!
//! A [`Script`] is a TOML file of cases. [`run`] plays each case on a replica of its own, which has a log, a store and
//! snapshots in memory, and at the end of each restarts the replica and demands that it comes to the same state again.
//! Nothing but the script decides what happens. The group's own first entry is at index 1, so a script's first is at index 2;
//! the log's time begins at [`TIME_MS`] and goes on by a millisecond with each entry of commands.

mod act;
mod data;
mod failure;
mod script;
mod stage;

pub use act::{Subject, Summary, run, run_case};
pub use data::Data;
pub use failure::{CaseFailure, ScriptError};
pub use script::{Case, Expected, FormerState, Script, Step};
pub use stage::{Stage, TIME_MS};

//! The database of the stores of store machines. Nothing here is synced by itself, because the log has it all: whoever
//! cuts a log asks first for what is there to be made durable.

mod database;
mod group;
mod keys;
mod loader;
mod table_writer;
mod tables;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use database::{OpenDatabase, StateDatabase, ingest};
pub use group::GroupState;
pub(crate) use keys::DataKeys;
pub(crate) use table_writer::{Table, TableWriter};
pub(crate) use view::View;

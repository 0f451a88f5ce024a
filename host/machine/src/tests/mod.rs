//! Plugins written by hand in the text format of WebAssembly, each a few instructions that do what a test is about.

mod code_cache;
mod engine;
mod fuel;
mod golden_fuel;
mod host;
pub(crate) mod kit;
mod lifecycle;
mod memory;
mod room;
mod snapshots;
mod store;
mod timers;
mod traps;
mod upgrade;
mod wasi;

mod determinism;
mod harness;
mod memory;
mod observer;
mod output;
mod snapshots;
mod store;
mod timers;

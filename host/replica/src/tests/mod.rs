mod background;
mod determinism;
mod harness;
mod memory;
mod observer;
mod snapshots;
mod store;
mod timers;

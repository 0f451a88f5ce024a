//! Whole nodes' halves against each other, over real connections on this machine.

mod catalog;
mod hellos;
mod lanes;
mod limits;
mod plugins;
mod snapshots;
mod snapshots_received;
mod support;

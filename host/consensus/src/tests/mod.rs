//! A shard seen from outside: one at a time, and many as a cluster under faults.

mod chaos;
mod checks;
mod cluster;
mod commands;
mod disk;
mod elections;
mod hibernation;
mod idle;
mod inflight;
mod leases;
mod logs;
mod lone;
mod members;
mod node;
mod opening;
mod priorities;
mod promotions;
mod reads;
mod recovery;
mod rules;
mod snapshots;
mod transfer;
mod wire;
mod witnesses;

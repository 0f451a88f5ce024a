//! Real processes on loopback: the harness of the end-to-end tests.
//!
//! A [`Cluster`] is some `quorate serve` processes, each with a configuration and a data folder of its own under
//! one temporary folder. They can be killed, started again and asked. Everything waits for a condition, never for
//! an amount of time; [`wait::PATIENCE`] only ends a test that would hang.

pub mod ask;
mod cluster;
pub mod damage;
mod environment;
pub mod kills;
mod node;
mod quorate;
pub mod wait;
mod walk;

pub use cluster::{Cluster, Settings};
pub use environment::{binary, component, skipped};
pub use node::Node;
pub use quorate::{Output, quorate, quorate_in};
pub use walk::Walk;

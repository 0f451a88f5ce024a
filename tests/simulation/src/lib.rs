//! A whole cluster on one thread, from one seed: the real rooms of the host that do no IO, with virtual time, a network, disks
//! and clocks that are as bad as they may be, and checks after every step.
//!
//! ```text
//!   actions ──► Node: inbox ─► Shard ─► effects ─► log writer ─► Disk     what survives a crash
//!   (clients,         ▲                     ├───► Network ─► other nodes  drops, delays, doubles, divides
//!    crashes,         │                     └───► apply ─► Replica, Observer
//!    members)         └──────────────────────────────┘
//!                           checks: leaders, logs, states, snapshots, histories
//! ```
//!
//! A run is decided by its seed: the same seed gives the same trace. Every violation names the command that shows it again.

mod actions;
mod campaign;
mod checks;
mod clock;
mod cluster;
mod disk;
mod events;
mod faults;
pub mod history;
mod keeping;
mod machine;
mod network;
mod node;
mod plan;
mod planted;
mod random;
mod report;
mod shrink;
mod trace;

pub use campaign::{Campaign, Caught, catch, run_seeds};
pub use checks::{Invariant, Violation};
pub use faults::FaultKind;
pub use planted::Bug;
pub use report::{Coverage, Outcome, Settings};
pub use shrink::shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs one seed.
#[must_use]
pub fn run(settings: &Settings) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| cluster::Simulation::new(settings.clone()).run()));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let what = text.unwrap_or_else(|| "it does not say why".to_owned());
        let violation = Violation { invariant: Invariant::Panic, what, step: settings.steps };
        let coverage = Coverage::default();
        Outcome { violation: Some(violation), trace_hash: 0, trace: Vec::new(), coverage }
    })
}

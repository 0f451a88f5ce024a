//! What was found out, before anything is made of it.

use super::{crash::Crash, packages::Packages, replicas::Settled, tally::Counts};

/// What a replica answers when it is asked on its own, without the others.
#[derive(Clone, Debug)]
pub(super) struct Alone {
    /// The node that holds it.
    pub(super) node: u64,
    /// The number of its counter.
    pub(super) total: u64,
    /// The pairs of its kv.
    pub(super) pairs: Packages,
}

/// What is known of a group.
#[derive(Clone, Debug)]
pub(super) struct GroupFacts {
    pub(super) name: &'static str,
    pub(super) counts: Counts,
    pub(super) snapshot_bytes: u64,
    pub(super) settled: Settled,
}

/// All that the checks and the report are made of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// What was to be stored.
    pub(super) packages: Packages,
    /// How often was to be counted.
    pub(super) increments: u64,
    pub(super) crash: Crash,
    pub(super) counter: GroupFacts,
    pub(super) kv: GroupFacts,
    /// The number of the counter.
    pub(super) total: u64,
    /// The pairs of the kv.
    pub(super) pairs: Packages,
    pub(super) alone: Vec<Alone>,
}

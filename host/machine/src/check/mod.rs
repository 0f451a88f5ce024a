//! What is known of a plugin before any of its code is compiled or run.

mod limits;

pub use limits::PluginLimits;

use quorate_vocabulary::{MachineKind, PluginDigest};

/// A plugin whose bytes keep the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlugin {
    /// The SHA-256 of its bytes.
    pub digest: PluginDigest,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where it keeps its state.
    pub kind: MachineKind,
    /// Whether it wants to be told about its replica.
    pub has_lifecycle: bool,
}

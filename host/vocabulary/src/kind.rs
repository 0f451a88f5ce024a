use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a machine keeps its state, which decides how its instances live and how it is snapshotted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineKind {
    /// State in linear memory; exports `snapshot`.
    Memory,
    /// State in the host's ordered store; imports `store`.
    Store,
}

impl fmt::Display for MachineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Memory => "memory",
            Self::Store => "store",
        })
    }
}

/// How the checkpoints of a group with a memory machine are taken. A store machine never waits for its snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointMode {
    /// Commands wait while the machine saves and loads.
    #[default]
    Inline,
    /// Another instance saves and loads while commands go on, and then takes over. Takes more memory.
    Background,
}

impl fmt::Display for CheckpointMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Inline => "inline",
            Self::Background => "background",
        })
    }
}

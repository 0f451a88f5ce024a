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

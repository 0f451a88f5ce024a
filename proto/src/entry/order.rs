//! What operators have groups do by way of their logs.

use super::EntryError;
use crate::log::v1 as wire;
use bytes::Bytes;
use quorate_vocabulary::PluginDigest;

/// What an operator has a group do, at one place of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run another plugin from here on.
    Activate(Activation),
    /// Take commands again, after too many have trapped.
    Unfreeze,
    /// Take no more commands once so many have trapped in a row; 0: go on whatever traps.
    FreezeAfter {
        /// How many.
        traps: u32,
    },
}

/// Which plugin a group is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Which upgrade of the group; one that is not above the last does nothing.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginDigest,
}

impl From<&Order> for wire::order::Order {
    fn from(order: &Order) -> Self {
        match order {
            Order::Activate(Activation { number, plugin }) => Self::Activate(wire::Activate {
                number: *number,
                plugin: Bytes::copy_from_slice(plugin.as_bytes()),
            }),
            Order::Unfreeze => Self::Unfreeze(wire::Unfreeze {}),
            Order::FreezeAfter { traps } => Self::FreezeAfter(wire::FreezeAfter { traps: *traps }),
        }
    }
}

impl TryFrom<wire::order::Order> for Order {
    type Error = EntryError;

    fn try_from(message: wire::order::Order) -> Result<Self, EntryError> {
        Ok(match message {
            wire::order::Order::Activate(wire::Activate { number, plugin }) => {
                let plugin = PluginDigest::try_from(plugin.as_ref())
                    .map_err(|error| EntryError::Damaged { cause: error.to_string() })?;
                Self::Activate(Activation { number, plugin })
            }
            wire::order::Order::Unfreeze(wire::Unfreeze {}) => Self::Unfreeze,
            wire::order::Order::FreezeAfter(wire::FreezeAfter { traps }) => Self::FreezeAfter { traps },
        })
    }
}

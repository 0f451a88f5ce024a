//! What calls of the host cost.
//!
//! One unit of fuel is one WebAssembly instruction, and wasmtime charges bulk instructions by the byte. Calls of the
//! host are charged here, by what they copy and by what they make the host do, so that a loop of them ends about as
//! soon as a loop of anything else. Every number here decides where commands trap: changing one changes the engine's
//! fingerprint, by way of [`COSTS_VERSION`].

use crate::state::State;
use wasmtime::{AsContextMut, Result, Trap};

/// To be raised with any change of the costs.
pub(crate) const COSTS_VERSION: u32 = 1;

/// Any call of the host.
pub(crate) const CALL: u64 = 100;
/// Each byte that is copied into or out of the plugin's memory.
const BYTE: u64 = 1;
/// A read of the store, which may go to the disk.
pub(crate) const STORE_READ: u64 = 2_000;
/// A write to the store, which every replica keeps in memory and then writes.
pub(crate) const STORE_WRITE: u64 = 1_000;
/// Each pair that a scan gives.
pub(crate) const STORE_PAIR: u64 = 200;
/// A log line, an event or a proposal, which others handle.
pub(crate) const EFFECT: u64 = 1_000;

/// What instantiating a plugin may burn, whatever the group's limits: it happens outside of any command.
pub(crate) const START: u64 = 100_000_000;

/// What copying so many bytes costs.
pub(crate) fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(BYTE)
}

/// Takes fuel from the call that runs, which traps when there is not enough.
pub(crate) fn charge(mut context: impl AsContextMut<Data = State>, cost: u64) -> Result<()> {
    let mut context = context.as_context_mut();
    match context.get_fuel()?.checked_sub(cost) {
        Some(rest) => context.set_fuel(rest),
        None => {
            context.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

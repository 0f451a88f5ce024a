//! How a call into a plugin ended, told from what wasmtime gives back.

use crate::{
    state::{State, Stop},
    text::shown,
};
use quorate_replica::ports::{HostFault, Trap, TrapKind};
use wasmtime::{Error, OutOfMemory};

/// wasmtime's words for a call of the host that copies more than `set_hostcall_fuel` allows; the error's type is private.
/// A test fails if the words change.
const COPIED_TOO_MUCH: &str = "too much data is being copied between the host and the guest";

/// wasmtime's words for a function that is only there to trap. A test fails if the words change.
const NOT_OFFERED: &str = "unknown import: `";

/// Who ends a call when the watchdog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watchdog {
    /// Only this replica's call, so it is a fault of this host.
    IsFault,
    /// A query or callback, which has no part in what is replicated.
    IsTrap,
}

/// Tells a trap, which is the plugin's doing, from a fault of the host.
// By value: the error ends here.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn classify(error: Error, state: &mut State, watchdog: Watchdog) -> Result<Trap, HostFault> {
    match state.take_stop() {
        Some(Stop::Fault(fault)) => return Err(fault),
        Some(Stop::Trap(trap)) => return Ok(trap),
        None => {}
    }
    if let Some(error) = error.downcast_ref::<OutOfMemory>() {
        return Err(HostFault::because(format!("running a plugin: {error}")));
    }
    let trap = |kind, message: String| Ok(Trap { kind, message });
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => {
            trap(TrapKind::OutOfFuel, "it burnt all the fuel the group gives a call".into())
        }
        Some(wasmtime::Trap::StackOverflow) => {
            trap(TrapKind::StackOverflow, "it recursed deeper than the stack allows".into())
        }
        Some(wasmtime::Trap::Interrupt) => match watchdog {
            Watchdog::IsTrap => trap(TrapKind::Watchdog, "it took longer than this node allows".into()),
            Watchdog::IsFault => Err(HostFault::because(
                "the watchdog ended a plugin's call: it had fuel left, so this machine is too slow or overloaded",
            )),
        },
        _ if state.memory.refused => trap(
            TrapKind::OutOfMemory,
            format!(
                "it trapped after its memory was not let grow past the {} bytes the group allows",
                state.limits.memory_bytes_max
            ),
        ),
        Some(instruction) => {
            trap(TrapKind::Instruction, instruction.to_string().trim_start_matches("wasm trap: ").to_owned())
        }
        None => {
            let cause = error.root_cause().to_string();
            if cause.starts_with(COPIED_TOO_MUCH) {
                let max = state.limits.host_call_bytes_max;
                return trap(
                    TrapKind::LimitExceeded,
                    format!(
                        "one call copied more out of the plugin's memory than the {max} bytes the group allows"
                    ),
                );
            }
            if let Some(name) = cause.strip_prefix(NOT_OFFERED) {
                let name = name.split('`').next().unwrap_or(name);
                return trap(TrapKind::NotAllowed, format!("this host does not offer {}", shown(name)));
            }
            trap(TrapKind::Instruction, format!("it broke the component ABI: {}", shown(&cause)))
        }
    }
}

//! The hostile plugins, by what they try.

mod abi;
mod binaries;
mod callbacks;
mod compiling;
mod contract;
mod determinism;
mod floods;
mod loops;
mod memory;
mod snapshots;
mod start;
mod stores;
mod timers;

use crate::Case;

/// A topic and its cases.
pub type Topic = (&'static str, fn() -> Vec<Case>);

/// All topics.
pub const TOPICS: &[Topic] = &[
    ("abi", abi::cases),
    ("binaries", binaries::cases),
    ("callbacks", callbacks::cases),
    ("compiling", compiling::cases),
    ("contract", contract::cases),
    ("determinism", determinism::cases),
    ("floods", floods::cases),
    ("loops", loops::cases),
    ("memory", memory::cases),
    ("snapshots", snapshots::cases),
    ("start", start::cases),
    ("stores", stores::cases),
    ("timers", timers::cases),
];

/// Every case of every topic.
#[must_use]
pub fn all() -> Vec<Case> {
    TOPICS.iter().flat_map(|(_, cases)| cases()).collect()
}

/// An answer of no bytes.
const OK: &str = "(call $ok (i32.const 0) (i32.const 0))";
/// What save and load answer when all went well.
const SAVED: &str = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))";
/// Loops for ever.
const FOR_EVER: &str = "(loop $for-ever (br $for-ever)) unreachable";
/// Traps if the command or request begins with `x`.
const TRAP_ON_X: &str = "(if (local.get $len) (then
    (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 120)) (then unreachable))))";

/// Does something until it is ended.
fn again_and_again(body: &str) -> String {
    format!("(loop $for-ever {body} (br $for-ever)) unreachable")
}

//! The hostile plugins, by what they try.

mod abi;
mod background;
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
mod upgrades;

use crate::Case;

/// A topic and its cases.
pub struct Topic {
    /// What it is called here.
    pub name: &'static str,
    /// What it is called in the book.
    pub title: &'static str,
    /// Its cases.
    pub cases: fn() -> Vec<Case>,
}

macro_rules! topics {
    ($($name:ident: $title:expr;)*) => {
        /// All topics.
        pub const TOPICS: &[Topic] =
            &[$(Topic { name: stringify!($name), title: $title, cases: $name::cases }),*];
    };
}

topics! {
    abi: "The rules between a component and its host, broken";
    background: "Saves and loads in checkpoints that are prepared in the background";
    binaries: "Bytes that are no component, and what plugins may not have";
    callbacks: "Callbacks and queries";
    compiling: "Small components that would keep a compiler busy, or unfold to something huge";
    contract: "Components that are not of this contract";
    determinism: "The doors by which replicas could come to differ";
    floods: "Too much of what leaves a plugin";
    loops: "What never comes to an end";
    memory: "Memory and tables without end";
    snapshots: "Snapshots that lie, flood or break";
    start: "What goes wrong before the first call";
    stores: "The store, filled and asked too much";
    timers: "Timers";
    upgrades: "New versions that do not want the state of the one before, or too much of it";
}

/// Every case of every topic.
#[must_use]
pub fn all() -> Vec<Case> {
    TOPICS.iter().flat_map(|topic| (topic.cases)()).collect()
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

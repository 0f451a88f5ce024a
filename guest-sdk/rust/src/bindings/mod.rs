//! Generated from the contract by `tests/bindings.rs`.

pub mod imports;
pub mod lifecycle;
pub mod machine;
pub mod snapshot;
pub mod timers;
pub mod upgrade;

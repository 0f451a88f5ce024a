//! Plugins at work: the wasmtime engine, the contract, the limits and the sandbox.
//!
//! A node makes one [`Engine`]. [`Engine::check`] judges uploaded bytes, [`Engine::compile`] makes a
//! [`CompiledPlugin`] of them, which is the `Plugin` of the room `replica`.
//!
//! What is not in here, on purpose: nothing decides which instance a call runs on, or what a trap means for a group
//! (`replica` does), and no code a plugin could reach reads a clock, a file or the network.

mod check;
mod code_cache;
mod config;
mod engine;
mod fingerprint;
mod fuel;
mod imports;
mod instance;
mod map_limit;
mod memory;
mod outcome;
mod plugin;
mod printed;
mod random;
mod refusal;
mod room;
mod settings;
mod state;
mod text;

#[cfg(test)]
mod tests;

pub use check::{CheckedPlugin, PluginLimits};
pub use code_cache::CodeCacheConfig;
pub use config::EngineConfig;
pub use engine::{Engine, EngineError};
pub use fingerprint::EngineFingerprint;
pub use plugin::{CodeOrigin, CompiledPlugin};
pub use refusal::PluginRefusal;

/// The version of the contract (`wit/machine.wit`) this host keeps.
pub const CONTRACT_VERSION: &str = "0.1.0";

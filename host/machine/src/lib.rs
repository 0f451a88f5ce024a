//! Plugins at work: the wasmtime engine, the contract, the limits and the sandbox.
//!
//! A node makes one [`Engine`]. [`Engine::check`] judges uploaded bytes, [`Engine::compile`] makes a
//! [`CompiledPlugin`] of them, which is the `Plugin` of the room `replica`.

mod check;
mod config;
mod engine;
mod fingerprint;
mod plugin;
mod refusal;

pub use check::{CheckedPlugin, PluginLimits};
pub use config::EngineConfig;
pub use engine::{Engine, EngineError};
pub use fingerprint::EngineFingerprint;
pub use plugin::CompiledPlugin;
pub use refusal::PluginRefusal;

/// The version of the contract (`wit/machine.wit`) this host keeps.
pub const CONTRACT_VERSION: &str = "0.1.0";

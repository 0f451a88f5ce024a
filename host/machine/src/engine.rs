use crate::{CheckedPlugin, CompiledPlugin, EngineConfig, EngineFingerprint, PluginRefusal};
use std::sync::Arc;

/// A node's engine: checks, compiles and runs plugins. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    fingerprint: Arc<EngineFingerprint>,
}

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the settings or found no room for its pool of instances.
    #[error(
        "the WebAssembly engine does not start: {reason}. If it is short of address space, lower the engine's instances_max or memory_reservation_bytes"
    )]
    Refused {
        /// What it said.
        reason: String,
    },
}

impl Engine {
    /// An engine with these settings.
    ///
    /// # Errors
    /// If wasmtime refuses the settings or there is no address space for the pool of instances.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let _ = config;
        todo!()
    }

    /// What must be equal on two nodes for a group to run on both.
    #[must_use]
    pub fn fingerprint(&self) -> &EngineFingerprint {
        &self.fingerprint
    }

    /// Advances the watchdog's clock. To be called at a steady rate (every 100 ms for the default limits); without
    /// it no query, callback or command is ever ended by the watchdog.
    pub fn tick(&self) {
        todo!()
    }

    /// Checks bytes that are uploaded as a plugin, without compiling them.
    ///
    /// # Errors
    /// If they are no plugin of this host's contract, or one larger than the limits.
    pub fn check(&self, bytes: &[u8]) -> Result<CheckedPlugin, PluginRefusal> {
        let _ = bytes;
        todo!()
    }

    /// Checks and compiles a plugin. Takes up to seconds for large ones: never call it on a thread that others
    /// wait for.
    ///
    /// # Errors
    /// If the plugin is refused by [`check`](Self::check) or does not compile.
    pub fn compile(&self, bytes: &[u8]) -> Result<Arc<CompiledPlugin>, PluginRefusal> {
        let _ = bytes;
        todo!()
    }
}

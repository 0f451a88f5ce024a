use crate::{
    CheckedPlugin, CompiledPlugin, EngineConfig, EngineFingerprint, PluginRefusal,
    check::{self, FEATURES},
    imports,
    plugin::{Exports, Inner},
    settings,
    state::State,
    text::shown,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use wasmtime::component::{Component, Linker};

/// A node's engine: checks, compiles and runs plugins. Cheap to clone; every clone is the same engine.
///
/// Threads that call instances need a stack of at least `wasm_stack_bytes` of the configuration and one MiB more.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    config: Arc<EngineConfig>,
    fingerprint: EngineFingerprint,
    /// Held while compiling, so that no number of uploads makes the compiler take several times its memory.
    compiling: Mutex<()>,
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
        let refused = |error: wasmtime::Error| EngineError::Refused { reason: format!("{error:#}") };
        let wasmtime_config = settings::config(config, FEATURES).map_err(refused)?;
        let engine = wasmtime::Engine::new(&wasmtime_config).map_err(refused)?;
        let linker = imports::linker(&engine).map_err(refused)?;
        Ok(Self {
            inner: Arc::new(EngineInner {
                engine,
                linker,
                config: Arc::new(config.clone()),
                fingerprint: settings::fingerprint(config, FEATURES),
                compiling: Mutex::new(()),
            }),
        })
    }

    /// What must be equal on two nodes for a group to run on both.
    #[must_use]
    pub fn fingerprint(&self) -> &EngineFingerprint {
        &self.inner.fingerprint
    }

    /// Advances the watchdog's clock. To be called at a steady rate (every 100 ms for the default limits); without
    /// it no query, callback or command is ever ended by the watchdog.
    pub fn tick(&self) {
        self.inner.engine.increment_epoch();
    }

    /// Checks bytes that are uploaded as a plugin, without compiling them.
    ///
    /// # Errors
    /// If they are no plugin of this host's contract, or one larger than the limits.
    pub fn check(&self, bytes: &[u8]) -> Result<CheckedPlugin, PluginRefusal> {
        check::check(bytes, &self.inner.config.plugin)
    }

    /// Checks and compiles a plugin, and starts it once. Takes up to seconds for large ones, one at a time: never call it
    /// on a thread that others wait for.
    ///
    /// # Errors
    /// If the plugin is refused by [`check`](Self::check), does not compile, or does not start.
    pub fn compile(&self, bytes: &[u8]) -> Result<Arc<CompiledPlugin>, PluginRefusal> {
        let checked = self.check(bytes)?;
        let does_not_compile =
            |error: wasmtime::Error| PluginRefusal::DoesNotCompile { reason: shown(&format!("{error:#}")) };
        let component = {
            let _one_at_a_time = self.inner.compiling.lock().unwrap_or_else(PoisonError::into_inner);
            Component::from_binary(&self.inner.engine, bytes).map_err(does_not_compile)?
        };
        let mut linker = self.inner.linker.clone();
        imports::wasi::add(&mut linker, &component, checked.wasi.iter()).map_err(does_not_compile)?;
        let pre = linker.instantiate_pre(&component).map_err(does_not_compile)?;
        let exports = Exports::of(&component).ok_or_else(|| PluginRefusal::DoesNotCompile {
            reason: "its exports are not where they were when it was checked".into(),
        })?;
        let inner = Inner { checked, pre, exports, config: self.inner.config.clone() };
        let plugin = CompiledPlugin::new(inner);
        plugin.try_start()?;
        Ok(Arc::new(plugin))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("fingerprint", &self.inner.fingerprint).finish_non_exhaustive()
    }
}

use crate::{
    CheckedPlugin, CodeCacheConfig, CompiledPlugin, EngineConfig, EngineFingerprint, PluginRefusal,
    check::{self, FEATURES},
    code_cache::CodeCache,
    imports, map_limit,
    plugin::{CodeOrigin, Exports, Inner},
    room::Room,
    settings,
    state::State,
    text::shown,
};
use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
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
    room: Arc<Room>,
    code_cache: Option<CodeCache>,
    /// Held while compiling, so that no number of uploads makes the compiler take several times its memory.
    compiling: Mutex<()>,
}

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the settings or found no room for its pool of instances.
    #[error(
        "the WebAssembly engine does not start: {reason}. If it is short of address space, lower plugin_instances_max"
    )]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The system allows fewer memory maps than the instances would take.
    #[error(
        "{instances_max} instances of plugins need up to {needed} memory maps, and this system allows {limit}: run `sysctl -w vm.max_map_count={needed}`, or lower plugin_instances_max"
    )]
    MapLimit {
        /// How many instances the configuration allows.
        instances_max: u32,
        /// How many maps the process needs with them.
        needed: u64,
        /// How many it may have.
        limit: u64,
    },
    /// The folder for compiled code cannot be used.
    #[error("the folder {path} for compiled code cannot be used: {source}", path = path.display())]
    CodeCache {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

impl Engine {
    /// An engine with these settings.
    ///
    /// # Errors
    /// If wasmtime refuses the settings, there is no address space for the pool of instances, the system allows too few
    /// memory maps, or the folder for compiled code cannot be used.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        map_limit::check(config.instances_max)?;
        let refused = |error: wasmtime::Error| EngineError::Refused { reason: format!("{error:#}") };
        let wasmtime_config = settings::config(config, FEATURES).map_err(refused)?;
        let engine = wasmtime::Engine::new(&wasmtime_config).map_err(refused)?;
        let linker = imports::linker(&engine).map_err(refused)?;
        let fingerprint = settings::fingerprint(config, FEATURES);
        let open = |cache: &CodeCacheConfig| {
            CodeCache::open(cache, &fingerprint)
                .map_err(|source| EngineError::CodeCache { path: cache.folder.clone(), source })
        };
        let code_cache = config.code_cache.as_ref().map(open).transpose()?;
        Ok(Self {
            inner: Arc::new(EngineInner {
                engine,
                linker,
                config: Arc::new(config.clone()),
                fingerprint,
                room: Arc::new(Room::new(config.instances_max, config.instance_wait)),
                code_cache,
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

    /// How many instances of plugins live.
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.inner.room.instances()
    }

    /// Checks and compiles a plugin, or loads the code that this node compiled of it before, and starts it once. Takes up to
    /// seconds for large ones, one at a time: never call it on a thread that others wait for.
    ///
    /// # Errors
    /// If the plugin is refused by [`check`](Self::check), does not compile, or does not start.
    pub fn compile(&self, bytes: &[u8]) -> Result<Arc<CompiledPlugin>, PluginRefusal> {
        let checked = self.check(bytes)?;
        let does_not_compile =
            |error: wasmtime::Error| PluginRefusal::DoesNotCompile { reason: shown(&format!("{error:#}")) };
        let (component, origin) = self.component(bytes, &checked).map_err(does_not_compile)?;
        let mut linker = self.inner.linker.clone();
        imports::wasi::add(&mut linker, &component, checked.wasi.iter()).map_err(does_not_compile)?;
        let pre = linker.instantiate_pre(&component).map_err(does_not_compile)?;
        let exports = Exports::of(&component).ok_or_else(|| PluginRefusal::DoesNotCompile {
            reason: "its exports are not where they were when it was checked".into(),
        })?;
        let (config, room) = (self.inner.config.clone(), self.inner.room.clone());
        let state_version = OnceLock::new();
        let inner = Inner { checked, origin, pre, exports, config, room, state_version };
        let plugin = CompiledPlugin::new(inner);
        plugin.try_start()?;
        Ok(Arc::new(plugin))
    }

    fn component(&self, bytes: &[u8], checked: &CheckedPlugin) -> wasmtime::Result<(Component, CodeOrigin)> {
        let EngineInner { engine, code_cache, compiling, .. } = self.inner.as_ref();
        let cached = || code_cache.as_ref()?.load(engine, checked.digest);
        if let Some(component) = cached() {
            return Ok((component, CodeOrigin::Cached));
        }
        let _one_at_a_time = compiling.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have compiled it meanwhile.
        if let Some(component) = cached() {
            return Ok((component, CodeOrigin::Cached));
        }
        let component = Component::from_binary(engine, bytes)?;
        if let Some(cache) = code_cache {
            cache.keep(checked.digest, &component);
        }
        Ok((component, CodeOrigin::Compiled))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("fingerprint", &self.inner.fingerprint).finish_non_exhaustive()
    }
}

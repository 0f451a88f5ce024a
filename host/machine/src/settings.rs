//! The settings of wasmtime, and the fingerprint of those that decide how plugins behave.

use crate::{CONTRACT_VERSION, EngineConfig, EngineFingerprint, fuel};
use sha2::{Digest, Sha256};
use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, PoolingAllocationConfig, Result};

/// The exact version of wasmtime. Its own constant is not public; a test compares this with the lock file.
const WASMTIME_VERSION: &str = "48.0.8";

/// Code is compiled for the oldest processors of the architecture, so that nodes with different ones run the same
/// instructions. Elsewhere (which is for development only) it is compiled for the processor at hand.
const TARGET: Option<&str> = if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
    Some("x86_64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
    Some("aarch64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "aarch64", target_os = "macos")) {
    Some("aarch64-apple-darwin")
} else {
    None
};

/// Core instances that wasm-tools makes of a common plugin: its module, a shim and a fixup, and the host's own.
const CORE_INSTANCES_PER_PLUGIN: u32 = 4;
/// Tables of a common plugin: its module's and the shim's.
const TABLES_PER_PLUGIN: u32 = 2;
/// How large the bookkeeping of one instance may be: grows with a plugin's imports, types, globals and functions.
const INSTANCE_BYTES_MAX: usize = 8 << 20;
/// Table memory kept resident in each slot that an instance left.
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

pub(crate) fn config(config: &EngineConfig, features: WasmFeatures) -> Result<Config> {
    let mut settings = Config::new();
    if let Some(target) = TARGET {
        settings.target(target)?;
    }
    settings
        .wasm_features(WasmFeatures::all().difference(features), false)
        .wasm_features(features, true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(config.wasm_stack_bytes)
        .memory_reservation(config.memory_reservation_bytes)
        .memory_may_move(false)
        .parallel_compilation(config.parallel_compilation)
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(pool(config));
    Ok(settings)
}

fn pool(config: &EngineConfig) -> PoolingAllocationConfig {
    let instances = config.instances_max;
    let plugin = &config.plugin;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // Room for one large plugin beside any number of common ones.
        .total_core_instances(
            instances.saturating_mul(CORE_INSTANCES_PER_PLUGIN).saturating_add(plugin.instances_max),
        )
        .total_memories(instances.saturating_add(plugin.memories_max))
        .total_tables(instances.saturating_mul(TABLES_PER_PLUGIN).saturating_add(plugin.tables_max))
        .max_core_instances_per_component(plugin.instances_max)
        .max_memories_per_component(plugin.memories_max)
        .max_memories_per_module(plugin.memories_max)
        .max_tables_per_component(plugin.tables_max)
        .max_tables_per_module(plugin.tables_max)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(usize::try_from(config.memory_reservation_bytes).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(config.table_elements_max).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(config.memory_keep_resident_bytes)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The settings by which two engines could give a command different outcomes, or burn different fuel on it.
pub(crate) fn fingerprint(config: &EngineConfig, features: WasmFeatures) -> EngineFingerprint {
    let behaviour = format!(
        "contract={CONTRACT_VERSION};features={:x};nan=canonical;fuel=default;wasi=0.2;costs={};start={};stack={}",
        features.bits(),
        fuel::COSTS_VERSION,
        fuel::START,
        config.wasm_stack_bytes,
    );
    let digest = Sha256::digest(behaviour.as_bytes());
    let settings: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let target = TARGET
        .map_or_else(|| format!("{}-{}-native", std::env::consts::ARCH, std::env::consts::OS), str::to_owned);
    EngineFingerprint::new(format!("wasmtime-{WASMTIME_VERSION}/{target}/{settings}"))
}

use crate::{check::PluginLimits, code_cache::CodeCacheConfig};
use quorate_replica::ports::TABLE_ELEMENTS_MAX;
use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: u64 = 1 << 30;

/// How a node's engine is built.
///
/// What decides how a plugin *behaves* (`wasm_stack_bytes`) is part of the engine's fingerprint and must be the
/// same on every node. The rest says only how much of the machine the engine may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// What a plugin may be made of, checked when it is uploaded.
    pub plugin: PluginLimits,
    /// How deep a plugin's calls may go. Part of the fingerprint: where the stack ends, a command traps.
    pub wasm_stack_bytes: usize,
    /// The most plugin instances alive at once. Each takes up to four memory maps, so an engine does not start with more
    /// than the system's `vm.max_map_count` allows (65,530 unless set otherwise). Memory machines that stay leave an eighth to
    /// instances that live for one entry, query or checkpoint.
    pub instances_max: u32,
    /// How long an instance waits for another one to end when as many live as may. Past it that is a fault of the host.
    pub instance_wait: Duration,
    /// Address space set aside for each linear memory, and the most a group may allow an instance. At 4 GiB no access
    /// needs a bounds check, which makes code up to 30% faster. It is address space, not memory: of 128 TiB that a
    /// process has, 2,000 instances take 10.
    pub memory_reservation_bytes: u64,
    /// The most elements one table may ever have, whatever its group's limits say.
    pub table_elements_max: u32,
    /// Memory kept resident, and zeroed by hand, in each slot that an instance left.
    pub memory_keep_resident_bytes: usize,
    /// Where compiled code is kept, if it is.
    pub code_cache: Option<CodeCacheConfig>,
    /// Compile one plugin on several threads.
    pub parallel_compilation: bool,
    /// After how many ticks of the engine the watchdog stops a command. A watchdog's stop is a fault of the
    /// host: fuel ends every command long before, unless this machine is starved.
    pub apply_ticks_max: u64,
    /// After how many ticks a query is ended.
    pub query_ticks_max: u64,
    /// After how many ticks a lifecycle callback is ended.
    pub lifecycle_ticks_max: u64,
    /// After how many ticks the watchdog stops a save or a load.
    pub snapshot_ticks_max: u64,
    /// After how many ticks the watchdog stops a migration to another version of a plugin.
    pub migration_ticks_max: u64,
}

impl Default for EngineConfig {
    /// For a tick every 100 ms: a minute for a command, ten seconds for a query or callback, half an hour for
    /// a snapshot or a migration.
    fn default() -> Self {
        Self {
            plugin: PluginLimits::default(),
            wasm_stack_bytes: MIB,
            instances_max: 2_000,
            instance_wait: Duration::from_secs(5),
            memory_reservation_bytes: 4 * GIB,
            table_elements_max: TABLE_ELEMENTS_MAX,
            memory_keep_resident_bytes: 256 * KIB,
            code_cache: None,
            parallel_compilation: true,
            apply_ticks_max: 600,
            query_ticks_max: 100,
            lifecycle_ticks_max: 100,
            snapshot_ticks_max: 18_000,
            migration_ticks_max: 18_000,
        }
    }
}

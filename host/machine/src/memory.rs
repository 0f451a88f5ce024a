use quorate_replica::ports::{GroupLimits, HostFault};
use wasmtime::{Error, ResourceLimiter, Result};

/// wasmtime's words for a growth past what the memory's type can address, which is the plugin's doing and which it does
/// not ask [`ResourceLimiter::memory_growing`] about. A test fails if the words change.
const PAST_TYPE: &str = "memory growth exceeds memory type's limits";

/// Holds an instance to its group's limits on memory and tables.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    memory_bytes_max: u64,
    memory_bytes: u64,
    table_elements_max: u64,
    table_elements: u64,
    /// Whether a growth was refused since the call began. A trap after that is taken for the plugin's running out of
    /// memory, because that is how its allocator says so.
    pub(crate) refused: bool,
    /// A growth that was allowed and failed: this machine is out of memory or address space.
    pub(crate) fault: Option<HostFault>,
}

impl MemoryLimiter {
    pub(crate) fn new(limits: &GroupLimits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            memory_bytes: 0,
            table_elements_max: limits.table_elements_max,
            table_elements: 0,
            refused: false,
            fault: None,
        }
    }
}

/// The total after one of its parts grew, if it may.
///
/// The maximum here is the memory's or table's own or the pool's, whichever is less; `Engine` sees to it that the
/// pool's is never less than the group's, so that this does not depend on the node.
fn grown(total: u64, current: usize, desired: usize, maximum: Option<usize>, limit: u64) -> Option<u64> {
    let added = u64::try_from(desired.checked_sub(current)?).ok()?;
    let total = total.checked_add(added)?;
    (total <= limit && maximum.is_none_or(|maximum| desired <= maximum)).then_some(total)
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let total = grown(self.memory_bytes, current, desired, maximum, self.memory_bytes_max);
        match total {
            Some(total) => self.memory_bytes = total,
            None => self.refused = true,
        }
        Ok(total.is_some())
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        if error.to_string() == PAST_TYPE {
            self.refused = true;
            return Ok(());
        }
        self.fault =
            Some(HostFault::because(format!("growing a plugin's memory within its limits: {error:#}")));
        Err(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let total = grown(self.table_elements, current, desired, maximum, self.table_elements_max);
        match total {
            Some(total) => self.table_elements = total,
            None => self.refused = true,
        }
        Ok(total.is_some())
    }
}

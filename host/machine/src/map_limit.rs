//! Whether the system lets this process have as many memory maps as its instances will take.

use crate::EngineError;
use std::fs;

/// Memory maps of one live instance: its memory, the image it begins with, and what guards both.
pub(crate) const MAPS_PER_INSTANCE: u64 = 4;
/// Maps for all else in the process: code, threads, databases, the allocator.
const MAPS_OF_THE_REST: u64 = 8_192;
const LIMIT_FILE: &str = "/proc/sys/vm/max_map_count";

/// Refuses a number of instances that the system has no maps for.
pub(crate) fn check(instances_max: u32) -> Result<(), EngineError> {
    // Other systems have no such limit.
    let limit = fs::read_to_string(LIMIT_FILE).ok().and_then(|text| text.trim().parse().ok());
    limit.map_or(Ok(()), |limit| fits(instances_max, limit))
}

fn fits(instances_max: u32, limit: u64) -> Result<(), EngineError> {
    let needed = u64::from(instances_max) * MAPS_PER_INSTANCE + MAPS_OF_THE_REST;
    if needed <= limit { Ok(()) } else { Err(EngineError::MapLimit { instances_max, needed, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Linux system allows unless it is told otherwise.
    const LINUX_DEFAULT: u64 = 65_530;

    #[test]
    fn instances_must_fit_into_the_systems_limit() {
        assert!(fits(14_000, LINUX_DEFAULT).is_ok());
        let error = fits(15_000, LINUX_DEFAULT).expect_err("60,000 for the instances alone");
        let message = error.to_string();
        assert!(message.contains("vm.max_map_count=68192"), "{message}");
        assert!(message.contains("instances_max"), "{message}");
    }
}

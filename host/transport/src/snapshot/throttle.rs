use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Spreads bytes over time: all transfers to a node share one, and all transfers of this node another.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second_max: u64,
    /// When the road is free of what was let through before.
    free_at: Mutex<Option<Instant>>,
}

/// A chunk should never take longer than this part of a second, or a slow road would look like a dead one.
const CHUNKS_PER_SECOND_MIN: u64 = 4;
/// Below this the frames would be mostly overhead.
const CHUNK_BYTES_MIN: u64 = 4 * 1024;

impl Throttle {
    pub(crate) fn new(bytes_per_second_max: u64) -> Self {
        Self { bytes_per_second_max, free_at: Mutex::new(None) }
    }

    /// How large chunks should be at this speed.
    pub(crate) fn chunk_bytes(&self, wanted: usize) -> usize {
        if self.bytes_per_second_max == 0 {
            return wanted;
        }
        let bytes = (self.bytes_per_second_max / CHUNKS_PER_SECOND_MIN).max(CHUNK_BYTES_MIN);
        usize::try_from(bytes).map_or(wanted, |bytes| bytes.min(wanted))
    }

    /// Waits until these bytes may go.
    pub(crate) async fn pass(&self, bytes: usize) {
        let wait = self.reserve(Instant::now(), bytes);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant, bytes: usize) -> Duration {
        if self.bytes_per_second_max == 0 {
            return Duration::ZERO;
        }
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free_at.map_or(now, |at| at.max(now));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second_max);
        *free_at = start.checked_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        start - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wait_for_the_bytes_before_them() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        assert_eq!(throttle.reserve(now, 500), Duration::ZERO);
        assert_eq!(throttle.reserve(now, 1000), Duration::from_millis(500));
        assert_eq!(throttle.reserve(now, 1), Duration::from_millis(1500));
    }

    #[test]
    fn an_idle_road_saves_nothing_up() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        throttle.reserve(now, 500);
        let later = now + Duration::from_secs(60);
        assert_eq!(throttle.reserve(later, 1000), Duration::ZERO);
        assert_eq!(throttle.reserve(later, 1), Duration::from_secs(1));
    }

    #[test]
    fn no_limit_never_waits() {
        let throttle = Throttle::new(0);
        let now = Instant::now();
        throttle.reserve(now, usize::MAX);
        assert_eq!(throttle.reserve(now, usize::MAX), Duration::ZERO);
        assert_eq!(throttle.chunk_bytes(512), 512);
    }

    #[test]
    fn slow_roads_get_small_chunks() {
        assert_eq!(Throttle::new(100_000).chunk_bytes(512 * 1024), 25_000);
        assert_eq!(Throttle::new(10).chunk_bytes(512 * 1024), 4096);
        assert_eq!(Throttle::new(1 << 40).chunk_bytes(512 * 1024), 512 * 1024);
    }
}

//! A node's clocks: neither shows the true time.

use crate::{faults::Faults, random::Random};
use std::time::Duration;

/// What a wall clock that is right shows when a run begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// The clocks of one node.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// How much faster than the true time, in parts of a million.
    drift_ppm: i64,
    wall_offset_ms: i64,
    /// When the process began.
    began: Duration,
}

impl Clock {
    pub(crate) fn draw(random: &mut Random, faults: &Faults) -> Self {
        let drift = random.below(2 * faults.drift_ppm_max + 1);
        let drift_ppm = i64::try_from(drift).unwrap_or(0) - i64::try_from(faults.drift_ppm_max).unwrap_or(0);
        Self { drift_ppm, wall_offset_ms: offset(random), began: Duration::ZERO }
    }

    /// The process begins.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.began = now;
    }

    /// Since the process began, as its clock shows it.
    pub(crate) fn monotonic(&self, now: Duration) -> Duration {
        self.drifted(now.saturating_sub(self.began))
    }

    pub(crate) fn wall_ms(&self, now: Duration) -> u64 {
        let passed = u64::try_from(self.drifted(now).as_millis()).unwrap_or(0);
        (EPOCH_MS + passed).saturating_add_signed(self.wall_offset_ms)
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&mut self, random: &mut Random) {
        self.wall_offset_ms = offset(random);
    }

    /// The true time that passes while this clock shows this much.
    pub(crate) fn true_time(&self, shown: Duration) -> Duration {
        let nanos = u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        let rate = 1_000_000_u64.saturating_add_signed(self.drift_ppm);
        Duration::from_nanos(u64::try_from(u128::from(nanos) * 1_000_000 / u128::from(rate)).unwrap_or(nanos))
    }

    fn drifted(&self, passed: Duration) -> Duration {
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let rate = u128::from(1_000_000_u64.saturating_add_signed(self.drift_ppm));
        Duration::from_nanos(u64::try_from(u128::from(nanos) * rate / 1_000_000).unwrap_or(nanos))
    }
}

fn offset(random: &mut Random) -> i64 {
    i64::try_from(random.below(8_000)).unwrap_or(0) - 4_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_shows_more_than_has_passed() {
        let clock = Clock { drift_ppm: 10_000, wall_offset_ms: -5, began: Duration::from_secs(1) };
        assert_eq!(clock.monotonic(Duration::from_secs(101)), Duration::from_secs(101));
        assert_eq!(clock.true_time(Duration::from_secs(101)), Duration::from_secs(100));
        assert_eq!(clock.wall_ms(Duration::ZERO), EPOCH_MS - 5);
    }
}

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
    /// When the process began, or the clock was last made to run at another speed, and what it showed then.
    began: (Duration, Duration),
    /// A bug: how fast the monotonic clock runs for the time being.
    slowed_ppm: Option<i64>,
}

impl Clock {
    pub(crate) fn draw(random: &mut Random, faults: &Faults) -> Self {
        let drift = random.below(2 * faults.drift_ppm_max + 1);
        let drift_ppm = i64::try_from(drift).unwrap_or(0) - i64::try_from(faults.drift_ppm_max).unwrap_or(0);
        Self { drift_ppm, wall_offset_ms: offset(random), began: Default::default(), slowed_ppm: None }
    }

    /// The process begins.
    pub(crate) fn begin(&mut self, now: Duration) {
        (self.began, self.slowed_ppm) = ((now, Duration::ZERO), None);
    }

    /// Since the process began, as its clock shows it.
    pub(crate) fn monotonic(&self, now: Duration) -> Duration {
        let (began, shown) = self.began;
        shown + at_rate(now.saturating_sub(began), self.rate())
    }

    pub(crate) fn wall_ms(&self, now: Duration) -> u64 {
        let passed = u64::try_from(at_rate(now, self.drift_ppm).as_millis()).unwrap_or(0);
        (EPOCH_MS + passed).saturating_add_signed(self.wall_offset_ms)
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&mut self, random: &mut Random) {
        self.wall_offset_ms = offset(random);
    }

    /// A bug: the monotonic clock all but stands still, or runs again.
    pub(crate) fn slow(&mut self, now: Duration, slow: bool) {
        self.began = (now, self.monotonic(now));
        self.slowed_ppm = slow.then_some(-900_000);
    }

    /// The true time that passes while this clock shows this much.
    pub(crate) fn true_time(&self, shown: Duration) -> Duration {
        let nanos = u64::try_from(shown.as_nanos()).unwrap_or(u64::MAX);
        let rate = u128::from(1_000_000_u64.saturating_add_signed(self.rate()));
        Duration::from_nanos(u64::try_from(u128::from(nanos) * 1_000_000 / rate).unwrap_or(nanos))
    }

    fn rate(&self) -> i64 {
        self.slowed_ppm.unwrap_or(self.drift_ppm)
    }
}

fn at_rate(passed: Duration, ppm: i64) -> Duration {
    let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
    let rate = u128::from(1_000_000_u64.saturating_add_signed(ppm));
    Duration::from_nanos(u64::try_from(u128::from(nanos) * rate / 1_000_000).unwrap_or(nanos))
}

fn offset(random: &mut Random) -> i64 {
    i64::try_from(random.below(8_000)).unwrap_or(0) - 4_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_shows_more_than_has_passed() {
        let began = (Duration::from_secs(1), Duration::ZERO);
        let mut clock = Clock { drift_ppm: 10_000, wall_offset_ms: -5, began, slowed_ppm: None };
        assert_eq!(clock.monotonic(Duration::from_secs(101)), Duration::from_secs(101));
        let before = clock.clone();
        assert_eq!(clock.true_time(Duration::from_secs(101)), Duration::from_secs(100));
        assert_eq!(clock.wall_ms(Duration::ZERO), EPOCH_MS - 5);
        clock.slow(Duration::from_secs(101), true);
        assert_eq!(clock.monotonic(Duration::from_secs(111)), Duration::from_secs(102));
        assert_eq!(before.wall_ms(Duration::from_secs(200)), clock.wall_ms(Duration::from_secs(200)));
    }
}

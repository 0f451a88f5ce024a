//! Waits between attempts that fail: of a client that looks for a node, and of a node that looks for another.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// Waits that double from one attempt to the next, each spread over its upper half so that those that failed at once do not
/// come back in step.
#[derive(Debug)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from the shortest up to the longest.
    #[must_use]
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest: longest.max(shortest), next: shortest }
    }

    /// An attempt succeeded: the next wait is the shortest again.
    pub fn reset(&mut self) {
        self.next = self.shortest;
    }

    /// How long to wait before the next attempt.
    #[must_use]
    pub fn wait(&mut self) -> Duration {
        self.wait_with(RandomState::new().build_hasher().finish())
    }

    fn wait_with(&mut self, random: u64) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.longest);
        let half = whole / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        whole - half + Duration::from_nanos(random % nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_millis(300);

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(SHORTEST, LONGEST);
        let waits: Vec<_> = (0..5).map(|_| backoff.wait_with(0).as_millis()).collect();
        assert_eq!(waits, [25, 50, 100, 150, 150]);
        backoff.reset();
        assert_eq!(backoff.wait_with(0).as_millis(), 25);
    }

    #[test]
    fn jitter_stays_between_half_and_the_whole() {
        for random in [0, 1, 12_345, u64::MAX / 2, u64::MAX] {
            let wait = Backoff::new(SHORTEST, LONGEST).wait_with(random);
            assert!(wait >= SHORTEST / 2 && wait <= SHORTEST, "{wait:?}");
        }
    }

    #[test]
    fn no_wait_at_all_is_possible() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).wait_with(u64::MAX), Duration::ZERO);
    }
}

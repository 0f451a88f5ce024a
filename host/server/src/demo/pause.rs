use std::time::{Duration, Instant};

/// The longest time from one event to the next, from a beginning on.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongestPause {
    last: Instant,
    longest: Option<Duration>,
}

impl LongestPause {
    /// Counts from here on.
    pub(super) fn since(beginning: Instant) -> Self {
        Self { last: beginning, longest: None }
    }

    /// An event. One from before the last, or the beginning, changes nothing.
    pub(super) fn seen(&mut self, now: Instant) {
        if let Some(pause) = now.checked_duration_since(self.last) {
            self.last = now;
            self.longest = self.longest.max(Some(pause));
        }
    }

    /// The longest pause that has ended; none before the first event.
    pub(super) fn longest(&self) -> Option<Duration> {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(events_ms: &[u64]) -> Option<Duration> {
        let epoch = Instant::now();
        let at = |milliseconds| epoch + Duration::from_millis(milliseconds);
        let mut pause = LongestPause::since(at(1000));
        events_ms.iter().for_each(|&event| pause.seen(at(event)));
        pause.longest()
    }

    #[test]
    fn the_time_to_the_first_event_counts() {
        assert_eq!(longest(&[1700, 1800]), Some(Duration::from_millis(700)));
    }

    #[test]
    fn so_does_any_later_pause() {
        assert_eq!(longest(&[1001, 1002, 2502, 2503]), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn an_open_end_does_not_count() {
        assert_eq!(longest(&[]), None);
    }

    #[test]
    fn what_was_before_the_beginning_does_not_count() {
        assert_eq!(longest(&[500, 900]), None);
        assert_eq!(longest(&[500, 1400, 1300, 1500]), Some(Duration::from_millis(400)));
    }
}

//! What became of the commands of one group, and how long it took.

use super::pause::LongestPause;
use hdrhistogram::Histogram;
use quorate_client::Outcome;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Latencies above this are counted as this.
const LATENCY_MICROSECONDS_MAX: u64 = 600_000_000;

/// Decimal digits of a latency that are kept.
const LATENCY_DIGITS: u8 = 3;

/// What is counted.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Commands with a reply.
    pub(super) acknowledged: u64,
    /// Commands that the plugin refused.
    pub(super) rejected: u64,
    /// Commands on which the plugin broke.
    pub(super) trapped: u64,
    /// Commands that may or may not have been applied.
    pub(super) unknown: u64,
    /// How often a command was sent once more.
    pub(super) sent_again: u64,
    /// Of acknowledged commands, from the first time they were sent.
    pub(super) latencies_microseconds: Histogram<u64>,
    /// From the first command to the last answer.
    pub(super) elapsed: Duration,
    /// The longest time without an acknowledged command after the leader was killed.
    pub(super) failover: Option<Duration>,
}

impl Counts {
    /// All commands whose fate was told, even if it was that nobody knows.
    pub(super) fn decided(&self) -> u64 {
        self.acknowledged + self.rejected + self.trapped + self.unknown
    }

    /// Acknowledged commands in a second.
    pub(super) fn per_second(&self) -> u64 {
        let milliseconds = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(self.acknowledged) * 1000 / milliseconds).unwrap_or(u64::MAX)
    }
}

struct Inner {
    counts: Counts,
    started: Instant,
    last_decided: Instant,
    pause: Option<LongestPause>,
}

/// Counts, from several clients at a time.
pub(super) struct Tally {
    inner: Mutex<Inner>,
    decided: watch::Sender<u64>,
}

impl Tally {
    /// Nothing yet, and the clock runs.
    pub(super) fn start() -> Self {
        let latencies_microseconds = Histogram::new_with_bounds(1, LATENCY_MICROSECONDS_MAX, LATENCY_DIGITS)
            .expect("the bounds are constants");
        let counts = Counts {
            acknowledged: 0,
            rejected: 0,
            trapped: 0,
            unknown: 0,
            sent_again: 0,
            latencies_microseconds,
            elapsed: Duration::ZERO,
            failover: None,
        };
        let now = Instant::now();
        let inner = Inner { counts, started: now, last_decided: now, pause: None };
        Self { inner: Mutex::new(inner), decided: watch::Sender::new(0) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin answered a command that was sent first at this time.
    pub(super) fn answered(&self, outcome: &Outcome, first_sent: Instant) {
        let mut inner = self.inner();
        // Under the lock, so that one answer is never before another that was counted first.
        let now = Instant::now();
        match outcome {
            Outcome::Reply(_) => {
                inner.counts.acknowledged += 1;
                let latency = now.saturating_duration_since(first_sent).as_micros();
                let latency = u64::try_from(latency).unwrap_or(u64::MAX);
                inner.counts.latencies_microseconds.saturating_record(latency);
                if let Some(pause) = &mut inner.pause {
                    pause.seen(now);
                }
            }
            Outcome::Rejection(_) => inner.counts.rejected += 1,
            Outcome::Trapped { .. } => inner.counts.trapped += 1,
        }
        self.decide(&mut inner, now);
    }

    /// It is not known what became of a command.
    pub(super) fn lost(&self) {
        let mut inner = self.inner();
        inner.counts.unknown += 1;
        self.decide(&mut inner, Instant::now());
    }

    fn decide(&self, inner: &mut Inner, now: Instant) {
        inner.last_decided = now;
        self.decided.send_replace(inner.counts.decided());
    }

    /// A command that was certainly not applied is sent once more.
    pub(super) fn sent_again(&self) {
        self.inner().counts.sent_again += 1;
    }

    /// The leader is dead from now on.
    pub(super) fn leader_killed(&self) {
        self.inner().pause = Some(LongestPause::since(Instant::now()));
    }

    /// Since when nothing was decided.
    pub(super) fn silent_since(&self) -> Instant {
        self.inner().last_decided
    }

    /// How many commands are decided, now and whenever there are more.
    pub(super) fn watch_decided(&self) -> watch::Receiver<u64> {
        self.decided.subscribe()
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        let inner = self.inner();
        Counts {
            elapsed: inner.last_decided - inner.started,
            failover: inner.pause.and_then(|pause| pause.longest()),
            ..inner.counts.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::TrapKind;

    #[test]
    fn every_outcome_is_counted_and_decides() {
        let tally = Tally::start();
        let decided = tally.watch_decided();
        let sent = Instant::now();
        tally.answered(&Outcome::Reply(Default::default()), sent);
        tally.answered(&Outcome::Rejection(Default::default()), sent);
        tally.answered(&Outcome::Trapped { kind: TrapKind::Instruction, message: String::new() }, sent);
        tally.lost();
        tally.sent_again();
        let counts = tally.counts();
        assert_eq!((counts.acknowledged, counts.rejected, counts.trapped, counts.unknown), (1, 1, 1, 1));
        assert_eq!((counts.decided(), *decided.borrow(), counts.sent_again), (4, 4, 1));
        assert_eq!(counts.latencies_microseconds.len(), 1, "only of what was acknowledged");
        assert_eq!(counts.failover, None, "nobody was killed");
    }

    #[test]
    fn only_acknowledged_commands_end_a_failover() {
        let tally = Tally::start();
        tally.leader_killed();
        tally.lost();
        assert_eq!(tally.counts().failover, None);
        tally.answered(&Outcome::Reply(Default::default()), Instant::now());
        assert!(tally.counts().failover.is_some());
    }

    #[test]
    fn commands_in_a_second_are_of_the_acknowledged_ones() {
        let tally = Tally::start();
        let counts = Counts { acknowledged: 300, elapsed: Duration::from_millis(1500), ..tally.counts() };
        assert_eq!(counts.per_second(), 200);
        assert_eq!(Counts { elapsed: Duration::ZERO, ..counts }.per_second(), 300_000);
    }
}

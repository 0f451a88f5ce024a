//! When the leader of a group lets its timers fire.

use std::time::Duration;

/// The longest sleep: so long a timer is late at most when the clock of this machine was set forward.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// What is to be done about the timers of a group now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing: none is set, or all is under way.
    Nothing,
    /// Call again after so long.
    Sleep(Duration),
    /// Propose the entry at which they fire.
    Propose,
}

/// Decides when to wake up for the timers of one group, without asking for more wake-ups than there are timers to come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Alarm {
    /// Nothing is under way.
    #[default]
    Idle,
    /// A sleep is, until this time.
    Asleep {
        /// In milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// An entry is proposed, and will be applied unless this replica loses the lead.
    Proposed,
}

impl Alarm {
    /// Looks at the timer that is due first, at this time of the group.
    pub(super) fn turn(&mut self, next_ms: Option<u64>, now_ms: u64) -> Order {
        let Some(next_ms) = next_ms else {
            if *self != Self::Proposed {
                *self = Self::Idle;
            }
            return Order::Nothing;
        };
        match *self {
            Self::Proposed => Order::Nothing,
            // A sleep that ends too early is followed by another: cheaper than to replace it whenever a timer is put off.
            Self::Asleep { until_ms } if until_ms <= next_ms && now_ms < until_ms => Order::Nothing,
            _ if next_ms <= now_ms => {
                *self = Self::Proposed;
                Order::Propose
            }
            _ => {
                let sleep = Duration::from_millis(next_ms - now_ms).min(SLEEP_MAX);
                let sleep_ms = u64::try_from(sleep.as_millis()).unwrap_or(u64::MAX);
                *self = Self::Asleep { until_ms: now_ms.saturating_add(sleep_ms) };
                Order::Sleep(sleep)
            }
        }
    }

    /// The sleep has ended, an entry of timers was applied, or the lead is lost or new.
    pub(super) fn reset(&mut self) {
        *self = Self::Idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleep(milliseconds: u64) -> Order {
        Order::Sleep(Duration::from_millis(milliseconds))
    }

    #[test]
    fn an_alarm_sleeps_until_the_first_timer_and_then_proposes_once() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.turn(None, 1_000), Order::Nothing);
        assert_eq!(alarm.turn(Some(1_500), 1_000), sleep(500));
        assert_eq!(alarm.turn(Some(1_500), 1_200), Order::Nothing, "it sleeps already");
        alarm.reset();
        assert_eq!(alarm.turn(Some(1_500), 1_500), Order::Propose);
        assert_eq!(alarm.turn(Some(1_500), 1_600), Order::Nothing, "it is on its way");
        alarm.reset();
        assert_eq!(alarm.turn(Some(1_500), 1_700), Order::Propose, "the lead was lost and won again");
    }

    #[test]
    fn an_earlier_timer_cuts_the_sleep_short_and_a_later_one_leaves_it() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.turn(Some(5_000), 1_000), sleep(4_000));
        assert_eq!(
            alarm.turn(Some(9_000), 1_100),
            Order::Nothing,
            "put off: sleeps on after the first sleep"
        );
        assert_eq!(alarm.turn(Some(2_000), 1_200), sleep(800));
        alarm.reset();
        assert_eq!(alarm.turn(Some(9_000), 2_000), sleep(7_000));
    }

    #[test]
    fn a_sleep_that_should_have_ended_is_not_waited_for() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.turn(Some(5_000), 1_000), sleep(4_000));
        assert_eq!(alarm.turn(Some(5_000), 6_000), Order::Propose, "the clock was set forward");
    }

    #[test]
    fn the_longest_sleep_is_bounded() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.turn(Some(u64::MAX), 0), Order::Sleep(SLEEP_MAX));
    }

    #[test]
    fn timers_that_were_all_cancelled_leave_nothing_to_do() {
        let mut alarm = Alarm::default();
        alarm.turn(Some(5_000), 1_000);
        assert_eq!(alarm.turn(None, 1_100), Order::Nothing);
        assert_eq!(alarm.turn(Some(5_000), 1_200), sleep(3_800));
    }
}

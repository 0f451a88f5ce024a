use super::GroupLimits;
use std::{collections::BTreeMap, sync::Arc};

/// What a call did to the timers of its group: when each is due that it set, and none for each that it cancelled.
pub type TimerChanges = BTreeMap<u64, Option<u64>>;

/// The timers of a group that were set and have not fired: when each is due, by its number.
///
/// Replicated state: it stands in the applied point, and so beside the machine's state on disk and in every snapshot.
/// Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingTimers(Arc<BTreeMap<u64, u64>>);

impl PendingTimers {
    /// When the first of them is due, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.0.values().min().copied()
    }

    /// Their numbers and when each is due, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(id, at_ms)| (*id, *at_ms))
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are due at this time, in the order in which they fire.
    pub(crate) fn due(&self, time_ms: u64) -> Vec<u64> {
        let mut due: Vec<_> =
            self.iter().filter(|(_, at_ms)| *at_ms <= time_ms).map(|(id, at_ms)| (at_ms, id)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Takes one out that fires; false when it is not due any more, so that it does not.
    pub(crate) fn fire(&mut self, id: u64, time_ms: u64) -> bool {
        let is_due = self.0.get(&id).is_some_and(|at_ms| *at_ms <= time_ms);
        if is_due {
            Arc::make_mut(&mut self.0).remove(&id);
        }
        is_due
    }

    /// How many there would be after these changes.
    pub(crate) fn count_after(&self, changes: &TimerChanges) -> usize {
        let (mut count, pending) = (self.0.len(), |id| self.0.contains_key(id));
        for (id, change) in changes {
            match change {
                Some(_) if !pending(id) => count += 1,
                None if pending(id) => count -= 1,
                _ => {}
            }
        }
        count
    }

    /// What a call at this time changed, once it replied.
    pub(crate) fn change(&mut self, changes: &TimerChanges, time_ms: u64, limits: &GroupLimits) {
        if changes.is_empty() {
            return;
        }
        let earliest = time_ms.saturating_add(limits.timer_delay_ms_min);
        let timers = Arc::make_mut(&mut self.0);
        for (id, change) in changes {
            match change {
                Some(at_ms) => drop(timers.insert(*id, earliest.max(*at_ms))),
                None => drop(timers.remove(id)),
            }
        }
    }
}

impl FromIterator<(u64, u64)> for PendingTimers {
    fn from_iter<Timers: IntoIterator<Item = (u64, u64)>>(timers: Timers) -> Self {
        Self(Arc::new(timers.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> GroupLimits {
        GroupLimits { timer_delay_ms_min: 10, ..GroupLimits::default() }
    }

    fn timers(timers: &[(u64, u64)]) -> PendingTimers {
        timers.iter().copied().collect()
    }

    #[test]
    fn those_that_are_due_fire_by_time_and_then_by_number() {
        let pending = timers(&[(1, 30), (2, 10), (3, 30), (4, 31), (0, 30)]);
        assert_eq!((pending.len(), pending.next_ms()), (5, Some(10)));
        assert_eq!(pending.due(30), [2, 0, 1, 3]);
        assert!(pending.due(9).is_empty());
        assert_eq!(timers(&[]).next_ms(), None);
    }

    #[test]
    fn a_timer_fires_once_and_not_before_its_time() {
        let mut pending = timers(&[(1, 30)]);
        assert!(!pending.fire(1, 29));
        assert!(pending.fire(1, 30));
        assert!(!pending.fire(1, 30), "it has fired");
        assert!(!pending.fire(2, 30), "it was never set");
        assert!(pending.is_empty());
    }

    #[test]
    fn a_timer_set_anew_is_due_at_the_new_time_alone() {
        let mut pending = timers(&[(1, 30)]);
        pending.change(&[(1, Some(50))].into(), 20, &limits());
        assert!(!pending.fire(1, 49));
        pending.change(&[(1, None), (2, None)].into(), 20, &limits());
        assert!(pending.is_empty());
    }

    #[test]
    fn a_timer_is_due_no_sooner_than_the_limit_allows() {
        let mut pending = timers(&[]);
        pending.change(&[(1, Some(0)), (2, Some(109)), (3, Some(111))].into(), 100, &limits());
        assert_eq!(pending.iter().collect::<Vec<_>>(), [(1, 110), (2, 110), (3, 111)]);
        pending.change(&[(1, Some(0))].into(), u64::MAX - 1, &limits());
        assert!(!pending.fire(1, u64::MAX - 1), "the end of time is not passed");
    }

    #[test]
    fn the_count_after_changes_is_the_count_once_they_are_made() {
        for changes in [
            vec![(1, Some(5)), (2, Some(6))],
            vec![(1, None), (2, None)],
            vec![(3, Some(1)), (2, None), (1, Some(7))],
            vec![],
        ] {
            let changes: TimerChanges = changes.into_iter().collect();
            let mut pending = timers(&[(1, 30), (9, 40)]);
            let expected = pending.count_after(&changes);
            pending.change(&changes, 0, &limits());
            assert_eq!(pending.iter().count(), expected, "{changes:?}");
        }
    }
}

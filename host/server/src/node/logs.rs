//! A plugin's log lines, in the node's log: so many a second of each group, so that none drowns the others.

use quorate_replica::ports::{GroupInfo, LogLevel, LogLine};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tracing::{Level, enabled};

/// So many seconds' worth of lines may come at once after a silence.
const BURST_SECONDS: f64 = 10.0;

/// The lines of one group's plugin on this node.
#[derive(Debug)]
pub(super) struct PluginLog {
    group: GroupInfo,
    lines_per_second_max: u32,
    budget: Mutex<Budget>,
}

/// What may still be written, and what was not.
#[derive(Debug)]
struct Budget {
    per_second: f64,
    lines: f64,
    since: Instant,
    /// Dropped since the last line that was written.
    dropping: u64,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is written; so many before it were dropped.
    Write { after: u64 },
    /// It is dropped, the first of its kind.
    BeginDropping,
    /// It is dropped, as the one before it.
    Drop,
}

impl Budget {
    fn new(lines_per_second_max: u32, now: Instant) -> Self {
        let per_second = f64::from(lines_per_second_max);
        Self { per_second, lines: per_second * BURST_SECONDS, since: now, dropping: 0, dropped: 0 }
    }

    fn take(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.lines = (self.lines + passed * self.per_second).min(self.per_second * BURST_SECONDS);
        self.since = now;
        if self.lines >= 1.0 {
            self.lines -= 1.0;
            return Verdict::Write { after: std::mem::take(&mut self.dropping) };
        }
        self.dropping += 1;
        self.dropped += 1;
        if self.dropping == 1 { Verdict::BeginDropping } else { Verdict::Drop }
    }
}

impl PluginLog {
    pub(super) fn new(group: GroupInfo, lines_per_second_max: u32) -> Self {
        let budget = Mutex::new(Budget::new(lines_per_second_max, Instant::now()));
        Self { group, lines_per_second_max, budget }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lines were dropped since the replica was opened.
    pub(super) fn dropped(&self) -> u64 {
        self.budget().dropped
    }

    /// Writes lines, tagged with the tenant, the group and where in its log they belong.
    pub(super) fn lines(&self, index: u64, lines: &[LogLine]) {
        let (group, tenant) = (&self.group.name, self.group.name.tenant());
        // Those that nobody has asked for cost nothing of the budget.
        for LogLine { level, message } in lines.iter().filter(|line| is_wanted(line.level)) {
            let verdict = self.budget().take(Instant::now());
            let max = self.lines_per_second_max;
            match verdict {
                Verdict::Drop => continue,
                Verdict::BeginDropping => {
                    tracing::warn!(target: "plugin", %tenant, %group, index, "the plugin writes more than {max} lines a second: lines are dropped from here on");
                    continue;
                }
                Verdict::Write { after: 0 } => {}
                Verdict::Write { after } => {
                    tracing::warn!(target: "plugin", %tenant, %group, index, dropped = after, "{after} lines of the plugin were dropped before the next one");
                }
            }
            match level {
                LogLevel::Trace => tracing::trace!(target: "plugin", %tenant, %group, index, "{message}"),
                LogLevel::Debug => tracing::debug!(target: "plugin", %tenant, %group, index, "{message}"),
                LogLevel::Info => tracing::info!(target: "plugin", %tenant, %group, index, "{message}"),
                LogLevel::Warn => tracing::warn!(target: "plugin", %tenant, %group, index, "{message}"),
                LogLevel::Error => tracing::error!(target: "plugin", %tenant, %group, index, "{message}"),
            }
        }
    }
}

fn is_wanted(level: LogLevel) -> bool {
    match level {
        LogLevel::Trace => enabled!(target: "plugin", Level::TRACE),
        LogLevel::Debug => enabled!(target: "plugin", Level::DEBUG),
        LogLevel::Info => enabled!(target: "plugin", Level::INFO),
        LogLevel::Warn => enabled!(target: "plugin", Level::WARN),
        LogLevel::Error => enabled!(target: "plugin", Level::ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lines_are_dropped_past_so_many_a_second_and_counted() {
        let begin = Instant::now();
        let mut budget = Budget::new(2, begin);
        let write = Verdict::Write { after: 0 };
        assert!((0..20).all(|_| budget.take(begin) == write), "ten seconds' worth at once");
        assert_eq!(budget.take(begin), Verdict::BeginDropping);
        assert!((0..7).all(|_| budget.take(begin) == Verdict::Drop));
        let later = begin + Duration::from_secs(1);
        assert_eq!(budget.take(later), Verdict::Write { after: 8 });
        assert_eq!([budget.take(later), budget.take(later)], [write, Verdict::BeginDropping], "two a second");
        assert_eq!(budget.dropped, 9);
        let silence = later + Duration::from_secs(3600);
        assert_eq!(budget.take(silence), Verdict::Write { after: 1 });
        assert!((0..19).all(|_| budget.take(silence) == write), "never more than ten seconds' worth");
        assert_eq!(budget.take(silence), Verdict::BeginDropping);
    }

    #[test]
    fn a_group_of_which_no_line_is_wanted_writes_none() {
        let mut budget = Budget::new(0, Instant::now());
        assert_eq!(budget.take(Instant::now()), Verdict::BeginDropping);
        assert_eq!(budget.take(Instant::now() + Duration::from_secs(60)), Verdict::Drop);
    }
}

//! What is printed at the end.

use super::{
    checks::{self, Check},
    crash::Crash,
    facts::{Facts, GroupFacts},
};
use crate::cli::output::{Report, size, table, table_text};
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Before a check that held.
const HELD: &str = "✓";

/// Before one that did not.
const BROKEN: &str = "✗";

/// What the column of unknown commands means.
const UNKNOWN: &str = "Unknown: on their way to the leader when it was killed; each may have been applied or not, and none is sent twice.";

/// The whole demo.
#[derive(Debug, Serialize)]
pub(super) struct DemoReport {
    /// Whether all checks held.
    pub(super) held: bool,
    groups: Vec<GroupRow>,
    killed: Crash,
    leaders: Vec<LeaderRow>,
    checks: Vec<Check>,
    /// Where the data and the logs of the nodes are, when they were kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct GroupRow {
    name: &'static str,
    commands: u64,
    acknowledged: u64,
    rejected: u64,
    trapped: u64,
    unknown: u64,
    sent_again: u64,
    /// The longest time without an acknowledged command after the leader was killed.
    failover_ms: Option<u64>,
    elapsed_ms: u64,
    commands_per_second: u64,
    latency_p50_us: u64,
    latency_p99_us: u64,
    latency_max_us: u64,
    snapshot_bytes: u64,
}

/// A leader, as the plugin put it in the group's log.
#[derive(Debug, Serialize)]
struct LeaderRow {
    group: &'static str,
    term: u64,
    /// As the hosts saw it.
    node: Option<u64>,
    /// The entry with which the plugin noted it.
    index: u64,
}

impl From<&Facts> for DemoReport {
    fn from(facts: &Facts) -> Self {
        let checks = checks::all(facts);
        Self {
            held: checks.iter().all(|check| check.held),
            groups: vec![GroupRow::from(&facts.kv), GroupRow::from(&facts.counter)],
            killed: facts.crash,
            leaders: leaders(&facts.kv).chain(leaders(&facts.counter)).collect(),
            checks,
            folder: None,
        }
    }
}

impl From<&GroupFacts> for GroupRow {
    fn from(facts: &GroupFacts) -> Self {
        let counts = &facts.counts;
        let latencies = &counts.latencies_microseconds;
        Self {
            name: facts.name,
            commands: counts.decided(),
            acknowledged: counts.acknowledged,
            rejected: counts.rejected,
            trapped: counts.trapped,
            unknown: counts.unknown,
            sent_again: counts.sent_again,
            failover_ms: counts.failover.map(milliseconds),
            elapsed_ms: milliseconds(counts.elapsed),
            commands_per_second: counts.per_second(),
            latency_p50_us: latencies.value_at_quantile(0.5),
            latency_p99_us: latencies.value_at_quantile(0.99),
            latency_max_us: latencies.max(),
            snapshot_bytes: facts.snapshot_bytes,
        }
    }
}

fn leaders(facts: &GroupFacts) -> impl Iterator<Item = LeaderRow> {
    let seen = move || facts.settled.replicas.iter().flat_map(|replica| &replica.leaders_seen);
    let row = move |noted: &super::ask::NotedLeader| LeaderRow {
        group: facts.name,
        term: noted.term,
        node: seen().find(|seen| seen.term == noted.term).map(|seen| seen.node),
        index: noted.index,
    };
    facts.settled.leaders.iter().map(row)
}

impl Report for DemoReport {
    fn human(&self) -> String {
        let mut parts = vec![self.groups_text(), self.leaders_text(), self.checks_text(), self.verdict()];
        if let Some(folder) = &self.folder {
            parts.push(format!("The data and the logs of the nodes are in {}", folder.display()));
        }
        parts.join("\n\n")
    }
}

impl DemoReport {
    fn groups_text(&self) -> String {
        let mut table = table(&[
            "GROUP",
            "COMMANDS",
            "REJECTED",
            "UNKNOWN",
            "FAILOVER",
            "PER SECOND",
            "P50",
            "P99",
            "SNAPSHOT",
        ]);
        for group in &self.groups {
            table.add_row([
                group.name,
                &group.commands.to_string(),
                &group.rejected.to_string(),
                &group.unknown.to_string(),
                &group.failover_ms.map_or("-".to_owned(), |pause| time_text(pause.saturating_mul(1000))),
                &group.commands_per_second.to_string(),
                &time_text(group.latency_p50_us),
                &time_text(group.latency_p99_us),
                &size(group.snapshot_bytes),
            ]);
        }
        let text = table_text(&table);
        if self.groups.iter().all(|group| group.unknown == 0) {
            return text;
        }
        format!("{text}\n {UNKNOWN}")
    }

    fn leaders_text(&self) -> String {
        let mut table = table(&["LEADERS SEEN BY PLUGINS", "TERM", "NODE", "NOTED AT INDEX", ""]);
        for leader in &self.leaders {
            let node = leader.node.map_or("?".to_owned(), |node| node.to_string());
            let killed = leader.group == super::stage::COUNTER && leader.term == self.killed.term;
            let fate = if killed {
                format!("killed after {} commands", self.killed.killed_at)
            } else {
                String::new()
            };
            table.add_row([leader.group, &leader.term.to_string(), &node, &leader.index.to_string(), &fate]);
        }
        table_text(&table)
    }

    fn checks_text(&self) -> String {
        let mut table = table(&["CHECKS", "FOUND"]);
        for check in &self.checks {
            let mark = if check.held { HELD } else { BROKEN };
            table.add_row([&format!("{mark} {}", check.claim), &check.detail]);
        }
        table_text(&table)
    }

    fn verdict(&self) -> String {
        let all = self.checks.len();
        match self.checks.iter().filter(|check| !check.held).count() {
            0 => format!("All {all} checks held."),
            broken => format!("{broken} of {all} checks did not hold."),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time for people, in a fitting unit.
fn time_text(microseconds: u64) -> String {
    match microseconds {
        0..1000 => format!("{microseconds} us"),
        1000..1_000_000 => format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100),
        _ => format!("{}.{:02} s", microseconds / 1_000_000, microseconds % 1_000_000 / 10_000),
    }
}

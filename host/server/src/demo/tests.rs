//! The checks and the report, on facts as they should be and on others.

use super::{
    ask::NotedLeader,
    checks::{self, Check},
    crash::Crash,
    facts::{Alone, Facts, GroupFacts},
    packages::Packages,
    replicas::{Settled, tests::replica},
    report::DemoReport,
    stage::{COUNTER, KV},
    tally::{Counts, Tally},
};
use crate::cli::output::Report;
use serde_json::json;
use std::time::Duration;

fn packages(names: &[&str]) -> Packages {
    names.iter().map(|&name| (name.to_owned(), "1.0.0".to_owned())).collect()
}

fn group(name: &'static str, acknowledged: u64, unknown: u64) -> GroupFacts {
    let mut counts = Counts {
        acknowledged,
        unknown,
        elapsed: Duration::from_secs(2),
        failover: (name == COUNTER).then_some(Duration::from_millis(1540)),
        ..Tally::start().counts()
    };
    counts.latencies_microseconds.record_n(900, acknowledged).expect("in the bounds");
    let leaders = vec![NotedLeader { term: 2, index: 5 }, NotedLeader { term: 4, index: 60 }];
    let settled = Settled { replicas: vec![replica(1), replica(2), replica(3)], leaders };
    GroupFacts { name, counts, snapshot_bytes: 2048, settled }
}

/// As it should be: 100 increments, 3 of them unknown, of which one was applied.
fn facts() -> Facts {
    let pairs = packages(&["a", "b"]);
    let alone = (1..=3).map(|node| Alone { node, total: 98, pairs: pairs.clone() }).collect();
    Facts {
        packages: pairs.clone(),
        increments: 100,
        crash: Crash { node: 1, term: 2, killed_at: 50, started_at: 75 },
        counter: group(COUNTER, 97, 3),
        kv: group(KV, 2, 0),
        total: 98,
        pairs,
        alone,
    }
}

/// The checks that do not hold when something is spoilt.
fn broken(spoil: impl FnOnce(&mut Facts)) -> Vec<Check> {
    let mut facts = facts();
    spoil(&mut facts);
    checks::all(&facts).into_iter().filter(|check| !check.held).collect()
}

fn names(checks: &[Check]) -> Vec<&str> {
    checks.iter().map(|check| check.name).collect()
}

#[test]
fn all_checks_hold_when_all_is_as_it_should_be() {
    assert_eq!(broken(|_| ()), []);
    for total in [97, 100] {
        let holds = broken(|facts| {
            facts.total = total;
            facts.alone.iter_mut().for_each(|alone| alone.total = total);
        });
        assert_eq!(holds, [], "unknown commands may have been applied or not");
    }
}

#[test]
fn a_counter_outside_of_what_clients_were_told_is_found() {
    for total in [96, 101] {
        let broken = broken(|facts| {
            facts.total = total;
            facts.alone.iter_mut().for_each(|alone| alone.total = total);
        });
        assert_eq!(names(&broken), ["nothing_lost_or_twice"]);
        assert!(broken[0].detail.contains("97 acknowledged, at most 100"), "{}", broken[0].detail);
    }
}

#[test]
fn commands_that_were_refused_or_forgotten_are_found() {
    let decided = ["all_commands_decided"];
    assert_eq!(names(&broken(|facts| facts.kv.counts.rejected = 1)), decided);
    assert_eq!(names(&broken(|facts| facts.counter.counts.trapped = 1)), decided);
    assert_eq!(names(&broken(|facts| facts.increments = 101)), decided);
}

#[test]
fn stored_pairs_that_are_not_the_file_are_found() {
    let both = ["kv_holds_the_file", "same_answers_alone"];
    let less = broken(|facts| facts.pairs = packages(&["a"]));
    assert_eq!(names(&less), both);
    assert!(less[0].detail.contains("1 missing (b)"), "{}", less[0].detail);
    let more = broken(|facts| facts.pairs = packages(&["a", "b", "c", "d", "e", "f"]));
    assert!(more[0].detail.contains("4 too many (c, d, e, ...)"), "{}", more[0].detail);
    let other = broken(|facts| *facts.pairs.get_mut("a").expect("a") = "2.0.0".to_owned());
    assert!(other[0].detail.contains("1 different (a)"), "{}", other[0].detail);
}

#[test]
fn a_cluster_that_did_not_go_on_is_found() {
    assert_eq!(names(&broken(|facts| facts.counter.counts.failover = None)), ["failed_over"]);
}

#[test]
fn replicas_that_differ_are_found() {
    let one = broken(|facts| facts.kv.settled.replicas[2].digest = "ff".repeat(16));
    assert_eq!(names(&one), ["kv_replicas_equal"]);
    assert!(one[0].detail.contains("node 3 at 70 with ffffffffffff"), "{}", one[0].detail);
    let other = broken(|facts| facts.counter.settled.replicas[0].applied = 60);
    assert_eq!(names(&other), ["counter_replicas_equal"]);
    assert!(names(&broken(|facts| facts.kv.settled = Settled::default())).contains(&"kv_replicas_equal"));
}

#[test]
fn a_replica_that_answers_otherwise_on_its_own_is_found() {
    let total = broken(|facts| facts.alone[0].total = 90);
    assert_eq!(names(&total), ["same_answers_alone"]);
    assert!(total[0].detail.contains("node 1"), "{}", total[0].detail);
    assert_eq!(names(&broken(|facts| facts.alone[2].pairs.clear())), ["same_answers_alone"]);
    assert_eq!(names(&broken(|facts| facts.alone.clear())), ["same_answers_alone"], "nobody was asked");
}

#[test]
fn leaders_that_the_plugin_did_not_see_are_found() {
    let seen = ["plugin_saw_the_leaders"];
    let noted = |term| NotedLeader { term, index: 9 };
    for leaders in
        [vec![], vec![noted(2)], vec![noted(4)], vec![noted(4), noted(2)], vec![noted(2), noted(3)]]
    {
        assert_eq!(names(&broken(|facts| facts.counter.settled.leaders = leaders)), seen);
    }
}

#[test]
fn the_report_is_a_table_and_the_checks_with_a_mark_each() {
    let text = DemoReport::from(&facts()).human();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            " GROUP         COMMANDS  REJECTED  UNKNOWN  FAILOVER  PER SECOND  P50     P99     SNAPSHOT",
            " demo/kv       2         0         0        -         1           900 us  900 us  2.0 KiB",
            " demo/counter  100       0         3        1.54 s    48          900 us  900 us  2.0 KiB",
        ]
    );
    assert!(lines.iter().any(|line| line.ends_with("killed after 50 commands")), "{text}");
    assert_eq!(lines.iter().filter(|line| line.starts_with(" ✓ ")).count(), 8, "{text}");
    assert!(text.ends_with("All 8 checks held."), "{text}");
    assert!(text.contains("\n Unknown: "), "{text}");
    let known = Facts { counter: group(COUNTER, 100, 0), ..facts() };
    assert!(!DemoReport::from(&known).human().contains("Unknown: "));
    let spoilt = DemoReport::from(&Facts { total: 0, ..facts() }).human();
    let broken = spoilt.lines().find(|line| line.starts_with(" ✗ nothing is lost or counted twice "));
    assert!(broken.is_some_and(|line| line.contains("the counter is at 0; ")), "{spoilt}");
    assert!(spoilt.ends_with("2 of 8 checks did not hold."), "{spoilt}");
}

#[test]
fn the_report_in_json_has_stable_names() {
    let report = serde_json::to_value(DemoReport::from(&facts())).expect("it is plain");
    assert_eq!(report["held"], true);
    assert_eq!(report["groups"][1]["name"], COUNTER);
    assert_eq!(report["groups"][1]["failover_ms"], 1540);
    assert_eq!(report["groups"][0]["failover_ms"], json!(null));
    assert_eq!(report["groups"][1]["latency_p50_us"], 900);
    assert_eq!(report["killed"], json!({"node": 1, "term": 2, "killed_at": 50, "started_at": 75}));
    assert_eq!(report["leaders"][3], json!({"group": COUNTER, "term": 4, "node": 2, "index": 60}));
    assert_eq!(report["checks"][1]["name"], "nothing_lost_or_twice");
    assert_eq!(report.get("folder"), None);
}

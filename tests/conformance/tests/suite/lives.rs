//! Real components through lives of all sorts: three replicas that restart, lose commits, are evicted, install snapshots, take
//! checkpoints at once and in the background, are asked and told things, must answer, burn and hold the same.

use crate::components::{component, engine, subject};
use bytes::Bytes;
use quorate_guests::Guest;
use quorate_rehearsal::Subject;
use quorate_replica::{
    CheckpointResult,
    ports::{GroupLimits, Outcome},
    testing::lives::{Lives, Random},
};
use std::collections::BTreeMap;

/// How much of it a language that is compiled goes through, and how much one that is interpreted.
const COMPILED: (u64, u64) = (6, 120);
const INTERPRETED: (u64, u64) = (1, 40);
const SEEDS: u64 = 4;
const ENTRIES: u64 = 120;

/// Keeps a store with what commands say, traps at those with an exclamation mark in front, and rejects those with a minus
/// after writing.
const CELLS: &str = "
    (if (i32.and (i32.gt_u (local.get $len) (i32.const 0))
                 (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)))
        (then (call $put (local.get $ptr) (local.get $len) (local.get $ptr) (local.get $len)) unreachable))
    (call $put (local.get $ptr) (i32.const 2) (local.get $ptr) (local.get $len))
    (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 45))
        (then (return (call $err (local.get $ptr) (local.get $len)))))
    (call $ok_u64 (i64.extend_i32_u (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.mul (i32.const 4) (local.get $len)))))";

/// Answers with the address that the allocator would give next: it shows what else was on the instance.
const ADDRESS: &str = "(call $ok_u64 (i64.extend_i32_u (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $len))))";

fn count(random: &mut Random) -> Bytes {
    match random.below(16) {
        0 => "trap".into(),
        1 => "subtract 1000000".into(),
        2 => "where".into(),
        3 => "draw".into(),
        4 => format!("note-leader {}", random.below(90)).into(),
        5 => "x".repeat(random.length(3_000)).into(),
        6 => "dance".into(),
        7 => format!("subtract {}", random.below(5)).into(),
        _ => format!("add {}", random.below(100)).into(),
    }
}

fn ask_counter(random: &mut Random) -> Bytes {
    match random.below(6) {
        0 => "leaders".into(),
        1 => "y".repeat(random.length(10_000)).into(),
        2 => "add 1".into(),
        _ => "get".into(),
    }
}

fn change(random: &mut Random) -> Bytes {
    let key = random.below(6);
    match random.below(16) {
        0 => format!("delete k{key}").into(),
        1 => format!("create k{key} {}", random.below(9)).into(),
        2 => format!("swap k{key} {}", "s".repeat(random.length(2_000))).into(),
        3 => format!("delete-range k{key} k{}", key + 2).into(),
        4 | 5 => format!("expire k{key} {}", 1_000 + random.below(4_000)).into(),
        6 => "dance".into(),
        7 => format!("put {} 1", "n".repeat(random.length(1_100))).into(),
        8 => format!("cas k{key} 1 2").into(),
        _ => format!("put k{key} {}", random.below(9)).into(),
    }
}

fn look_up(random: &mut Random) -> Bytes {
    match random.below(4) {
        0 => "scan k".into(),
        1 => format!("nonsense {}", "z".repeat(random.length(5_000))).into(),
        _ => format!("get k{}", random.below(6)).into(),
    }
}

fn misbehave(random: &mut Random) -> Bytes {
    let fault = match random.below(10) {
        0 => "trap".into(),
        1 => "spin".into(),
        2 => "panic all is lost".into(),
        3 => "reject no".into(),
        4 => format!("huge-reply {}", random.below(20_000)),
        5 => "log 3".into(),
        _ => format!("allocate {}", random.below(2_500_000)),
    };
    match random.below(12) {
        0 => format!("on-save {}", ["log 1", "log 1", "reject no", "trap", "spin"][random.length(5)]).into(),
        1 => format!("on-timer {fault}").into(),
        2 | 3 => format!("set-timer {} {}", random.below(4), random.below(200)).into(),
        4 => format!("cancel-timer {}", random.below(4)).into(),
        5 => format!("set {}", "t".repeat(random.length(6_000))).into(),
        6 => format!("note {}", "n".repeat(random.length(300))).into(),
        7 => format!("on-leader-start {fault}").into(),
        8 => "random".into(),
        _ => format!("set-and text{} {fault}", random.below(9)).into(),
    }
}

fn provoke(random: &mut Random) -> Bytes {
    match random.below(6) {
        0 => "trap".into(),
        1 => "spin".into(),
        2 => "recurse".into(),
        _ => peek(random),
    }
}

fn peek(random: &mut Random) -> Bytes {
    match random.below(4) {
        0 => format!("allocate {}", random.below(20_000)).into(),
        1 => format!("log {}", random.below(9)).into(),
        2 => "noted".into(),
        _ => "get".into(),
    }
}

fn write_cell(random: &mut Random) -> Bytes {
    let mark = ["!", "-", "+", "+", "+", "+"][random.length(6)];
    // Some too long for a value, or for the memory.
    let most = [9_000, 60_000][random.length(2)];
    format!("{mark}{} {}", random.below(9), "v".repeat(random.length(most))).into()
}

fn read_cell(random: &mut Random) -> Bytes {
    "q".repeat(random.length(4_000)).into()
}

fn texts(questions: &[&'static str]) -> Vec<Bytes> {
    questions.iter().copied().map(Bytes::from).collect()
}

fn counter(subject: Subject, entries: u64) -> Lives {
    Lives {
        plugin: subject.plugin,
        digest: subject.digest,
        limits: subject.limits,
        entries,
        command: count,
        query: ask_counter,
        harmless: ask_counter,
        questions: texts(&["get", "leaders"]),
    }
}

fn kv(subject: Subject, entries: u64) -> Lives {
    let questions = texts(&["scan k", "scan n"]);
    Lives { command: change, query: look_up, harmless: look_up, questions, ..counter(subject, entries) }
}

/// With little fuel and memory, so that whether a command has enough hangs on all that was done before.
fn faulty() -> Lives {
    let limits = GroupLimits {
        fuel_per_command: 2_000_000,
        fuel_per_query: 2_000_000,
        fuel_per_callback: 2_000_000,
        fuel_per_snapshot: 20_000_000,
        memory_bytes_max: 4 << 20,
        reply_bytes_max: 10_000,
        timer_delay_ms_min: 10,
        ..GroupLimits::default()
    };
    let subject = Subject { limits, ..component("faulty.wasm") };
    let questions = texts(&["get", "noted"]);
    Lives { command: misbehave, query: provoke, harmless: peek, questions, ..counter(subject, ENTRIES) }
}

/// A store machine with little memory.
fn cells() -> Lives {
    let plugin = engine().compile(&Guest::store().lifecycle("").apply(CELLS).query(ADDRESS).bytes()).unwrap();
    let limits = GroupLimits { memory_bytes_max: 2 << 16, value_bytes_max: 40_000, ..GroupLimits::default() };
    let subject = Subject { digest: plugin.digest(), plugin, limits };
    let (query, harmless) = (read_cell as fn(&mut Random) -> Bytes, read_cell as fn(&mut Random) -> Bytes);
    Lives { command: write_cell, query, harmless, questions: texts(&[""]), ..counter(subject, ENTRIES) }
}

/// Plays it, and counts what was met.
#[track_caller]
fn play(what: &str, lives: &Lives, seeds: u64) -> BTreeMap<String, u64> {
    let mut met = BTreeMap::new();
    for seed in 0..seeds {
        let lived = lives.play(seed).unwrap_or_else(|why| panic!("{what}, seed {seed}: {why}"));
        for (deed, count) in lived.deeds {
            *met.entry(deed.to_owned()).or_default() += count;
        }
        for result in lived.results.values() {
            let checkpoint = result.checkpoint.as_ref().map(|checkpoint| match checkpoint {
                CheckpointResult::Taken(_) => "checkpoint taken",
                CheckpointResult::UnderWay { .. } => "checkpoint under way",
                CheckpointResult::Failed(_) => "checkpoint failed",
            });
            let calls = result.commands.iter().map(|call| match &call.outcome {
                Outcome::Reply(_) => "reply".to_owned(),
                Outcome::Rejection(_) => "rejection".to_owned(),
                Outcome::Trapped(trap) => trap.kind.to_string(),
                Outcome::Frozen => "frozen".to_owned(),
                Outcome::Session(answer) => format!("of a session: {answer:?}"),
            });
            for what in checkpoint.map(str::to_owned).into_iter().chain(calls) {
                *met.entry(what).or_default() += 1;
            }
        }
    }
    met
}

#[track_caller]
fn assert_met(met: &BTreeMap<String, u64>, expected: &[&str]) {
    let missing: Vec<_> = expected.iter().filter(|what| !met.contains_key(**what)).collect();
    assert!(missing.is_empty(), "{missing:?} of {met:?}");
}

/// What is done to replicas of either kind.
const DEEDS: [&str; 7] =
    ["apply", "call back", "evict", "install a snapshot", "lose commits", "query", "restart"];

pub(crate) fn agree(language: &str, name: &str) {
    let Some(subject) = subject(language, name) else { return };
    let (seeds, entries) = if matches!(language, "rust" | "c") { COMPILED } else { INTERPRETED };
    let lives = if name == "kv" { kv(subject, entries) } else { counter(subject, entries) };
    let met = play(&format!("{language}-{name}"), &lives, seeds);
    assert_met(&met, &["reply", "rejection", "restart", "query"]);
}

#[test]
fn a_memory_machine_that_misbehaves_is_the_same_in_all_its_lives() {
    let met = play("faulty", &faulty(), SEEDS);
    assert_met(&met, &DEEDS);
    assert_met(
        &met,
        &["checkpoint failed", "checkpoint taken", "checkpoint under way", "prepare a checkpoint"],
    );
    assert_met(&met, &["limit exceeded", "out of fuel", "out of memory", "reply", "rejection", "trap"]);
}

#[test]
fn a_store_machine_that_misbehaves_is_the_same_in_all_its_lives() {
    let met = play("cells", &cells(), SEEDS);
    assert_met(&met, &DEEDS);
    assert_met(&met, &["limit exceeded", "out of memory", "reply", "rejection", "take a snapshot", "trap"]);
}

/// The plays must be able to tell: let one query in a few onto an instance that applies commands.
#[test]
fn a_query_on_an_apply_instance_would_be_noticed() {
    let rust = |name| subject("rust", name).expect("Rust is never skipped");
    let all = [
        ("faulty", faulty()),
        ("cells", cells()),
        ("counter", counter(rust("counter"), ENTRIES)),
        ("kv", kv(rust("kv"), ENTRIES)),
    ];
    for (what, lives) in all {
        for seed in 0..SEEDS {
            let noticed = lives.play_with_queries_on_the_apply_instance(seed).err();
            let noticed = noticed.unwrap_or_else(|| panic!("{what}, seed {seed}: nothing was noticed"));
            assert!(
                noticed.contains("made of entry") || noticed.contains("gave other outcomes"),
                "{what}: {noticed}"
            );
        }
    }
}

//! Native plugins through lives of all sorts: what heap histories do to fuel and memory is planned there, so that this is quick.

use super::harness::{BOTH, FUEL, MEMORY_BYTES, limits, trap_kind};
use crate::{
    CheckpointResult,
    testing::{
        NativePlugin,
        lives::{Lives, Random},
    },
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::{collections::BTreeMap, sync::Arc};

const ENTRIES: u64 = 150;
const SEEDS: u64 = 20;

fn command(random: &mut Random) -> Bytes {
    let name = random.below(5);
    let text = match random.below(24) {
        0 => "trap".into(),
        1 => "reject".into(),
        2 => format!("remove n{name}"),
        3 => "clear".into(),
        // Near the budget: whether it fits hangs on the heap.
        4 | 5 => format!("burn {}", FUEL - 200 + random.below(100)),
        6 | 7 => format!("take {}", random.below(MEMORY_BYTES / 2)),
        8 => format!("reply {}", random.below(130)),
        9 => format!("emit topic {}", random.below(130)),
        10 => format!("add {} 1", "n".repeat(random.length(70))),
        11 => ["break-save", "break-load", "mend", "mend"][random.length(4)].into(),
        12 => "time".into(),
        13..=15 => format!("timer {} {}", random.below(12), random.below(300)),
        16 => format!("cancel {}", random.below(12)),
        _ => format!("add n{name} {}", random.below(100)),
    };
    text.into()
}

fn query(random: &mut Random) -> Bytes {
    match random.below(8) {
        0 => "trap".into(),
        1 => format!("burn {}", FUEL - 100).into(),
        _ => harmless(random),
    }
}

fn harmless(random: &mut Random) -> Bytes {
    match random.below(6) {
        0 => format!("take {}", random.below(MEMORY_BYTES)).into(),
        1 => "sum".into(),
        _ => format!("get n{}", random.below(5)).into(),
    }
}

fn lives(kind: MachineKind) -> Lives {
    let names = ["n0", "n1", "n2", "n3", "n4", "replied", "emitted", "rejected", "trapped"];
    Lives {
        plugin: Arc::new(NativePlugin::new(kind)),
        digest: PluginDigest::of(b"native"),
        limits: limits(),
        entries: ENTRIES,
        command,
        query,
        harmless,
        questions: names.iter().map(|name| format!("get {name}").into()).collect(),
    }
}

#[test]
fn replicas_with_different_lives_come_to_the_same() {
    for kind in BOTH {
        for seed in 0..SEEDS {
            if let Err(difference) = lives(kind).play(seed) {
                panic!("{kind} machine, seed {seed}: {difference}");
            }
        }
    }
}

#[test]
fn a_query_on_the_apply_instance_would_be_noticed() {
    for kind in BOTH {
        for seed in 0..SEEDS {
            let noticed = lives(kind).play_with_queries_on_the_apply_instance(seed);
            assert!(noticed.is_err(), "{kind} machine, seed {seed}");
        }
    }
}

#[test]
fn the_lives_of_the_test_meet_everything_they_should() {
    let mut seen = BTreeMap::new();
    for seed in 0..SEEDS {
        let lived = lives(MachineKind::Memory).play(seed).expect("shown by the test above");
        for result in lived.results.values() {
            match &result.checkpoint {
                Some(CheckpointResult::Taken(_)) => {
                    *seen.entry("checkpoint taken".to_owned()).or_insert(0) += 1;
                }
                Some(CheckpointResult::Failed(failure)) => {
                    let what = if failure.to_string().contains("trapped") { "save" } else { "load" };
                    *seen.entry(format!("{what} failed")).or_insert(0) += 1;
                }
                Some(CheckpointResult::UnderWay { .. }) => {
                    *seen.entry("checkpoint under way".to_owned()).or_insert(0) += 1;
                }
                None => {}
            }
            for call in &result.commands {
                let what = match trap_kind(call) {
                    Some(kind) => kind.to_string(),
                    None => "answered".to_owned(),
                };
                *seen.entry(what).or_insert(0) += 1;
            }
        }
    }
    let expected = [
        "answered",
        "checkpoint taken",
        "checkpoint under way",
        "limit exceeded",
        "load failed",
        "out of fuel",
        "out of memory",
        "save failed",
        "trap",
    ];
    assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{seen:?}");
    assert!(seen.values().all(|count| *count >= 5), "{seen:?}");
}

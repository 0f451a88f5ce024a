//! What instances and compiled code cost.

use super::{
    Subject, Subjects, component, config_with_cache,
    driver::{Driver, commands, group, one},
    table::{Table, microseconds, shown},
};
use quorate_machine::{CodeOrigin, Engine};
use quorate_replica::ports::{GroupLimits, Outcome, Plugin};
use std::time::{Duration, Instant};

/// Instances that are made in a round.
const INSTANCES: u32 = 500;
/// Commands that a memory machine does again after a trap.
const BEHIND_CHECKPOINT: usize = 1_000;

pub(super) fn measure(subjects: &Subjects, rounds: u32) -> Table {
    let mut table = Table::new("Instances and compiled code", &["what", "best"]);
    let mut row = |what: String, took: Duration| table.row([what, shown(microseconds(took))]);
    for subject in [&subjects.store, &subjects.memory] {
        let what = format!("a fresh instance of a {} machine, and its end", subject.kind);
        row(what, best(rounds, || fresh(subject)));
    }
    let what = "trap, and the next command answered: store machine".to_owned();
    row(what, best(rounds, || trap_and_next(&subjects.store, 0)));
    for commands in [0, BEHIND_CHECKPOINT] {
        let what = format!(
            "trap, and the next command answered: memory machine, {commands} commands behind its checkpoint"
        );
        row(what, best(rounds, || trap_and_next(&subjects.memory, commands)));
    }
    for name in ["tally-store", "counter", "kv"] {
        let (compiled, loaded) = compile_and_load(&component(name), rounds.min(5));
        row(format!("{name}: check and compile"), compiled);
        row(format!("{name}: check and load compiled code"), loaded);
    }
    table
}

fn best(rounds: u32, measure: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(measure)
        .take(usize::try_from(rounds).unwrap_or(usize::MAX))
        .min()
        .unwrap_or_default()
}

fn fresh(subject: &Subject) -> Duration {
    let (group, limits) = (group(), GroupLimits::default());
    let begun = Instant::now();
    for _ in 0..INSTANCES {
        drop(subject.component.start(&group, &limits).expect("it starts"));
    }
    begun.elapsed() / INSTANCES
}

/// What it takes until the command behind one that traps is answered: a memory machine is made again from its checkpoint.
fn trap_and_next(subject: &Subject, behind_checkpoint: usize) -> Duration {
    let mut driver = Driver::new(subject.component.clone());
    driver.apply(quorate_replica::EntryBody::Checkpoint { time_ms: 1_000 });
    for command in commands(behind_checkpoint, 64) {
        driver.apply(one(command));
    }
    let begun = Instant::now();
    let result = driver.apply(one(tally::TRAP));
    driver.apply(one("ready?"));
    let took = begun.elapsed();
    assert!(matches!(result.commands[0].outcome, Outcome::Trapped(_)), "{result:?}");
    took
}

/// How long compiling a component takes, and loading what was compiled of it.
pub(super) fn compile_and_load(bytes: &[u8], rounds: u32) -> (Duration, Duration) {
    let (mut compiled, mut loaded) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(&config_with_cache(&folder.path().join("code"))).expect("it starts");
        let take = |origin| {
            let begun = Instant::now();
            let plugin = engine.compile(bytes).expect("it compiles");
            let took = begun.elapsed();
            assert_eq!(plugin.origin(), origin);
            took
        };
        compiled = compiled.min(take(CodeOrigin::Compiled));
        loaded = loaded.min(take(CodeOrigin::Cached));
    }
    (compiled, loaded)
}

//! A few seeds, and the planted bugs that few seeds catch. `cargo xtask sim` runs many.

use quorate_simulation::{Bug, Settings, catch, run, run_seeds, shrink};

const STEPS: u64 = 5_000;
const SEEDS_PER_BUG: u64 = 80;
/// They take many seeds to show, and are left to `cargo xtask sim --planted`.
const SLOW_BUGS: [Bug; 8] = [
    Bug::WokenTwice,
    Bug::VerdictUnheard,
    Bug::RemovedReplicaAgain,
    Bug::ForgetVote,
    Bug::IgnoreLostSnapshot,
    Bug::RefuseNeedlessSnapshot,
    Bug::LeaseOutlives,
    Bug::JointByHalf,
];

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[test]
fn seeds_violate_nothing_and_get_everywhere() {
    let campaign = run_seeds(&Settings::new(0, STEPS), 1, 120, threads(), &|_| {});
    let failures: Vec<String> = campaign
        .failures
        .iter()
        .map(|(settings, outcome)| format!("{}: {:?}", settings.command(), outcome.violation))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // A simulation that never gets to a state proves nothing about it.
    let rare = [
        "snapshots unused",
        "histories undecided",
        "observers behind",
        "entries lost with majorities",
        "lost replicas set aside",
        "needless recoveries asked for",
        "states corrupted",
        "logs damaged",
        "replacements asked for",
        "verdicts",
        "replicas outvoted",
        "replicas given up",
        "comparisons undecided",
        "majorities lost to corruption",
        "newcomers replaced",
        "changes of members taken back",
        "replicas an operator removed",
    ];
    for (name, count) in campaign.coverage.counters() {
        assert!(count > 0 || rare.contains(&name), "no {name}:\n{}", campaign.coverage);
    }
}

#[test]
fn the_same_seed_runs_the_same_way() {
    for seed in 1..=5 {
        let hash = |seed| run(&Settings::new(seed, STEPS)).trace_hash;
        assert_eq!(hash(seed), hash(seed), "seed {seed} decides not all that happens");
        assert_ne!(hash(seed), hash(seed + 100));
    }
}

#[test]
fn a_trace_in_words_changes_nothing() {
    let settings = Settings::new(3, STEPS);
    let told = run(&Settings { keeps_trace: true, ..settings.clone() });
    assert!(!told.trace.is_empty());
    assert_eq!(told.trace_hash, run(&settings).trace_hash);
}

#[test]
fn planted_bugs_are_caught() {
    let quick = Bug::ALL.iter().copied().filter(|bug| !SLOW_BUGS.contains(bug));
    let missed: Vec<Bug> = quick.filter(|bug| catch(*bug, 1, SEEDS_PER_BUG, STEPS).by.is_none()).collect();
    assert!(missed.is_empty(), "not caught within {SEEDS_PER_BUG} seeds: {missed:?}");
}

#[test]
fn a_failing_run_shrinks_to_a_smaller_one_that_fails_the_same_way() {
    let (_, settings, outcome) = catch(Bug::OwnClock, 1, SEEDS_PER_BUG, STEPS).by.expect("it is caught");
    let violation = outcome.violation.expect("it is caught by something");
    let (smaller, smaller_violation) = shrink(&settings, &violation);
    assert_eq!(smaller_violation.invariant, violation.invariant);
    assert!(smaller.steps <= settings.steps && smaller.without.len() > 3, "{}", smaller.command());
    assert_eq!(run(&smaller).violation.as_ref(), Some(&smaller_violation));
}

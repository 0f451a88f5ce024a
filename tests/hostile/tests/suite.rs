//! Plays every hostile plugin.

use quorate_hostile::{corpus, stage};
use std::collections::BTreeSet;

/// Fewer would not be a corpus.
const CASES_MIN: usize = 40;

fn play(topic: &str) {
    let (_, cases) = corpus::TOPICS.iter().find(|(name, _)| *name == topic).expect("a topic of the corpus");
    let failures: Vec<String> = cases()
        .iter()
        .filter_map(|case| stage::play(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(failures.is_empty(), "{} of {topic} went wrong:\n{}", failures.len(), failures.join("\n"));
}

macro_rules! topics {
    ($($topic:ident),*) => {
        $(#[test]
        fn $topic() {
            play(stringify!($topic));
        })*

        #[test]
        fn every_topic_is_played() {
            let played = [$(stringify!($topic)),*];
            let all: Vec<&str> = corpus::TOPICS.iter().map(|(name, _)| *name).collect();
            assert_eq!(played[..], all[..]);
        }
    };
}

topics!(
    abi,
    binaries,
    callbacks,
    compiling,
    contract,
    determinism,
    floods,
    loops,
    memory,
    snapshots,
    start,
    stores,
    timers
);

#[test]
fn the_corpus_is_large_and_every_case_has_a_name_of_its_own() {
    let cases = corpus::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(names.len() >= CASES_MIN, "{} cases", names.len());
}

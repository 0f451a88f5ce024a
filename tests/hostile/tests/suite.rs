//! Plays every hostile plugin.

use quorate_hostile::{corpus, stage};
use std::{collections::BTreeSet, fs, path::Path};

/// Fewer would not be a corpus.
const CASES_MIN: usize = 40;

fn play(topic: &str) {
    let topic = corpus::TOPICS.iter().find(|one| one.name == topic).expect("a topic of the corpus");
    let failures: Vec<String> = (topic.cases)()
        .iter()
        .filter_map(|case| stage::play(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(failures.is_empty(), "{} of {} went wrong:\n{}", failures.len(), topic.name, failures.join("\n"));
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
            let all: Vec<&str> = corpus::TOPICS.iter().map(|topic| topic.name).collect();
            assert_eq!(played[..], all[..]);
        }
    };
}

topics!(
    abi,
    background,
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
    timers,
    upgrades
);

#[test]
fn the_corpus_is_large_and_every_case_has_a_name_of_its_own() {
    let cases = corpus::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(names.len() >= CASES_MIN, "{} cases", names.len());
}

#[test]
fn the_book_lists_every_case() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/hostile-plugins.md");
    let found = fs::read_to_string(path).expect("the page of the book");
    assert!(
        found == quorate_hostile::page::page(),
        "the page is not what it should be: cargo run -p quorate-hostile --example page"
    );
}

//! The page of the book that lists the hostile plugins.

use crate::{case::Verdict, corpus};
use std::fmt::Write as _;

const HEAD: &str = "\
# Hostile plugins

What the tests hold against the sandbox, one line each: components written to do harm, or to do it without meaning to. Each
runs on the real engine, in a replica beside a twin that is opened again before every step, while healthy groups run on the
same engine. It is either refused when it is uploaded, with a message that says why, or contained: the call, the checkpoint
or the upgrade fails with a message fit for people, the two replicas hold the same, and all commands of the neighbours
succeed. The components are in `tests/hostile`, which writes this page: `cargo run -p quorate-hostile --example page`.
";

/// The page, as it must stand in the book.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for topic in corpus::TOPICS {
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {}\n\n", topic.title);
        for case in (topic.cases)() {
            let verdict = match case.verdict {
                Verdict::Refused { .. } => "refused",
                Verdict::Contained { .. } => "contained",
            };
            let _ = writeln!(page, "- {}: {verdict}", case.name);
        }
    }
    page
}

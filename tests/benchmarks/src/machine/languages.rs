//! The counter in other languages, beside that in Rust.

use super::{
    component, config,
    driver::{Driver, group},
    instances::compile_and_load,
    table::{Table, microseconds, shown},
};
use bytes::Bytes;
use quorate_machine::Engine;
use quorate_replica::ports::{GroupLimits, Plugin};
use std::time::{Duration, Instant};

/// Their names, and those of their folders, by which their plugins begin.
const LANGUAGES: [(&str, &str); 5] =
    [("Rust", "rust"), ("C", "c"), ("Go", "go"), ("JavaScript", "js"), ("Python", "python")];
/// Commands of one entry.
const IN_ENTRY: usize = 100;
/// Entries in a round.
const ENTRIES: usize = 20;
/// Slow languages are measured less often.
const ROUNDS_MAX: u32 = 5;

pub(super) fn measure(rounds: u32) -> Table {
    let rounds = rounds.min(ROUNDS_MAX);
    let head = ["language", "size", "one command", "beside Rust", "instance", "compile", "load"];
    let mut table = Table::new("The counter in other languages", &head);
    let engine = Engine::new(&config()).expect("the engine starts");
    let mut rust = None;
    for (language, folder) in LANGUAGES {
        let name = format!("{folder}-counter");
        if !is_there(&format!("{name}.wasm")) {
            // It says in its own file why this machine cannot build it.
            let why = if is_there(&format!("{folder}.skipped")) { "skipped" } else { "not there" };
            table.row([language.into(), why.into()]);
            continue;
        }
        let bytes = component(&name);
        let plugin = engine.compile(&bytes).expect("it compiles");
        let (mut command, mut instance) = (Duration::MAX, Duration::MAX);
        let mut driver = Driver::new(plugin.clone());
        let add = vec![Bytes::from_static(b"add 1"); IN_ENTRY];
        for _ in 0..rounds {
            command = command.min(driver.per_command(ENTRIES, &add));
            let begun = Instant::now();
            drop(plugin.start(&group(), &GroupLimits::default()).expect("it starts"));
            instance = instance.min(begun.elapsed());
        }
        let (compiled, loaded) = compile_and_load(&bytes, 1);
        let rust = *rust.get_or_insert(command);
        table.row([
            language.into(),
            format!("{} KiB", bytes.len() / 1024),
            shown(microseconds(command)),
            format!("{:.1} times", crate::figures::ratio(command, rust)),
            shown(microseconds(instance)),
            shown(microseconds(compiled)),
            shown(microseconds(loaded)),
        ]);
    }
    table
}

fn is_there(file: &str) -> bool {
    let folder = std::env::var_os("QUORATE_PLUGINS").map(std::path::PathBuf::from).unwrap_or_default();
    folder.join(file).exists()
}

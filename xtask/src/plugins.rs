//! Building the plugins of the repository, as `quorate plugin build` does.

use crate::{cargo::say, languages, place};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders of plugins, and the name each built component gets.
const FOLDERS: [(&str, &str); 10] = [
    ("plugins/counter", "counter"),
    ("plugins/kv", "kv"),
    ("plugins/lock", "lock"),
    ("plugins/queue", "queue"),
    ("plugins/faulty", "faulty"),
    ("plugins/tally-memory", "tally-memory"),
    ("plugins/tally-store", "tally-store"),
    ("plugins/second-counter", "second-counter"),
    ("plugins/second-kv", "second-kv"),
    ("examples/plugins/greeter", "greeter"),
];

/// The plugins that are there in every language, in `examples/plugins/LANGUAGE`.
const IN_EVERY_LANGUAGE: [&str; 2] = ["counter", "kv"];

/// Builds all, and returns the folder that holds `NAME.wasm` of each, and `LANGUAGE-NAME.wasm` of those that are there in
/// every language. Where this machine cannot build a language, `LANGUAGE.skipped` holds the reason instead.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = place::plugins()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (source, name) in FOLDERS {
        build_one(source, &folder.join(format!("{name}.wasm")))?;
    }
    for language in languages::ALL {
        let skipped = folder.join(format!("{}.skipped", language.name));
        if let Err(why) = language.ready() {
            say(&format!("SKIPPED: plugins in {}: {why}", language.title));
            fs::write(&skipped, why).with_context(|| format!("cannot write {}", skipped.display()))?;
            continue;
        }
        // What an earlier run left.
        fs::remove_file(&skipped).ok();
        for name in IN_EVERY_LANGUAGE {
            let component = folder.join(format!("{}-{name}.wasm", language.name));
            build_one(&format!("examples/plugins/{}/{name}", language.name), &component)?;
        }
    }
    Ok(folder)
}

fn build_one(source: &str, component: &Path) -> Result<()> {
    say(&format!("building {source}"));
    quorate_toolchain::build_plugin(&place::checkout().join(source), component, &mut |progress| {
        say(&progress.to_string());
    })
    .with_context(|| format!("cannot build {source}"))?;
    Ok(())
}

/// Says once more, behind all that was printed, which languages this machine could not build.
pub(crate) fn say_what_was_skipped() {
    for language in languages::ALL {
        if let Err(why) = language.ready() {
            say(&format!("SKIPPED: the tests of plugins in {}: {why}", language.title));
        }
    }
}

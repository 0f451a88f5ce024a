//! Building the plugins of the repository, as `quorate plugin build` does.

use crate::{cargo::say, place};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// The folders of plugins, and the name each built component gets.
const FOLDERS: [(&str, &str); 8] = [
    ("plugins/counter", "counter"),
    ("plugins/kv", "kv"),
    ("plugins/lock", "lock"),
    ("plugins/queue", "queue"),
    ("plugins/faulty", "faulty"),
    ("plugins/tally-memory", "tally-memory"),
    ("plugins/tally-store", "tally-store"),
    ("examples/plugins/greeter", "greeter"),
];

/// Builds all, and returns the folder that holds `NAME.wasm` of each.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = place::plugins()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (source, name) in FOLDERS {
        let component = folder.join(format!("{name}.wasm"));
        say(&format!("building {source}"));
        quorate_toolchain::build_plugin(&place::checkout().join(source), &component, &mut |progress| {
            say(&progress.to_string());
        })
        .with_context(|| format!("cannot build {source}"))?;
    }
    Ok(folder)
}

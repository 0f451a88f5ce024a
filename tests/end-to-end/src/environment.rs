//! What `cargo xtask test` has built and names in the environment.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
};

fn required(name: &str) -> PathBuf {
    let value = env::var_os(name).unwrap_or_else(|| {
        panic!("{name} is not set: these tests are run by `cargo xtask test`, which builds what they need")
    });
    let path = PathBuf::from(value);
    assert!(path.exists(), "{name} names {}, which is not there: run `cargo xtask test`", path.display());
    path
}

/// The `quorate` binary under test.
///
/// # Panics
/// When `QUORATE_BINARY` does not name it.
#[must_use]
pub fn binary() -> PathBuf {
    required("QUORATE_BINARY")
}

/// The folder with the plugins of the repository, built as components.
///
/// # Panics
/// When `QUORATE_PLUGINS` does not name it.
#[must_use]
fn plugins() -> PathBuf {
    required("QUORATE_PLUGINS")
}

/// Whether this machine cannot build plugins in this language, which is then said where everybody sees it.
///
/// # Panics
/// When `QUORATE_PLUGINS` does not name the folder that tells.
#[must_use]
pub fn skipped(language: &str) -> bool {
    let why = fs::read_to_string(plugins().join(format!("{language}.skipped")));
    if let Ok(why) = &why {
        // Not by a macro: the output of those is kept back when a test passes.
        let _ = writeln!(io::stderr(), "skipped: plugins in {language}: {}", why.trim().replace('\n', " "));
    }
    why.is_ok()
}

/// A plugin of the repository, built as a component.
///
/// # Panics
/// When the folder that `QUORATE_PLUGINS` names does not hold it.
#[must_use]
pub fn component(name: &str) -> PathBuf {
    let path = plugins().join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is not there: run `cargo xtask test`", path.display());
    path
}

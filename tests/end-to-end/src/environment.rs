//! What `cargo xtask test` has built and names in the environment.

use std::{env, path::PathBuf};

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
pub(crate) fn plugins() -> PathBuf {
    required("QUORATE_PLUGINS")
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

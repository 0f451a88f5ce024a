//! Where things are: the checkout, and the cache outside of it.

use anyhow::{Context, Result};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The root of the checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ stands in the checkout")
}

/// The folder for all that can be made again: `$XDG_CACHE_HOME/quorate`, or `~/.cache/quorate`.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(base.join("quorate"))
}

/// Cargo's target folder, outside the checkout unless CARGO_TARGET_DIR says otherwise.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(target) => Ok(checkout().join(target)),
        None => Ok(cache()?.join("target")),
    }
}

/// The `quorate` binary that [`crate::cargo::build_binaries`] makes.
pub(crate) fn binary() -> Result<PathBuf> {
    Ok(target()?.join("debug/quorate"))
}

/// The `benchmarks` binary, built beside it.
pub(crate) fn benchmarks() -> Result<PathBuf> {
    Ok(target()?.join("debug/benchmarks"))
}

/// The `benchmarks` binary of the profile `release`.
pub(crate) fn released_benchmarks() -> Result<PathBuf> {
    Ok(target()?.join("release/benchmarks"))
}

/// The `simulation` binary, of the profile `sim`.
pub(crate) fn simulation() -> Result<PathBuf> {
    Ok(target()?.join("sim/simulation"))
}

/// Where built plugins are put.
pub(crate) fn plugins() -> Result<PathBuf> {
    Ok(cache()?.join("plugins"))
}

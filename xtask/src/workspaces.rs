//! The workspaces of the repository: the product's own, and those of plugins, which stand alone so that their folders
//! can be copied anywhere.

use crate::{cargo::cargo, place};
use anyhow::Result;
use std::process::Command;

/// The product's own.
pub(crate) const MAIN: &str = "Cargo.toml";
/// Those of plugins.
pub(crate) const OF_PLUGINS: [&str; 3] =
    ["plugins/Cargo.toml", "examples/plugins/greeter/Cargo.toml", "examples/plugins/rust/Cargo.toml"];

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [MAIN].into_iter().chain(OF_PLUGINS)
}

/// Cargo on one of them. Those of plugins share an output folder of their own: their dependencies have other features.
pub(crate) fn cargo_on(manifest: &str, subcommand: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = cargo(subcommand, &["--manifest-path", manifest])?;
    command.args(arguments);
    if manifest != MAIN {
        command.env("CARGO_TARGET_DIR", place::cache()?.join("plugins-target"));
    }
    Ok(command)
}

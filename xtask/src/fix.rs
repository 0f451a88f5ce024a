//! `cargo xtask fix`: the only command that writes to sources.

use crate::{
    cargo::{self, cargo},
    setup,
};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    setup::ready()?;
    cargo::run(&mut cargo("clippy", &["--fix", "--allow-dirty", "--workspace", "--all-targets"])?)?;
    cargo::run(&mut cargo("fmt", &["--all"])?)?;
    cargo::run(&mut cargo("fmt", &["--all", "--manifest-path", "plugins/Cargo.toml"])?)
}

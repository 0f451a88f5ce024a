//! `cargo xtask fix`: the only command that writes to sources.

use crate::{
    cargo, setup,
    workspaces::{self, cargo_on},
};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    setup::ready()?;
    for manifest in workspaces::all() {
        let arguments = ["--fix", "--allow-dirty", "--workspace", "--all-targets"];
        cargo::run(&mut cargo_on(manifest, "clippy", &arguments)?)?;
        cargo::run(&mut cargo_on(manifest, "fmt", &["--all"])?)?;
    }
    Ok(())
}

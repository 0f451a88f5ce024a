//! `cargo xtask test`: every test of the repository.

use crate::{
    cargo::{self, cargo},
    place, plugins, setup, sim,
    workspaces::{self, cargo_on},
};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    setup::ready()?;
    setup::languages();
    let components = plugins::build()?;
    // The logic of the plugins, natively.
    for manifest in workspaces::OF_PLUGINS {
        cargo::run(&mut cargo_on(manifest, "test", &["--locked", "--workspace"])?)?;
    }
    cargo::build_binaries()?;
    // The end-to-end tests start real processes of this binary and upload these components.
    cargo::run(
        cargo("test", &["--locked", "--workspace", "--no-fail-fast"])?
            .env("QUORATE_BINARY", place::binary()?)
            .env("QUORATE_PLUGINS", components),
    )?;
    sim::test()?;
    plugins::say_what_was_skipped();
    Ok(())
}

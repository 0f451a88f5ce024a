//! `cargo xtask test`: every test of the repository.

use crate::{
    cargo::{self, cargo},
    place, plugins, setup, sim,
};
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    setup::ready()?;
    let components = plugins::build()?;
    // The logic of the plugins, natively; their workspace is their own, and so is its output.
    cargo::run(
        cargo("test", &["--locked", "--workspace", "--manifest-path", "plugins/Cargo.toml"])?
            .env("CARGO_TARGET_DIR", place::cache()?.join("plugins-target")),
    )?;
    cargo::build_binaries()?;
    // The end-to-end tests start real processes of this binary and upload these components.
    cargo::run(
        cargo("test", &["--locked", "--workspace", "--no-fail-fast"])?
            .env("QUORATE_BINARY", place::binary()?)
            .env("QUORATE_PLUGINS", components),
    )?;
    sim::test()
}

//! `cargo xtask bench`: what a cluster of real processes can do, measured.

use crate::{
    cargo::{self, cargo},
    place, plugins, setup,
};
use anyhow::Result;
use std::process::Command;

/// The crates of the workspace as fast as can be. The others are optimised in the profile `dev` already, and are not built
/// once more.
const OPTIMISED: [&str; 2] = ["--config", "profile.dev.opt-level=3"];

/// Passed on to the program as they are; see its `--help`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::ready()?;
    let components = plugins::build()?;
    // Within one process, and of parts of a microsecond: nothing but what is released will do.
    if arguments.first().is_some_and(|first| first == "machine") {
        cargo::run(&mut cargo("build", &["--locked", "--release", "--package", "quorate-benchmarks"])?)?;
        return cargo::run(
            Command::new(place::released_benchmarks()?).args(arguments).env("QUORATE_PLUGINS", components),
        );
    }
    cargo::run(cargo("build", &["--locked", "--workspace", "--bins"])?.args(OPTIMISED))?;
    cargo::run(
        Command::new(place::benchmarks()?)
            .args(arguments)
            .env("QUORATE_BINARY", place::binary()?)
            .env("QUORATE_PLUGINS", components),
    )
}

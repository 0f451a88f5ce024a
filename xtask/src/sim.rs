//! `cargo xtask sim`: whole clusters on one thread each, from seeds.

use crate::{
    cargo::{self, cargo},
    place,
};
use anyhow::Result;
use std::process::Command;

/// Passed on to the program as they are; see its `--help`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    build()?;
    cargo::run(Command::new(place::simulation()?).args(arguments))
}

/// What belongs to the tests: seeds without a failure, and planted bugs that are all caught.
pub(crate) fn test() -> Result<()> {
    build()?;
    cargo::run(Command::new(place::simulation()?).args(["--seeds", "500", "--steps", "10000"]))?;
    cargo::run(Command::new(place::simulation()?).arg("--planted"))
}

fn build() -> Result<()> {
    cargo::run(&mut cargo(
        "build",
        &["--locked", "--package", "quorate-simulation", "--profile", "sim", "--bin", "simulation"],
    )?)
}

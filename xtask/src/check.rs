//! `cargo xtask check`: format, lints, documentation and dependencies.

use crate::{
    cargo::{self, cargo, say},
    place, setup,
    workspaces::{self, cargo_on},
};
use anyhow::Result;
use std::{path::PathBuf, process::Command};

/// The version of cargo-deny that is installed when the machine has none.
const CARGO_DENY_VERSION: &str = "0.20.2";

pub(crate) fn run() -> Result<()> {
    for manifest in workspaces::all() {
        cargo::run(&mut cargo_on(manifest, "fmt", &["--all", "--check"])?)?;
    }
    setup::ready()?;
    for manifest in workspaces::all() {
        let arguments = ["--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        cargo::run(cargo_on(manifest, "clippy", &arguments)?.env("CARGO_TERM_PROGRESS_WHEN", "never"))?;
    }
    cargo::run(
        cargo("doc", &["--locked", "--workspace", "--no-deps", "--document-private-items"])?
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    dependencies()
}

fn dependencies() -> Result<()> {
    let deny = cargo_deny()?;
    for manifest in workspaces::all() {
        let check = |what: &[&str]| {
            let mut command = Command::new(&deny);
            command.current_dir(place::checkout()).args(["--manifest-path", manifest, "--locked"]);
            command.args(["--config", "deny.toml", "check"]).args(what);
            command
        };
        cargo::run(&mut check(&["bans", "licenses", "sources"]))?;
        // The advisories are a git repository that has to be fetched: the only check that may be skipped, and
        // only where it cannot be reached.
        if advisories_are_reachable() {
            cargo::run(&mut check(&["advisories"]))?;
        } else {
            say("SKIPPED: advisories of the dependencies, because github.com/rustsec cannot be reached");
        }
    }
    Ok(())
}

fn advisories_are_reachable() -> bool {
    const SECONDS_MAX: &str = "20";
    cargo::succeeds(
        Command::new("timeout")
            .args([SECONDS_MAX, "git", "ls-remote", "--exit-code"])
            .args(["https://github.com/rustsec/advisory-db", "HEAD"])
            .env("GIT_TERMINAL_PROMPT", "0"),
    )
}

/// cargo-deny of the machine, or our own in the cache.
fn cargo_deny() -> Result<PathBuf> {
    if cargo::succeeds(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let root = place::cache()?.join("tools");
    let binary = root.join("bin/cargo-deny");
    if !cargo::succeeds(Command::new(&binary).arg("--version")) {
        cargo::run(
            cargo("install", &["cargo-deny", "--locked", "--version", CARGO_DENY_VERSION, "--root"])?
                .arg(&root)
                .env("CARGO_TARGET_DIR", place::cache()?.join("tools-target")),
        )?;
    }
    Ok(binary)
}

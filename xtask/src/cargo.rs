//! Running cargo and other programs, and saying what runs.

use crate::place;
use anyhow::{Context, Result, bail};
use std::{env, process::Command};

/// Cargo on this workspace, with its output in the cache.
///
/// Always for the whole workspace: features then unify the same way in every command, so that no dependency is
/// built twice.
pub(crate) fn cargo(subcommand: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(place::checkout()).env("CARGO_TARGET_DIR", place::target()?);
    command.arg(subcommand).args(arguments);
    Ok(command)
}

/// Builds the binaries of the workspace.
pub(crate) fn build_binaries() -> Result<()> {
    run(&mut cargo("build", &["--locked", "--workspace", "--bins"])?)
}

/// Runs a program to its end; fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(&format!("{}", Shown(command)));
    let status = command.status().with_context(|| format!("cannot start {}", Shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", Shown(command));
    }
    Ok(())
}

/// Whether a program runs and ends well; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Tells the person who waits what happens now.
#[expect(clippy::print_stderr, reason = "these commands speak to the person who started them")]
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}

struct Shown<'a>(&'a Command);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = std::path::Path::new(self.0.get_program());
        write!(formatter, "{}", program.file_name().unwrap_or(program.as_os_str()).to_string_lossy())?;
        self.0.get_args().try_for_each(|argument| write!(formatter, " {}", argument.to_string_lossy()))
    }
}

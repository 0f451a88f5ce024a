use crate::cli::output::{Report, size};
use serde::Serialize;
use std::path::PathBuf;

/// `plugin new`
#[derive(Debug, Serialize)]
pub(crate) struct NewPluginReport {
    /// The plugin.
    pub(crate) name: String,
    /// The folder that was made.
    pub(crate) folder: PathBuf,
    /// The file with the machine.
    pub(crate) source: PathBuf,
    /// The SDK that it is built with.
    pub(crate) sdk: PathBuf,
    /// Whether its tests are a script, and not those of its language.
    #[serde(skip)]
    pub(crate) tested_by_script: bool,
}

impl Report for NewPluginReport {
    fn human(&self) -> String {
        let (name, folder, source) = (&self.name, self.folder.display(), self.source.display());
        let next = if self.tested_by_script {
            format!(
                "build it with `quorate plugin build {folder}`, and test it with `quorate plugin test {name}.wasm {folder}/tests.toml`"
            )
        } else {
            format!("test it with `cargo test` there, and build it with `quorate plugin build {folder}`")
        };
        format!(
            "made {folder}, which is built with the SDK in {}\nbegin with {source}; {next}",
            self.sdk.display()
        )
    }
}

/// `plugin test`
#[derive(Debug, Serialize)]
pub(crate) struct TestReport {
    /// The component.
    pub(crate) file: PathBuf,
    /// How many cases it was put through.
    pub(crate) cases: usize,
    /// How many steps they have.
    pub(crate) steps: usize,
    /// What all commands and timers burnt.
    pub(crate) fuel: u64,
}

impl Report for TestReport {
    fn human(&self) -> String {
        let Self { file, cases, steps, fuel } = self;
        format!(
            "{} does what its script says: {cases} cases with {steps} steps, which burnt {fuel} of fuel",
            file.display()
        )
    }
}

/// `plugin build`
#[derive(Debug, Serialize)]
pub(crate) struct BuiltReport {
    /// The name of the package it was built from.
    pub(crate) package: String,
    /// Where the component is.
    pub(crate) file: PathBuf,
    /// Its size.
    pub(crate) size_bytes: u64,
    /// The SHA-256 of its bytes.
    pub(crate) digest: String,
    /// The compiler that built it.
    pub(crate) compiler: String,
}

impl Report for BuiltReport {
    fn human(&self) -> String {
        format!(
            "built {} ({}, sha256 {})\nupload it with `quorate plugin upload TENANT/{}@VERSION {}`",
            self.file.display(),
            size(self.size_bytes),
            self.digest,
            self.package,
            self.file.display()
        )
    }
}

/// `plugin check`
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    /// The component.
    pub(crate) file: PathBuf,
    /// Where the plugin keeps its state.
    pub(crate) kind: String,
    /// Whether it is told of changes of leader.
    pub(crate) has_lifecycle: bool,
    /// Whether it is called when its timers fire.
    pub(crate) has_timers: bool,
    /// Its size.
    pub(crate) size_bytes: u64,
    /// The SHA-256 of its bytes.
    pub(crate) digest: String,
    /// What its trial came to.
    pub(crate) trial: TrialSummary,
    /// The engine it was checked and compiled by.
    pub(crate) engine: String,
}

/// The trial in `plugin check`: the same under different conditions, or it would have been refused.
#[derive(Debug, Serialize)]
pub(crate) struct TrialSummary {
    /// How many commands were tried.
    pub(crate) commands: usize,
    /// Whether nobody gave any.
    pub(crate) derived: bool,
    /// How many replied.
    pub(crate) replied: usize,
    /// How many were rejected.
    pub(crate) rejected: usize,
    /// How many trapped.
    pub(crate) trapped: usize,
    /// What the first of those traps said.
    pub(crate) first_trap: Option<String>,
    /// Of a plugin that migrates: what that came to, from a former version of the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) migration: Option<String>,
}

impl TrialSummary {
    fn human(&self) -> String {
        let Self { commands, derived, replied, rejected, trapped, first_trap, migration } = self;
        let trap = first_trap.as_ref().map_or(String::new(), |trap| format!("; the first {trap}"));
        let hint = if *derived { "; try it with commands of its own: --commands FILE" } else { "" };
        let migration = migration.as_ref().map_or(String::new(), |what| format!("\na migration {what}"));
        format!(
            "{commands} commands came to the same under different conditions: {replied} replied, {rejected} rejected, {trapped} trapped{trap}{hint}{migration}"
        )
    }
}

impl Report for CheckReport {
    fn human(&self) -> String {
        format!(
            "{} is a plugin: {} machine, {} lifecycle callbacks, {} timers, {}, sha256 {}\n{}",
            self.file.display(),
            self.kind,
            if self.has_lifecycle { "with" } else { "without" },
            if self.has_timers { "with" } else { "without" },
            size(self.size_bytes),
            self.digest,
            self.trial.human()
        )
    }
}

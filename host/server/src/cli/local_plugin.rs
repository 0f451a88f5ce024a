//! `plugin build` and `plugin check`: what needs no cluster.

use super::{
    arguments::{PluginBuildArguments, PluginCheckArguments},
    failure::Failure,
    lines,
    output::Output,
    report::{BuiltReport, CheckReport, TrialSummary},
};
use crate::{
    api::ApiError,
    examine::{Examined, examine},
};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_machine::{Engine, EngineConfig};
use quorate_proto::reason;
use quorate_toolchain::{BuildError, Progress, build_plugin};
use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

/// Larger files are not even looked at.
pub(crate) const COMPONENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Instances that are alive at once while a plugin is tried: the lives that are compared, and what disturbs them.
const TRIAL_INSTANCES: u32 = 16;

/// Shown while somebody waits; nothing when standard error is no terminal.
pub(super) fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is a constant");
    let spinner = ProgressBar::new_spinner().with_style(style);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// `quorate plugin build`
pub(super) fn build(arguments: &PluginBuildArguments, output: Output) -> Result<(), Failure> {
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => default_out(arguments)?,
    };
    let spinner = spinner();
    let built = build_plugin(&arguments.folder, &out, &mut |step: Progress<'_>| {
        spinner.set_message(step.to_string());
    });
    spinner.finish_and_clear();
    let built = built?;
    output.print(&BuiltReport {
        package: built.package,
        file: built.component,
        size_bytes: built.component_bytes,
        digest: built.digest,
        compiler: built.compiler,
    })
}

/// The name of the plugin's folder, in the current one.
fn default_out(arguments: &PluginBuildArguments) -> Result<PathBuf, Failure> {
    let folder = arguments.folder.canonicalize().map_err(|error| {
        let message = format!("the folder {} cannot be read: {error}", arguments.folder.display());
        Failure::new(reason::FILE_FAILED, message)
            .cure("name the folder that holds the plugin's Cargo.toml or quorate.toml")
    })?;
    match folder.file_name() {
        // Appended: the folder `kv.v2` is not about a file `kv`.
        Some(name) => Ok(PathBuf::from([name, OsStr::new(".wasm")].into_iter().collect::<OsString>())),
        None => {
            Err(Failure::new(reason::FILE_FAILED, "the root folder is no plugin").cure("name its folder"))
        }
    }
}

/// `quorate plugin check`
pub(super) fn check(arguments: PluginCheckArguments, output: Output) -> Result<(), Failure> {
    let bytes = lines::read_whole(&arguments.file, COMPONENT_BYTES_MAX)?;
    let commands = match &arguments.commands {
        Some(file) => lines::read_commands(file)?,
        None => Vec::new(),
    };
    let spinner = spinner();
    spinner.set_message("checking, compiling and trying");
    let engine = trial_engine()?;
    let examined = examine(&engine, &bytes, &commands);
    spinner.finish_and_clear();
    let Examined { checked, trial } = examined.map_err(|refused| Failure::from(ApiError::from(refused)))?;
    output.print(&CheckReport {
        file: arguments.file,
        kind: checked.kind.to_string(),
        has_lifecycle: checked.has_lifecycle,
        has_timers: checked.has_timers,
        size_bytes: u64::try_from(checked.bytes).unwrap_or(u64::MAX),
        digest: checked.digest.to_string(),
        trial: TrialSummary {
            commands: trial.commands,
            derived: commands.is_empty(),
            replied: trial.replied,
            rejected: trial.rejected,
            trapped: trial.trapped,
            first_trap: trial.first_trap,
            migration: trial.migration.map(|migration| match migration {
                Ok(()) => {
                    "of its own state, as one of a former version, went the same way everywhere".to_owned()
                }
                Err(why) => {
                    format!("of its own state, as one of a former version, was refused everywhere: {why}")
                }
            }),
        },
        engine: engine.fingerprint().to_string(),
    })
}

/// An engine for one plugin in a handful of replicas: the pool need not be large.
pub(super) fn trial_engine() -> Result<Engine, Failure> {
    Engine::new(&EngineConfig { instances_max: TRIAL_INSTANCES, ..EngineConfig::default() })
        .map_err(|error| Failure::new(reason::INTERNAL, error.to_string()))
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let reason = match &error {
            BuildError::Io { .. } | BuildError::NoFolder { .. } | BuildError::NoOutputFolder { .. } => {
                reason::FILE_FAILED
            }
            _ => reason::PLUGIN_DOES_NOT_BUILD,
        };
        // Each of these errors says what to do.
        Self::new(reason, error.to_string())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::new(error.reason(), error.to_string()).cure(error.cure())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_after_the_whole_name_of_the_folder() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        for (name, file) in [("kv", "kv.wasm"), ("my.plugin", "my.plugin.wasm")] {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).expect("room");
            let arguments = PluginBuildArguments { folder, out: None };
            assert_eq!(default_out(&arguments).expect("it is there"), PathBuf::from(file));
        }
    }
}

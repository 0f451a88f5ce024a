//! Whether a plugin does the same whatever happens around it, found out before a group runs it.
//!
//! The same commands are run through whole replicas: one that lives on, one that is restarted, asked and told things in
//! between, one that begins from a snapshot, and some whose log packs the commands into entries in other ways. A plugin that
//! migrates goes through it once more, from a former version of the state on. All of it
//! is a function of the plugin and the commands, so it comes to the same wherever it is run.

mod commands;
mod difference;
mod former;
mod life;
mod lives;
mod log;
mod placed;
#[cfg(test)]
mod tests;

pub use commands::derived_commands;
pub use difference::{Difference, TrialConditions};

use crate::{
    ReplicaFault,
    ports::{GroupLimits, LogLine, NoOtherPlugins, Outcome, Plugin, Plugins, Trap},
};
use bytes::Bytes;
use former::{FormerPlugin, NextPlugin};
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// The most commands that are tried; further ones are left out.
pub const TRIAL_COMMANDS_MAX: usize = 256;
/// The most fuel that the commands of one life may burn: when it is gone, the trial is over for all lives.
pub const TRIAL_FUEL_MAX: u64 = 2_000_000_000;
/// Fuel for a command. A trap is charged all of it, so that it is less than groups allow lets more commands be tried.
const FUEL_PER_COMMAND: u64 = 50_000_000;
/// Fuel for a save or a load, of which there are many.
const FUEL_PER_SNAPSHOT: u64 = 1_000_000_000;
/// Fuel for a query or callback: what it comes to does not matter.
const FUEL_PER_DISTURBANCE: u64 = 10_000_000;

/// What an entry of a trial may give back: the most a group may allow.
const ENTRY_OUTPUT_BYTES_MAX: u64 = 1 << 30;

/// The most lines of a log that a report repeats.
const SHOWN_LINES_MAX: usize = 4;

/// What a trial that found no difference came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialReport {
    /// How many commands were tried.
    pub commands: usize,
    /// How many of them replied.
    pub replied: usize,
    /// How many of them rejected.
    pub rejected: usize,
    /// How many of them trapped.
    pub trapped: usize,
    /// What the first trap said, and what the command that met it logged: a panic's words, as a rule.
    pub first_trap: Option<String>,
    /// What they burnt in one life.
    pub fuel: u64,
    /// Of a plugin that migrates: whether it took on the state of a former version, or why it refused.
    pub migration: Option<Result<(), String>>,
}

/// Why a trial did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialFailure {
    /// The plugin did something else under other conditions.
    #[error("the plugin is not deterministic: {0}")]
    NotDeterministic(Box<Difference>),
    /// The host failed, so nothing is known of the plugin.
    #[error("the trial run failed: {0}")]
    Host(ReplicaFault),
}

/// What is tried.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) digest: PluginDigest,
    pub(crate) limits: GroupLimits,
    /// What else it may go over to.
    pub(crate) plugins: Arc<dyn Plugins>,
}

/// Runs a plugin through its trial. Takes as long as the fuel of [`TRIAL_FUEL_MAX`], a handful of times.
///
/// # Errors
/// With the first difference that was found, or the fault of the host that ended the trial.
pub fn run_trial(
    plugin: Arc<dyn Plugin>,
    digest: PluginDigest,
    commands: &[Bytes],
) -> Result<TrialReport, TrialFailure> {
    let limits = GroupLimits {
        fuel_per_command: FUEL_PER_COMMAND,
        fuel_per_snapshot: FUEL_PER_SNAPSHOT,
        fuel_per_query: FUEL_PER_DISTURBANCE,
        fuel_per_callback: FUEL_PER_DISTURBANCE,
        // More than the commands of one entry of a trial can give back: how they are packed must not show.
        entry_output_bytes_max: ENTRY_OUTPUT_BYTES_MAX,
        ..GroupLimits::default()
    };
    let commands = &commands[..commands.len().min(TRIAL_COMMANDS_MAX)];
    let migration = if plugin.migrates() {
        let next = NextPlugin { digest, plugin: plugin.clone() };
        let subject = Subject {
            plugin: Arc::new(FormerPlugin(plugin.clone())),
            digest: FormerPlugin::digest(),
            limits: limits.clone(),
            plugins: Arc::new(next),
        };
        let first = lives::first(&subject, commands, Some(digest))?;
        first.compare_with_disturbed()?;
        first.compare_with_newcomer()?;
        first.migration()
    } else {
        None
    };
    let subject = Subject { plugin, digest, limits, plugins: Arc::new(NoOtherPlugins) };
    let first = lives::first(&subject, commands, None)?;
    first.compare_with_disturbed()?;
    first.compare_with_newcomer()?;
    first.compare_with_repacked(1)?;
    first.compare_with_repacked(log::CHUNK_COMMANDS)?;
    let mut report = TrialReport { commands: first.commands(), migration, ..TrialReport::default() };
    for call in first.calls() {
        match &call.outcome {
            Outcome::Reply(_) => report.replied += 1,
            Outcome::Rejection(_) => report.rejected += 1,
            Outcome::Trapped(trap) => {
                report.trapped += 1;
                report.first_trap.get_or_insert_with(|| with_logs(trap, &call.logs));
            }
            // Trials never freeze, and have no sessions.
            Outcome::Frozen | Outcome::Session(_) => {}
        }
        report.fuel = report.fuel.saturating_add(call.fuel);
    }
    Ok(report)
}

fn with_logs(trap: &Trap, logs: &[LogLine]) -> String {
    let lines: Vec<&str> = logs.iter().take(SHOWN_LINES_MAX).map(|line| line.message.as_str()).collect();
    if lines.is_empty() { trap.to_string() } else { format!("{trap} (it logged: {})", lines.join(" / ")) }
}

use super::answer::trap_name;
use crate::cli::{
    output::{Report, count, table, table_text},
    payload::Payload,
};
use quorate_client::{UpgradeDifference, VerifyUpgradeResponse};
use quorate_proto::v1;
use serde::Serialize;
use std::fmt;

/// `group upgrade --verify`
#[derive(Debug, Serialize)]
pub(crate) struct VerificationReport {
    name: String,
    /// What was tried.
    plugin: String,
    /// The copies began with the state as of this entry.
    from_index: u64,
    /// The last entry that was replayed.
    through_index: u64,
    entries: u64,
    /// How many commands and timers were compared.
    commands: u64,
    /// How many of them ended otherwise.
    differing: u64,
    /// The first of those.
    differences: Vec<DifferenceRow>,
    /// Why the version could not take the state over.
    activation_failure: Option<String>,
    /// Why not all entries were replayed.
    stopped: Option<String>,
}

/// A command or timer that ended otherwise.
#[derive(Debug, Serialize)]
struct DifferenceRow {
    index: u64,
    ordinal: u32,
    /// None of a timer.
    command: Option<Payload>,
    before: Ended,
    after: Ended,
}

/// How it ended.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Ended {
    Reply { reply: Payload },
    Rejection { rejection: Payload },
    Trapped { trap: &'static str, message: String },
    Frozen,
    NotCalled,
}

impl From<Option<v1::Outcome>> for Ended {
    fn from(outcome: Option<v1::Outcome>) -> Self {
        use v1::outcome::Result;
        let Some(outcome) = outcome else { return Self::NotCalled };
        match outcome.result {
            Some(Result::Reply(reply)) => Self::Reply { reply: Payload(reply) },
            Some(Result::Rejection(rejection)) => Self::Rejection { rejection: Payload(rejection) },
            Some(Result::Trapped(trapped)) => {
                Self::Trapped { trap: trap_name(trapped.kind()), message: trapped.message }
            }
            None => Self::Frozen,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply { reply } => write!(formatter, "reply {reply}"),
            Self::Rejection { rejection } => write!(formatter, "rejection {rejection}"),
            Self::Trapped { trap, .. } => write!(formatter, "trapped {trap}"),
            Self::Frozen => formatter.write_str("frozen"),
            Self::NotCalled => formatter.write_str("not called"),
        }
    }
}

impl From<UpgradeDifference> for DifferenceRow {
    fn from(difference: UpgradeDifference) -> Self {
        Self {
            index: difference.index,
            ordinal: difference.ordinal,
            command: difference.command.map(Payload),
            before: difference.before.into(),
            after: difference.after.into(),
        }
    }
}

impl VerificationReport {
    pub(crate) fn new(name: String, plugin: String, tried: VerifyUpgradeResponse) -> Self {
        Self {
            name,
            plugin,
            from_index: tried.from_index,
            through_index: tried.through_index,
            entries: tried.entries,
            commands: tried.commands,
            differing: tried.differing,
            differences: tried.differences.into_iter().map(DifferenceRow::from).collect(),
            activation_failure: tried.activation_failure,
            stopped: tried.stopped,
        }
    }

    pub(crate) fn differing(&self) -> u64 {
        self.differing
    }

    pub(crate) fn activation_failure(&self) -> Option<&str> {
        self.activation_failure.as_deref()
    }
}

impl Report for VerificationReport {
    fn human(&self) -> String {
        if let Some(why) = &self.activation_failure {
            return format!(
                "{} could not take over the state as of entry {}: {why}",
                self.plugin, self.from_index
            );
        }
        let mut text = format!(
            "{} in a copy of {}, from entry {} through {}: {} compared, {} differ",
            self.plugin,
            self.name,
            self.from_index,
            self.through_index,
            count(self.commands, "command", "commands"),
            self.differing
        );
        if let Some(why) = &self.stopped {
            text.push_str(&format!("\nnot all entries were replayed: {why}"));
        }
        if self.differences.is_empty() {
            return text;
        }
        let mut rows = table(&["ENTRY", "PLACE", "COMMAND", "BEFORE", "AFTER"]);
        for row in &self.differences {
            let command = row.command.as_ref().map_or_else(|| "(timer)".to_owned(), Payload::to_string);
            rows.add_row([
                row.index.to_string(),
                row.ordinal.to_string(),
                command,
                row.before.to_string(),
                row.after.to_string(),
            ]);
        }
        format!("{text}\n{}", table_text(&rows))
    }
}

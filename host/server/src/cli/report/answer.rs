use crate::cli::{exit::Exit, failure::Failure, output::Report, payload::Payload};
use quorate_client::{Outcome, Queried, Submitted, TrapKind, reason};
use serde::Serialize;

/// What became of one command or query.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// Its line, of many commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// What the plugin made of it, or why it made nothing.
    #[serde(flatten)]
    pub(crate) kind: AnswerKind,
    /// Of a command: the index of its entry. Of a query: up to where the state it saw was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u64>,
    /// Of a command: its place in the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ordinal: Option<u32>,
    /// Of a command: the time that the leader stamped it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_ms: Option<u64>,
    /// Fuel that it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fuel: Option<u64>,
    /// Of a command of a session: an earlier attempt had been applied, and this is what came of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeated: bool,
}

/// The ways an answer can be. As JSON, the field `outcome` says which.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum AnswerKind {
    /// The plugin did it.
    Reply {
        /// The plugin's bytes.
        reply: Payload,
    },
    /// The plugin refused.
    Rejection {
        /// The plugin's bytes.
        rejection: Payload,
    },
    /// The plugin broke.
    Trapped {
        /// Which way.
        trap: &'static str,
        /// In words.
        message: String,
    },
    /// The plugin was not asked.
    Failed {
        /// Why.
        error: Failure,
    },
    /// It is not known whether the plugin was asked.
    Unknown {
        /// Why.
        error: Failure,
    },
}

pub(super) fn trap_name(kind: TrapKind) -> &'static str {
    match kind {
        TrapKind::Unspecified => "unknown",
        TrapKind::OutOfFuel => "out_of_fuel",
        TrapKind::OutOfMemory => "out_of_memory",
        TrapKind::StackOverflow => "stack_overflow",
        TrapKind::LimitExceeded => "limit_exceeded",
        TrapKind::NotAllowed => "not_allowed",
        TrapKind::Instruction => "instruction",
        TrapKind::Watchdog => "watchdog",
        TrapKind::EntryFull => "entry_full",
    }
}

impl Answer {
    /// What became of a command.
    #[must_use]
    pub(crate) fn of_command(submitted: Submitted) -> Self {
        let position = submitted.position;
        Self {
            line: None,
            kind: submitted.outcome.into(),
            index: Some(position.index),
            ordinal: Some(position.ordinal),
            time_ms: Some(position.time_ms),
            fuel: Some(submitted.fuel),
            repeated: submitted.repeated,
        }
    }

    /// What became of a query.
    #[must_use]
    pub(crate) fn of_query(queried: Queried) -> Self {
        Self {
            line: None,
            kind: queried.outcome.into(),
            index: Some(queried.applied),
            ordinal: None,
            time_ms: None,
            fuel: Some(queried.fuel),
            repeated: false,
        }
    }

    /// A command that got no answer from the plugin.
    #[must_use]
    pub(crate) fn of_failure(error: Failure) -> Self {
        let kind = if error.reason == reason::OUTCOME_UNKNOWN {
            AnswerKind::Unknown { error }
        } else {
            AnswerKind::Failed { error }
        };
        Self { line: None, kind, index: None, ordinal: None, time_ms: None, fuel: None, repeated: false }
    }

    /// Of the command on this line.
    #[must_use]
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// How a process ends that has only this to tell.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        match &self.kind {
            AnswerKind::Reply { .. } => Exit::Done,
            AnswerKind::Rejection { .. } => Exit::Rejected,
            AnswerKind::Trapped { .. } => Exit::Trapped,
            AnswerKind::Failed { .. } => Exit::Failed,
            AnswerKind::Unknown { .. } => Exit::Unknown,
        }
    }
}

impl From<Outcome> for AnswerKind {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reply(reply) => Self::Reply { reply: Payload(reply) },
            Outcome::Rejection(rejection) => Self::Rejection { rejection: Payload(rejection) },
            Outcome::Trapped { kind, message } => Self::Trapped { trap: trap_name(kind), message },
        }
    }
}

impl Report for Answer {
    fn human(&self) -> String {
        let text = match &self.kind {
            AnswerKind::Reply { reply } => reply.to_string(),
            AnswerKind::Rejection { rejection } => format!("rejected: {rejection}"),
            AnswerKind::Trapped { trap, message } => format!("trapped ({trap}): {message}"),
            AnswerKind::Failed { error } => format!("failed ({}): {}", error.reason, error.message),
            AnswerKind::Unknown { error } => format!("unknown ({}): {}", error.reason, error.message),
        };
        match self.line {
            Some(line) => format!("{line}: {}", text.trim_end_matches('\n')),
            None => text,
        }
    }
}

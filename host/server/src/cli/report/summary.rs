use super::{Answer, AnswerKind};
use crate::cli::{
    exit::Exit,
    output::{Report, count},
};
use serde::Serialize;
use std::time::Duration;

/// What became of many commands, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Lines that held a command.
    pub(crate) commands: u64,
    /// Commands the plugin did.
    pub(crate) replies: u64,
    /// Commands the plugin refused.
    pub(crate) rejections: u64,
    /// Commands on which the plugin broke.
    pub(crate) trapped: u64,
    /// Commands that were not applied and will not be.
    pub(crate) failures: u64,
    /// Commands that may or may not be applied.
    pub(crate) unknown: u64,
    /// How long it took.
    pub(crate) elapsed_ms: u64,
}

impl Summary {
    /// Counts an answer.
    pub(crate) fn count(&mut self, answer: &Answer) {
        self.commands += 1;
        *match answer.kind {
            AnswerKind::Reply { .. } => &mut self.replies,
            AnswerKind::Rejection { .. } => &mut self.rejections,
            AnswerKind::Trapped { .. } => &mut self.trapped,
            AnswerKind::Failed { .. } => &mut self.failures,
            AnswerKind::Unknown { .. } => &mut self.unknown,
        } += 1;
    }

    /// Says how long it took.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    }

    /// How the process ends: the gravest of all outcomes counts.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        if self.unknown > 0 {
            Exit::Unknown
        } else if self.failures > 0 {
            Exit::Failed
        } else if self.trapped > 0 {
            Exit::Trapped
        } else if self.rejections > 0 {
            Exit::Rejected
        } else {
            Exit::Done
        }
    }
}

impl Report for Summary {
    fn human(&self) -> String {
        let rate = self.commands.saturating_mul(1000) / self.elapsed_ms.max(1);
        format!(
            "{}: {}, {}, {} trapped, {}, {} unknown ({}.{:03} s, {rate}/s)",
            count(self.commands, "command", "commands"),
            count(self.replies, "reply", "replies"),
            count(self.rejections, "rejection", "rejections"),
            self.trapped,
            count(self.failures, "failure", "failures"),
            self.unknown,
            self.elapsed_ms / 1000,
            self.elapsed_ms % 1000,
        )
    }
}

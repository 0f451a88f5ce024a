//! What a plugin prints, as lines of the log.

use crate::text;
use quorate_replica::ports::{GroupLimits, LogLevel, LogLine};

/// The ends of lines that are not yet whole, of standard output and of standard error.
#[derive(Default)]
pub(crate) struct Printed {
    output: Vec<u8>,
    error: Vec<u8>,
}

impl Printed {
    /// Takes more bytes of one of them, and adds the lines that are whole by now while there is room for them.
    pub(crate) fn print(
        &mut self,
        level: LogLevel,
        bytes: &[u8],
        limits: &GroupLimits,
        logs: &mut Vec<LogLine>,
    ) {
        let rest = if level == LogLevel::Warn { &mut self.error } else { &mut self.output };
        let bytes_max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = piece.strip_suffix(b"\n");
            // What is longer is cut in any case: none of it is kept.
            let room = bytes_max.saturating_add(1).saturating_sub(rest.len());
            let text = whole.unwrap_or(piece);
            rest.extend_from_slice(&text[..text.len().min(room)]);
            if whole.is_some() {
                push(level, rest, limits, logs);
            }
        }
    }

    /// Adds what has no end yet: the call is over.
    pub(crate) fn finish(&mut self, limits: &GroupLimits, logs: &mut Vec<LogLine>) {
        for (level, rest) in [(LogLevel::Info, &mut self.output), (LogLevel::Warn, &mut self.error)] {
            if !rest.is_empty() {
                push(level, rest, limits, logs);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.output.clear();
        self.error.clear();
    }
}

fn push(level: LogLevel, line: &mut Vec<u8>, limits: &GroupLimits, logs: &mut Vec<LogLine>) {
    let count = u64::try_from(logs.len()).unwrap_or(u64::MAX);
    if count < limits.log_lines_per_command_max {
        let bytes_max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
        let message = text::log_line(String::from_utf8_lossy(line).trim_end_matches('\r'), bytes_max);
        logs.push(LogLine { level, message });
    }
    line.clear();
}

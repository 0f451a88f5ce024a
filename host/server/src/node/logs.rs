//! A plugin's log lines, in the node's log.

use quorate_replica::ports::{GroupInfo, LogLevel, LogLine};

/// Writes them, tagged with the group and where in its log they belong.
pub(super) fn log_lines(group: &GroupInfo, index: u64, lines: &[LogLine]) {
    for LogLine { level, message } in lines {
        let group = &group.name;
        match level {
            LogLevel::Trace => tracing::trace!(target: "plugin", %group, index, "{message}"),
            LogLevel::Debug => tracing::debug!(target: "plugin", %group, index, "{message}"),
            LogLevel::Info => tracing::info!(target: "plugin", %group, index, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "plugin", %group, index, "{message}"),
            LogLevel::Error => tracing::error!(target: "plugin", %group, index, "{message}"),
        }
    }
}

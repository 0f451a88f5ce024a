use slog::{Discard, Logger, o};
use std::sync::LazyLock;

/// One for all: each replica's is a child of it.
static SILENT: LazyLock<Logger> = LazyLock::new(|| Logger::root(Discard, o!()));

/// raft asks for a logger. What it says at levels that matter arrives as panics, errors and changes of role, which the
/// host is told as effects; the rest is noise at thousands of groups.
pub(crate) fn silent() -> Logger {
    SILENT.clone()
}

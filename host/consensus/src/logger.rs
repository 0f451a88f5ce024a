use slog::{Discard, Logger, o};

/// raft asks for a logger. What it says at levels that matter arrives as panics, errors and changes of role, which the
/// host is told as effects; the rest is noise at thousands of groups.
pub(crate) fn silent() -> Logger {
    Logger::root(Discard, o!())
}

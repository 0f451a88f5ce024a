use std::process::ExitCode;

/// How the process ends, so that scripts need not read the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// It failed; nothing was changed, or the message says what was.
    Failed,
    /// The command line or the configuration file is not right.
    Usage,
    /// The plugin rejected a command or query: an answer, with the state unchanged.
    Rejected,
    /// It is not known whether a command was applied.
    Unknown,
    /// The plugin trapped; the state is as if the command had never run.
    Trapped,
}

/// What the exit codes mean, as the help shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line or the configuration file is not right
  3  the plugin rejected a command or a query
  4  it is not known whether a command was applied
  5  the plugin trapped
Of many commands (submit --lines) the gravest counts: 4, 1, 5, 3, 0.

Environment:
  QUORATE_SERVER  addresses of nodes, separated by commas; --server goes before it";

impl Exit {
    /// The same, or a failure if all was done.
    #[must_use]
    pub(crate) fn or_failed(self) -> Self {
        if self == Self::Done { Self::Failed } else { self }
    }

    /// The number.
    #[must_use]
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::Unknown => 4,
            Self::Trapped => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

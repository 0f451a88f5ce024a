use quorate_replica::ReplicaFault;

/// Why a script is none.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It is not TOML of this form.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A step of it makes no sense.
    #[error("case {case:?}, step {step}: {why}")]
    Step {
        /// The case.
        case: String,
        /// The step, from 1.
        step: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing to run.
    #[error("it has no [[case]]")]
    Empty,
}

/// How a plugin departed from its script.
#[derive(Debug, thiserror::Error)]
pub enum CaseFailure {
    /// Something else came of a step than the script says.
    #[error("case {case:?}, step {step} ({action}): {why}")]
    Differs {
        /// The case.
        case: String,
        /// The step, from 1.
        step: usize,
        /// What was done.
        action: String,
        /// What was expected, and what was found.
        why: String,
    },
    /// Applying the same log again came to another state.
    #[error(
        "case {case:?}: the replica was restarted, applied the same entries again and came to another state"
    )]
    NotTheSameAgain {
        /// The case.
        case: String,
    },
    /// The host failed, so nothing is known of the plugin.
    #[error("case {case:?}: the host failed: {fault}")]
    Host {
        /// The case.
        case: String,
        /// How.
        fault: ReplicaFault,
    },
}

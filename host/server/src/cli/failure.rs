use super::exit::Exit;
use serde::Serialize;
use std::fmt;

/// Why a command of the command line ends badly: what happened, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// The code, with a page in `docs/errors/`.
    pub(crate) reason: String,
    /// What happened.
    pub(crate) message: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
    /// How the process ends.
    #[serde(skip)]
    pub(crate) exit: Exit,
}

impl Failure {
    /// A failure of this reason.
    pub(crate) fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into(), cause: None, cure: None, exit: Exit::Failed }
    }

    /// Says why.
    #[must_use]
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Ends the process otherwise than with [`Exit::Failed`].
    #[must_use]
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// Text from elsewhere may hold several lines; all stand below the first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n        ")
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.message.trim_end())?;
        if let Some(cause) = &self.cause {
            write!(formatter, "\n  why:  {}", indented(cause))?;
        }
        if let Some(cure) = &self.cure {
            write!(formatter, "\n  cure: {}", indented(cure))?;
        }
        write!(formatter, "\n  code: {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_why_and_what_to_do() {
        let failure =
            Failure::new("NO_QUORUM", "nothing came").cause("two nodes\nare down").cure("start them");
        assert_eq!(
            failure.to_string(),
            "error: nothing came\n  why:  two nodes\n        are down\n  cure: start them\n  code: NO_QUORUM"
        );
        assert_eq!(Failure::new("X", "y").to_string(), "error: y\n  code: X");
    }

    #[test]
    fn a_failure_in_json_has_stable_fields() {
        let failure = Failure::new("NO_QUORUM", "nothing came").cure("start them").exit(Exit::Unknown);
        let json = serde_json::to_string(&failure).expect("it is plain");
        assert_eq!(json, r#"{"reason":"NO_QUORUM","message":"nothing came","cure":"start them"}"#);
    }
}

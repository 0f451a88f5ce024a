use quorate_proto::{reason, v1};
use std::{collections::BTreeMap, error::Error, fmt, time::Duration};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a call failed: what happened, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientError {
    /// The gRPC status code.
    pub code: Code,
    /// The stable code that programs tell errors apart by: one of [`crate::reason`], each with a page that says more.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// Why such a thing happens.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
    /// What else the node said, by key. Boxed, since most errors say nothing else.
    pub metadata: Box<BTreeMap<String, String>>,
}

impl ClientError {
    /// Whether what was asked for may have been done all the same, now or later. With any other error it was not, and
    /// will not be.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.reason == reason::OUTCOME_UNKNOWN
    }

    fn new(code: Code, reason: &str, message: impl Into<String>, cause: &str, cure: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            cause: cause.to_owned(),
            cure: cure.to_owned(),
            metadata: Box::default(),
        }
    }

    /// What a node said with a reason; `None` if the status came from somewhere on the way.
    pub(crate) fn told(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info().filter(|info| info.domain == reason::DOMAIN)?;
        Some(Self::said(status.code(), status.message().to_owned(), info.reason, info.metadata))
    }

    /// What a node said of one command of a stream.
    pub(crate) fn of_command(failure: v1::Failure) -> Self {
        let code = i32::try_from(failure.code).map_or(Code::Unknown, Code::from);
        Self::said(code, failure.message, failure.reason, failure.metadata)
    }

    fn said(
        code: Code,
        message: String,
        reason: String,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut metadata: Box<BTreeMap<_, _>> = Box::new(metadata.into_iter().collect());
        let cause = metadata.remove(reason::metadata::CAUSE).unwrap_or_default();
        let cure = metadata.remove(reason::metadata::CURE).unwrap_or_default();
        Self { code, reason, message, cause, cure, metadata }
    }

    /// The answer to something that may have been done is lost.
    pub(crate) fn lost(how: &str) -> Self {
        Self::new(
            Code::Unavailable,
            reason::OUTCOME_UNKNOWN,
            format!("it is not known whether it was done: {how}"),
            "the connection or the node failed, or was too slow, after the request was sent",
            "look at the state before doing it again, or make it harmless to do twice",
        )
    }

    /// The answer to a command of a session is lost, and asking again came to this.
    pub(crate) fn unresolved(last: &Self) -> Self {
        Self {
            metadata: last.metadata.clone(),
            ..Self::new(
                Code::Unavailable,
                reason::OUTCOME_UNKNOWN,
                format!("it is not known whether it was done: asking again came to: {}", last.message),
                "an answer was lost, and no node could tell in time what became of the command",
                "ask again with the same sequence number while the session lasts; once it has ended, look at the state",
            )
        }
    }

    pub(crate) fn unreachable(address: &str, how: &str) -> Self {
        Self::new(
            Code::Unavailable,
            reason::UNREACHABLE,
            format!("the node at {address} cannot be reached: {how}"),
            "it is down, the address is wrong, or the network between does not let it through",
            "check that a node runs there, and the address",
        )
    }

    /// No node that could be asked knew of a leader, all the time. Nothing was done.
    pub(crate) fn no_leader(group: &str, last: Self) -> Self {
        Self {
            metadata: last.metadata,
            ..Self::new(
                Code::Unavailable,
                reason::NO_QUORUM,
                format!("group {group} has no leader; the last answer: {}", last.message),
                "half or more of the nodes that hold its replicas are down or cut off, or they are still electing one",
                "bring them back until a majority runs: `quorate node list` shows which are missing; while a leader is elected, \
                 allow more time",
            )
        }
    }

    pub(crate) fn too_late(waited: Duration) -> Self {
        Self::new(
            Code::DeadlineExceeded,
            reason::DEADLINE_EXCEEDED,
            format!("no answer came within {waited:?}"),
            "the node or the group is slow or busy, or the time was short",
            "allow more time, or find out what is slow",
        )
    }

    pub(crate) fn unexpected(what: &str) -> Self {
        Self::new(
            Code::Internal,
            reason::INTERNAL,
            what,
            "what answers is no node of this version, or has a defect",
            "check the address, and that client and nodes are of the same release",
        )
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(
            Code::InvalidArgument,
            reason::INVALID_ARGUMENT,
            what,
            "the call was put together wrongly",
            "correct it",
        )
    }

    pub(crate) fn behind_failure() -> Self {
        Self::new(
            Code::Aborted,
            reason::BEHIND_FAILURE,
            "the command was not submitted, because one before it failed",
            "commands of one pipeline are applied in the order in which they were given",
            "open a new pipeline and go on with the first command that failed",
        )
    }

    /// A status that no node gave: it came from gRPC itself, on this side or the other.
    pub(crate) fn of_grpc(address: &str, status: &Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::Cancelled | Code::Unknown => {
                Self::unreachable(address, &describe(status))
            }
            Code::Unimplemented => Self::unexpected("what answers there does not know this call"),
            _ => Self { code: status.code(), ..Self::unexpected(&describe(status)) },
        }
    }

    /// The same error after other attempts before it.
    pub(crate) fn after_attempts(mut self, attempts: u32, waited: Duration) -> Self {
        if attempts > 1 {
            self.message = format!("{} (after {attempts} attempts in {waited:.1?})", self.message);
        }
        self
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for ClientError {}

/// What a status says; its source says what really happened.
pub(crate) fn describe(status: &Status) -> String {
    match status.source() {
        Some(source) => innermost(source),
        None => status.message().to_owned(),
    }
}

/// The error that says what really happened: those of tonic and hyper only say where.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_after_more_than_one_attempt_says_so() {
        let error = ClientError::unreachable("a:1", "refused");
        assert_eq!(error.clone().after_attempts(1, Duration::from_secs(3)), error);
        let after = error.clone().after_attempts(4, Duration::from_secs(3));
        assert_eq!(after.message, format!("{} (after 4 attempts in 3.0s)", error.message));
    }
}

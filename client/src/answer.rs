use crate::{ClientError, Position, TrapKind};
use bytes::Bytes;
use quorate_proto::v1::{self, outcome};
use std::time::Duration;

/// What the plugin made of a command or a query. All three are answers; a failure to get one is a [`ClientError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did it; the bytes are its own.
    Reply(Bytes),
    /// It refused; the state is unchanged and the bytes are its own.
    Rejection(Bytes),
    /// It trapped; the state is as if it had never been asked.
    Trapped {
        /// What kind of trap.
        kind: TrapKind,
        /// What the engine says about it, for people.
        message: String,
    },
}

/// A command that was applied (or rejected, or that trapped).
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    /// Where it stands in the group's log; of a repeat: where it was applied.
    pub position: Position,
    /// What the plugin made of it.
    pub outcome: Outcome,
    /// Fuel that it cost.
    pub fuel: u64,
    /// It was applied before, by an attempt of the same command whose answer was lost.
    pub repeated: bool,
}

/// A query that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Queried {
    /// The index up to which the state that it saw was applied.
    pub applied: u64,
    /// What the plugin made of it.
    pub outcome: Outcome,
    /// Fuel that it cost.
    pub fuel: u64,
}

/// How fresh the state must be that a query sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// Everything that was answered anywhere before the query was sent.
    #[default]
    Linearizable,
    /// The same as long as the clocks of the nodes run alike: a leader that holds a lease answers without asking anybody.
    Lease,
    /// Everything that was answered anywhere until so long before the query was sent.
    Bounded {
        /// How long: from a millisecond to an hour, in whole milliseconds.
        max_staleness: Duration,
    },
    /// What the asked node has applied, however old. Works without a majority.
    Local,
}

impl Consistency {
    /// With `max_staleness_ms`.
    pub(crate) fn to_wire(self) -> (v1::Consistency, u64) {
        let consistency = match self {
            Self::Linearizable => v1::Consistency::Linearizable,
            Self::Local => v1::Consistency::Local,
            Self::Lease => v1::Consistency::Lease,
            Self::Bounded { max_staleness } => {
                let staleness_ms = u64::try_from(max_staleness.as_millis()).unwrap_or(u64::MAX);
                return (v1::Consistency::Bounded, staleness_ms);
            }
        };
        (consistency, 0)
    }
}

/// `None` when it says nothing that this version understands.
fn outcome(outcome: Option<v1::Outcome>) -> Option<(Outcome, u64)> {
    let v1::Outcome { result, fuel } = outcome?;
    let outcome = match result? {
        outcome::Result::Reply(reply) => Outcome::Reply(reply),
        outcome::Result::Rejection(rejection) => Outcome::Rejection(rejection),
        outcome::Result::Trapped(trapped) => {
            Outcome::Trapped { kind: trapped.kind(), message: trapped.message }
        }
    };
    Some((outcome, fuel))
}

impl TryFrom<v1::SubmitResponse> for Submitted {
    type Error = ClientError;

    fn try_from(response: v1::SubmitResponse) -> Result<Self, ClientError> {
        // It was applied, whatever the answer means: doing it again would be wrong.
        let lost = || ClientError::lost("the node's answer says nothing that this version understands");
        let position = response.position.ok_or_else(lost)?;
        let (outcome, fuel) = outcome(response.outcome).ok_or_else(lost)?;
        Ok(Self { position, outcome, fuel, repeated: response.repeated })
    }
}

impl TryFrom<v1::QueryResponse> for Queried {
    type Error = ClientError;

    fn try_from(response: v1::QueryResponse) -> Result<Self, ClientError> {
        let (outcome, fuel) = outcome(response.outcome).ok_or_else(|| {
            ClientError::unexpected("the node's answer says nothing that this version understands")
        })?;
        Ok(Self { applied: response.applied, outcome, fuel })
    }
}

use crate::{NodeId, ReplicaId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a replica is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRole {
    /// Votes, and counts for a majority.
    Voter,
    /// Follows the log and never votes.
    Learner,
    /// Votes, and counts for a majority, but knows of the log only where its entries stand and who the members are: it
    /// holds no commands and no state, never leads, and answers no reads. It is one from its first day to its last.
    Witness,
    /// A witness that does not vote yet, because it has to catch up first.
    WitnessLearner,
}

impl MemberRole {
    /// Whether it counts for a majority.
    #[must_use]
    pub fn votes(self) -> bool {
        matches!(self, Self::Voter | Self::Witness)
    }

    /// Whether it holds no commands and no state. No replica is ever turned from one into the other.
    #[must_use]
    pub fn is_witness(self) -> bool {
        matches!(self, Self::Witness | Self::WitnessLearner)
    }

    /// What it is while it catches up, before it may be this.
    #[must_use]
    pub fn before_it_votes(self) -> Self {
        match self {
            Self::Voter | Self::Learner => Self::Learner,
            Self::Witness | Self::WitnessLearner => Self::WitnessLearner,
        }
    }
}

impl fmt::Display for MemberRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
            Self::Witness => "witness",
            Self::WitnessLearner => "witness that catches up",
        })
    }
}

/// A replica of a group and the node that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// The replica.
    pub replica: ReplicaId,
    /// Where it is.
    pub node: NodeId,
    /// What it is to the group.
    pub role: MemberRole,
}

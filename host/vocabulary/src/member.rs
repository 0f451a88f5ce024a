use crate::{NodeId, ReplicaId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a replica is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    /// Votes, and counts for a majority.
    Voter,
    /// Follows the log and never votes.
    Learner,
}

impl fmt::Display for MemberRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
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

use crate::{HelloRefused, PluginRefusal};
use quorate_vocabulary::NodeId;
use std::time::Duration;

/// A text that is no address of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is not the address of a node ({cause}): give HOST:PORT, such as 10.0.0.7:7400")]
pub struct AddressError {
    /// What was given.
    pub address: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Why a call to another node came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No address of the node is known. Nothing was sent.
    #[error("no address of node {node} is known")]
    UnknownNode {
        /// The node.
        node: NodeId,
    },
    /// The node could not be reached. Nothing was sent.
    #[error("node {node} cannot be reached at {address}: {cause}")]
    Connect {
        /// The node.
        node: NodeId,
        /// Where it was looked for.
        address: String,
        /// What happened.
        cause: String,
    },
    /// The node does not listen to this one. Nothing was done.
    #[error("node {node} at {address} refuses this node: {refused}")]
    Refused {
        /// The node.
        node: NodeId,
        /// Where it was looked for.
        address: String,
        /// Why.
        refused: HelloRefused,
    },
    /// The node lives in another data folder than it is known with. Nothing was sent.
    #[error(
        "node {node} at {address} lives in another data folder than the cluster knows: it has lost what it promised; start it with the folder it had"
    )]
    OtherFolder {
        /// The node.
        node: NodeId,
        /// Where it was looked for.
        address: String,
    },
    /// The call is larger than may be sent. Nothing was sent.
    #[error("{bytes} bytes are more than the {bytes_max} that may be sent to another node at once")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// The connection broke before the answer came. What was asked for may have been done.
    #[error("the connection to node {node} broke before it answered: {cause}")]
    Broken {
        /// The node.
        node: NodeId,
        /// What happened.
        cause: String,
    },
    /// No answer came in time. What was asked for may have been done.
    #[error("node {node} did not answer within {waited:?}")]
    TimedOut {
        /// The node.
        node: NodeId,
        /// How long was waited.
        waited: Duration,
    },
    /// The answer was none that this version knows. What was asked for may have been done.
    #[error("node {node} answered what this version does not understand: {cause}")]
    Answer {
        /// The node.
        node: NodeId,
        /// What is wrong with it.
        cause: String,
    },
    /// This node is shutting down.
    #[error("this node is shutting down")]
    Closed,
}

impl CallError {
    /// Whether what was asked for may have been done all the same.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::UnknownNode { .. }
            | Self::Connect { .. }
            | Self::Refused { .. }
            | Self::OtherFolder { .. }
            | Self::TooLarge { .. } => false,
            Self::Broken { .. } | Self::TimedOut { .. } | Self::Answer { .. } | Self::Closed => true,
        }
    }
}

/// Why a plugin did not come across.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginSendError {
    /// The other node does not take it.
    #[error("{0}")]
    Refused(#[from] PluginRefusal),
    /// The other node does not hold it.
    #[error("node {node} does not hold the plugin")]
    NotFound {
        /// The node.
        node: NodeId,
    },
    /// The other node could not be reached, or the connection broke.
    #[error("{0}")]
    Call(#[from] CallError),
}

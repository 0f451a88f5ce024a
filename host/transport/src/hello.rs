//! How two nodes make sure that they mean each other.

use crate::{Admission, PROTOCOL_VERSION, PeerIdentity};
use prost::Message;
use quorate_proto::peer::v1::{Hello, HelloRefusal, hello_refusal::Kind};
use quorate_vocabulary::{FolderId, NodeId};
use tonic::{Code, Status};

/// Why a node does not listen to another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloRefused {
    /// The call did not begin with a hello.
    #[error("the call did not say who makes it; something else than a node of this version is calling")]
    Missing,
    /// The called node belongs to another cluster.
    #[error("it belongs to the cluster {cluster:?}; correct the address or the cluster's name")]
    WrongCluster {
        /// The called node's cluster.
        cluster: String,
    },
    /// Another node answers at the address.
    #[error("node {node} answers there; correct the address")]
    WrongNode {
        /// The node that answers.
        node: NodeId,
    },
    /// The called node speaks another version.
    #[error(
        "it speaks version {version} of the protocol between nodes, this one {PROTOCOL_VERSION}; run the same release on both"
    )]
    ProtocolVersion {
        /// The version of the called node.
        version: u32,
    },
    /// The called node does not know the caller.
    #[error("it does not know this node, or knows that it has left the cluster")]
    UnknownCaller,
    /// The called node knows the caller with another data folder.
    #[error(
        "it knows this node with another data folder: a node that has lost its folder has forgotten what it promised, and must not come back under its number; start it with the folder it had"
    )]
    OtherFolder,
    /// A refusal that this version does not know.
    #[error("it gives a reason that this version does not know ({0})")]
    Other(i32),
}

impl PeerIdentity {
    pub(crate) fn hello(&self, to: NodeId) -> Hello {
        Hello {
            cluster: self.cluster.clone(),
            from: self.node.0,
            to: to.0,
            protocol_version: PROTOCOL_VERSION,
            folder: self.folder.0,
        }
    }

    /// Who is calling, or the refusal to end the call with.
    pub(crate) fn check(
        &self,
        hello: Option<&Hello>,
        admits: impl FnOnce(NodeId, FolderId) -> Admission,
    ) -> Result<NodeId, Status> {
        let Some(hello) = hello else { return Err(self.missing_hello()) };
        let from = NodeId(hello.from);
        // The version first: another one may mean something else by the other fields.
        if hello.protocol_version != PROTOCOL_VERSION {
            Err(self.refuse(Kind::ProtocolVersion))
        } else if hello.cluster != self.cluster {
            Err(self.refuse(Kind::WrongCluster))
        } else if hello.to != self.node.0 {
            Err(self.refuse(Kind::WrongNode))
        } else if from == self.node {
            Err(self.refuse(Kind::UnknownCaller))
        } else {
            self.admitted(admits(from, FolderId(hello.folder))).map(|()| from)
        }
    }

    /// The refusal of a caller that is not admitted.
    pub(crate) fn admitted(&self, admission: Admission) -> Result<(), Status> {
        match admission {
            Admission::Welcome => Ok(()),
            Admission::Unknown => Err(self.refuse(Kind::UnknownCaller)),
            Admission::OtherFolder => Err(self.refuse(Kind::OtherFolder)),
        }
    }

    pub(crate) fn missing_hello(&self) -> Status {
        self.refuse(Kind::MissingHello)
    }

    fn refuse(&self, kind: Kind) -> Status {
        let refusal = HelloRefusal {
            kind: kind.into(),
            cluster: self.cluster.clone(),
            node: self.node.0,
            protocol_version: PROTOCOL_VERSION,
        };
        Status::with_details(
            Code::FailedPrecondition,
            format!("node {} refuses the call: {}", self.node, kind.as_str_name()),
            refusal.encode_to_vec().into(),
        )
    }
}

/// The refusal in a status, if it is one.
pub(crate) fn refusal_in(status: &Status) -> Option<HelloRefused> {
    if status.code() != Code::FailedPrecondition || status.details().is_empty() {
        return None;
    }
    let refusal = HelloRefusal::decode(status.details()).ok()?;
    Some(match Kind::try_from(refusal.kind).unwrap_or_default() {
        Kind::MissingHello => HelloRefused::Missing,
        Kind::WrongCluster => HelloRefused::WrongCluster { cluster: refusal.cluster },
        Kind::WrongNode => HelloRefused::WrongNode { node: NodeId(refusal.node) },
        Kind::ProtocolVersion => HelloRefused::ProtocolVersion { version: refusal.protocol_version },
        Kind::UnknownCaller => HelloRefused::UnknownCaller,
        Kind::OtherFolder => HelloRefused::OtherFolder,
        Kind::Unspecified => HelloRefused::Other(refusal.kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(cluster: &str, node: u64) -> PeerIdentity {
        PeerIdentity { cluster: cluster.to_owned(), node: NodeId(node), folder: FolderId(node + 100) }
    }

    fn refused(hello: Option<&Hello>) -> HelloRefused {
        let admits = |node, folder| match (node, folder) {
            (NodeId(9), _) => Admission::Unknown,
            (NodeId(number), FolderId(folder)) if folder != number + 100 => Admission::OtherFolder,
            _ => Admission::Welcome,
        };
        let status = identity("blue", 2).check(hello, admits).expect_err("a refusal");
        refusal_in(&status).expect("details")
    }

    #[test]
    fn a_hello_of_the_same_cluster_for_this_node_is_taken() {
        let hello = identity("blue", 1).hello(NodeId(2));
        let from = identity("blue", 2).check(Some(&hello), |_, _| Admission::Welcome).expect("taken");
        assert_eq!(from, NodeId(1));
    }

    #[test]
    fn each_refusal_says_what_is_wrong_and_survives_the_wire() {
        let green = identity("green", 1).hello(NodeId(2));
        let elsewhere = identity("blue", 1).hello(NodeId(3));
        let newer = Hello { protocol_version: 7, ..identity("green", 1).hello(NodeId(3)) };
        let left = identity("blue", 9).hello(NodeId(2));
        let wiped = Hello { folder: 7, ..identity("blue", 1).hello(NodeId(2)) };
        let itself = identity("blue", 2).hello(NodeId(2));
        assert_eq!(refused(None), HelloRefused::Missing);
        assert_eq!(refused(Some(&green)), HelloRefused::WrongCluster { cluster: "blue".to_owned() });
        assert_eq!(refused(Some(&elsewhere)), HelloRefused::WrongNode { node: NodeId(2) });
        assert_eq!(refused(Some(&newer)), HelloRefused::ProtocolVersion { version: PROTOCOL_VERSION });
        assert_eq!(refused(Some(&left)), HelloRefused::UnknownCaller);
        assert_eq!(refused(Some(&wiped)), HelloRefused::OtherFolder);
        assert_eq!(refused(Some(&itself)), HelloRefused::UnknownCaller);
    }

    #[test]
    fn other_failures_are_not_taken_for_refusals() {
        assert_eq!(refusal_in(&Status::unavailable("down")), None);
        assert_eq!(refusal_in(&Status::failed_precondition("something else")), None);
    }
}

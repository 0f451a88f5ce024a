use bytes::Bytes;
use prost::Message;
use quorate_proto::catalog::v1;
use quorate_replica::ports::LimitError;
use quorate_vocabulary::{GroupId, GroupName, NodeId, PluginDigest, PluginReference};

/// Why the catalog refused a change. It is as it was before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The command, or an answer, does not read or holds what it may not.
    #[error("the change is not one: {cause}")]
    Malformed {
        /// What is wrong.
        cause: String,
    },
    /// No node has this number.
    #[error("there is no node {node}: `quorate node list` shows those there are")]
    NodeUnknown {
        /// The number.
        node: NodeId,
    },
    /// The node is given no new replicas.
    #[error("node {node} is draining and is given no new replicas: choose another, or make it active again")]
    NodeDraining {
        /// Which node.
        node: NodeId,
    },
    /// Another node has this address.
    #[error("the address {address} is that of node {node}: every node needs one of its own")]
    AddressTaken {
        /// The address.
        address: String,
        /// Whose it is.
        node: NodeId,
    },
    /// These nodes cannot hold a group together.
    #[error("the nodes do not fit: {cause}")]
    NodesUnfit {
        /// Why.
        cause: String,
    },
    /// No plugin is published under this reference.
    #[error("no plugin {reference} is published: upload it, or choose one that `quorate plugin list` shows")]
    PluginUnknown {
        /// The reference.
        reference: PluginReference,
    },
    /// The version is published with other bytes.
    #[error(
        "{reference} is published already, with the digest {digest}: a version never changes, so give the new bytes another one"
    )]
    VersionTaken {
        /// The reference.
        reference: PluginReference,
        /// What stands under it.
        digest: PluginDigest,
    },
    /// A group runs the plugin.
    #[error("{reference} is run by the group {group}: delete the groups that run it first")]
    PluginInUse {
        /// The reference.
        reference: PluginReference,
        /// One of the groups.
        group: GroupName,
    },
    /// No group has this name.
    #[error("there is no group {name}: `quorate group list` shows those there are")]
    GroupUnknown {
        /// The name.
        name: GroupName,
    },
    /// A group has this name.
    #[error("the name {name} is that of group {id}: choose another, or delete that group first")]
    NameTaken {
        /// The name.
        name: GroupName,
        /// Whose it is.
        id: GroupId,
    },
    /// The node holds no replica of the group, nor is it to.
    #[error("node {node} holds no replica of the group {group}: `quorate group members list` shows which do")]
    MemberUnknown {
        /// The group.
        group: GroupName,
        /// The node.
        node: NodeId,
    },
    /// No group has this number any more, or yet.
    #[error("there is no group with the number {id}")]
    GroupGone {
        /// The number.
        id: GroupId,
    },
    /// The group has run nothing before what it runs.
    #[error("the group {name} has run nothing before what it runs, so there is nothing to roll back to")]
    NothingBefore {
        /// The group.
        name: GroupName,
    },
    /// No upgrade of the group is under way.
    #[error(
        "no upgrade of the group {name} is under way: `quorate group history {name}` shows those that were"
    )]
    NoUpgrade {
        /// The group.
        name: GroupName,
    },
    /// The plugin keeps its state elsewhere than the group's.
    #[error(
        "{reference} is a plugin of another kind than the group {group} runs, and cannot take its state over: create a group of its own for it"
    )]
    KindChanged {
        /// The group.
        group: GroupName,
        /// The plugin.
        reference: PluginReference,
    },
    /// A limit no group may have.
    #[error("the limit {name} is {value}, and must be from {min} to {max}")]
    LimitOutside {
        /// Which limit.
        name: String,
        /// What was asked for.
        value: u64,
        /// The least it may be.
        min: u64,
        /// The most it may be.
        max: u64,
    },
    /// The node of that number lives in another data folder.
    #[error(
        "node {node} is known with another data folder: a node that has lost its folder has forgotten what it promised, and must not come back under its number; start it with the folder it had"
    )]
    OtherFolder {
        /// The node.
        node: NodeId,
    },
    /// The catalog holds as many of something as it may.
    #[error("the catalog holds {max} {what}, which is as many as it may: remove some first")]
    Full {
        /// Of what.
        what: String,
        /// How many it may hold.
        max: u64,
    },
}

impl CatalogError {
    /// The bytes of the rejection.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        v1::Refusal::from(self).encode_to_vec().into()
    }

    /// Reads what [`CatalogError::encode`] wrote; bytes that do not read are [`CatalogError::Malformed`].
    #[must_use]
    pub fn decode(bytes: &Bytes) -> Self {
        match v1::Refusal::decode(bytes.clone()).map_err(crate::wire::damaged).and_then(Self::try_from) {
            Ok(error) | Err(error) => error,
        }
    }
}

impl From<LimitError> for CatalogError {
    fn from(error: LimitError) -> Self {
        let LimitError { name, value, min, max } = error;
        Self::LimitOutside { name: name.to_owned(), value, min, max }
    }
}

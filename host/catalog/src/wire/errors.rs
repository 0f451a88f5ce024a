//! Why a change was refused.

use super::{digest, digest_bytes, malformed, parse};
use crate::CatalogError;
use quorate_proto::catalog::v1;
use quorate_vocabulary::{GroupId, NodeId};

impl From<&CatalogError> for v1::Refusal {
    fn from(error: &CatalogError) -> Self {
        use v1::refusal::Reason;
        let reason = match error.clone() {
            CatalogError::Malformed { cause } => Reason::Malformed(cause),
            CatalogError::NodeUnknown { node } => Reason::NodeUnknown(node.0),
            CatalogError::NodeDraining { node } => Reason::NodeDraining(node.0),
            CatalogError::OtherFolder { node } => Reason::OtherFolder(node.0),
            CatalogError::AddressTaken { address, node } => {
                Reason::AddressTaken(v1::NodeAt { node: node.0, address })
            }
            CatalogError::NodesUnfit { cause } => Reason::NodesUnfit(cause),
            CatalogError::PluginUnknown { reference } => Reason::PluginUnknown(reference.to_string()),
            CatalogError::VersionTaken { reference, digest } => Reason::VersionTaken(v1::PluginAt {
                reference: reference.to_string(),
                digest: digest_bytes(digest),
            }),
            CatalogError::PluginInUse { reference, group } => Reason::PluginInUse(v1::PluginIn {
                reference: reference.to_string(),
                group: group.to_string(),
            }),
            CatalogError::GroupUnknown { name } => Reason::GroupUnknown(name.to_string()),
            CatalogError::NameTaken { name, id } => {
                Reason::NameTaken(v1::GroupAt { name: name.to_string(), id: id.0 })
            }
            CatalogError::MemberUnknown { group, node } => {
                Reason::MemberUnknown(v1::MemberOf { group: group.to_string(), node: node.0 })
            }
            CatalogError::GroupGone { id } => Reason::GroupGone(id.0),
            CatalogError::NothingBefore { name } => Reason::NothingBefore(name.to_string()),
            CatalogError::NoUpgrade { name } => Reason::NoUpgrade(name.to_string()),
            CatalogError::KindChanged { group, reference } => Reason::KindChanged(v1::KindChanged {
                group: group.to_string(),
                reference: reference.to_string(),
            }),
            CatalogError::LimitOutside { name, value, min, max } => {
                Reason::LimitOutside(v1::LimitOutside { name, value, min, max })
            }
            CatalogError::Full { what, max } => Reason::Full(v1::Full { what, max }),
        };
        Self { reason: Some(reason) }
    }
}

impl TryFrom<v1::Refusal> for CatalogError {
    type Error = Self;

    fn try_from(refusal: v1::Refusal) -> Result<Self, Self> {
        use v1::refusal::Reason;
        Ok(match refusal.reason.ok_or_else(|| malformed("the refusal is empty"))? {
            Reason::Malformed(cause) => Self::Malformed { cause },
            Reason::NodeUnknown(node) => Self::NodeUnknown { node: NodeId(node) },
            Reason::NodeDraining(node) => Self::NodeDraining { node: NodeId(node) },
            Reason::OtherFolder(node) => Self::OtherFolder { node: NodeId(node) },
            Reason::AddressTaken(at) => Self::AddressTaken { address: at.address, node: NodeId(at.node) },
            Reason::NodesUnfit(cause) => Self::NodesUnfit { cause },
            Reason::PluginUnknown(reference) => Self::PluginUnknown { reference: parse(&reference)? },
            Reason::VersionTaken(at) => {
                Self::VersionTaken { reference: parse(&at.reference)?, digest: digest(&at.digest)? }
            }
            Reason::PluginInUse(at) => {
                Self::PluginInUse { reference: parse(&at.reference)?, group: parse(&at.group)? }
            }
            Reason::GroupUnknown(name) => Self::GroupUnknown { name: parse(&name)? },
            Reason::NameTaken(at) => Self::NameTaken { name: parse(&at.name)?, id: GroupId(at.id) },
            Reason::MemberUnknown(of) => {
                Self::MemberUnknown { group: parse(&of.group)?, node: NodeId(of.node) }
            }
            Reason::GroupGone(id) => Self::GroupGone { id: GroupId(id) },
            Reason::NothingBefore(name) => Self::NothingBefore { name: parse(&name)? },
            Reason::NoUpgrade(name) => Self::NoUpgrade { name: parse(&name)? },
            Reason::KindChanged(changed) => {
                Self::KindChanged { group: parse(&changed.group)?, reference: parse(&changed.reference)? }
            }
            Reason::LimitOutside(limit) => {
                Self::LimitOutside { name: limit.name, value: limit.value, min: limit.min, max: limit.max }
            }
            Reason::Full(full) => Self::Full { what: full.what, max: full.max },
        })
    }
}

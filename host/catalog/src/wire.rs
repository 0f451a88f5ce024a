//! Between the catalog's own values and the messages that stand in its log, its answers and its snapshots.

mod errors;
mod members;
mod records;
mod upgrades;

use crate::{CatalogCommand, CatalogError, CatalogReply, Change, NodeStatus, PluginToPublish};
use quorate_proto::catalog::v1;
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{CheckpointMode, FolderId, GroupId, MachineKind, NodeId, PluginDigest, ReplicaId};
use std::{fmt::Display, str::FromStr};

/// The format of commands and of the state.
pub(crate) const FORMAT: u32 = 1;

pub(crate) fn damaged(error: prost::DecodeError) -> CatalogError {
    malformed(error)
}

fn malformed(cause: impl Display) -> CatalogError {
    CatalogError::Malformed { cause: cause.to_string() }
}

pub(crate) fn check_format(format: u32) -> Result<(), CatalogError> {
    if format == FORMAT {
        return Ok(());
    }
    Err(malformed(format_args!("it has format {format}, and this version of Quorate reads format {FORMAT}")))
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, CatalogError> {
    text.parse().map_err(malformed)
}

fn digest(bytes: &[u8]) -> Result<PluginDigest, CatalogError> {
    PluginDigest::try_from(bytes).map_err(malformed)
}

fn digest_bytes(digest: PluginDigest) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(digest.as_bytes())
}

fn kind(kind: v1::MachineKind) -> Result<MachineKind, CatalogError> {
    match kind {
        v1::MachineKind::Memory => Ok(MachineKind::Memory),
        v1::MachineKind::Store => Ok(MachineKind::Store),
        v1::MachineKind::Unspecified => Err(malformed("it does not say which kind of machine the plugin is")),
    }
}

fn wire_kind(kind: MachineKind) -> i32 {
    match kind {
        MachineKind::Memory => v1::MachineKind::Memory.into(),
        MachineKind::Store => v1::MachineKind::Store.into(),
    }
}

fn checkpoints(mode: v1::CheckpointMode) -> CheckpointMode {
    match mode {
        v1::CheckpointMode::Background => CheckpointMode::Background,
        v1::CheckpointMode::Unspecified | v1::CheckpointMode::Inline => CheckpointMode::Inline,
    }
}

fn wire_checkpoints(mode: CheckpointMode) -> i32 {
    match mode {
        CheckpointMode::Inline => v1::CheckpointMode::Inline.into(),
        CheckpointMode::Background => v1::CheckpointMode::Background.into(),
    }
}

fn status(status: v1::NodeStatus) -> Result<NodeStatus, CatalogError> {
    match status {
        v1::NodeStatus::Active => Ok(NodeStatus::Active),
        v1::NodeStatus::Draining => Ok(NodeStatus::Draining),
        v1::NodeStatus::Unspecified => Err(malformed("it does not say what the node is to be used for")),
    }
}

fn wire_status(status: NodeStatus) -> i32 {
    match status {
        NodeStatus::Active => v1::NodeStatus::Active.into(),
        NodeStatus::Draining => v1::NodeStatus::Draining.into(),
    }
}

fn nodes(numbers: Vec<u64>) -> Vec<NodeId> {
    numbers.into_iter().map(NodeId).collect()
}

fn numbers(nodes: &[NodeId]) -> Vec<u64> {
    nodes.iter().map(|node| node.0).collect()
}

impl From<&CatalogCommand> for v1::Command {
    fn from(command: &CatalogCommand) -> Self {
        Self { format: FORMAT, actor: command.actor.clone(), change: Some((&command.change).into()) }
    }
}

impl TryFrom<v1::Command> for CatalogCommand {
    type Error = CatalogError;

    fn try_from(command: v1::Command) -> Result<Self, CatalogError> {
        check_format(command.format)?;
        let change = command.change.ok_or_else(|| malformed("it does not say what is to change"))?;
        Ok(Self { actor: command.actor, change: change.try_into()? })
    }
}

impl From<&Change> for v1::command::Change {
    fn from(change: &Change) -> Self {
        match change {
            Change::RegisterNode { node, address, engine_fingerprint, folder } => {
                Self::RegisterNode(v1::RegisterNode {
                    node: node.0,
                    address: address.clone(),
                    engine_fingerprint: engine_fingerprint.clone(),
                    folder: folder.0,
                })
            }
            Change::SetNodeStatus { node, status } => {
                Self::SetNodeStatus(v1::SetNodeStatus { node: node.0, status: wire_status(*status) })
            }
            Change::PublishPlugin(plugin) => Self::PublishPlugin(v1::PublishPlugin {
                reference: plugin.reference.to_string(),
                digest: digest_bytes(plugin.digest),
                bytes: plugin.bytes,
                kind: wire_kind(plugin.kind),
                has_lifecycle: plugin.has_lifecycle,
                has_timers: plugin.has_timers,
                contract_version: plugin.contract_version.clone(),
                held_by: numbers(&plugin.held_by),
            }),
            Change::RemovePlugin { reference } => {
                Self::RemovePlugin(v1::RemovePlugin { reference: reference.to_string() })
            }
            Change::CreateGroup {
                name,
                plugin,
                nodes,
                witnesses,
                limits,
                checkpoints,
                freeze_after_traps,
            } => Self::CreateGroup(v1::CreateGroup {
                name: name.to_string(),
                plugin: plugin.to_string(),
                nodes: numbers(nodes),
                witnesses: numbers(witnesses),
                limits: Some(wire_limits(limits)),
                checkpoints: wire_checkpoints(*checkpoints),
                freeze_after_traps: *freeze_after_traps,
            }),
            Change::SetCheckpoints { name, checkpoints } => Self::SetCheckpoints(v1::SetCheckpoints {
                name: name.to_string(),
                checkpoints: wire_checkpoints(*checkpoints),
            }),
            Change::UpgradeGroup { name, plugin } => Self::UpgradeGroup(v1::UpgradeGroup {
                name: name.to_string(),
                plugin: plugin.as_ref().map(ToString::to_string).unwrap_or_default(),
            }),
            Change::NotePrepared { group, number, node, failure } => Self::NotePrepared(v1::NotePrepared {
                group: group.0,
                number: *number,
                node: node.0,
                failure: failure.clone().unwrap_or_default(),
            }),
            Change::NoteActivation { group, record } => {
                Self::NoteActivation(upgrades::wire_activation(*group, record))
            }
            Change::CancelUpgrade { name } => {
                Self::CancelUpgrade(v1::CancelUpgrade { name: name.to_string() })
            }
            Change::ChangeMembers { name, edit } => Self::ChangeMembers(members::wire_change(name, edit)),
            Change::CompleteMembersChange { group, number } => {
                Self::CompleteMembersChange(v1::CompleteMembersChange { group: group.0, number: *number })
            }
            Change::NoteBroken { group, node, replica, what, renew } => Self::NoteBroken(v1::NoteBroken {
                group: group.0,
                node: node.0,
                replica: replica.0,
                what: what.clone(),
                renew: *renew,
            }),
            Change::NoteRecovery { group, epoch, survivors } => Self::NoteRecovery(v1::NoteRecovery {
                group: group.0,
                epoch: *epoch,
                survivors: members::wire(survivors),
            }),
            Change::ChangeOwnVoters { voters, changes } => {
                Self::ChangeOwnVoters(v1::ChangeOwnVoters { voters: numbers(voters), changes: *changes })
            }
            Change::DeleteGroup { name } => Self::DeleteGroup(v1::DeleteGroup { name: name.to_string() }),
        }
    }
}

impl TryFrom<v1::command::Change> for Change {
    type Error = CatalogError;

    fn try_from(change: v1::command::Change) -> Result<Self, CatalogError> {
        use v1::command::Change as Wire;
        Ok(match change {
            Wire::RegisterNode(register) => Self::RegisterNode {
                node: NodeId(register.node),
                address: register.address,
                engine_fingerprint: register.engine_fingerprint,
                folder: FolderId(register.folder),
            },
            Wire::SetNodeStatus(set) => {
                Self::SetNodeStatus { node: NodeId(set.node), status: status(set.status())? }
            }
            Wire::PublishPlugin(publish) => Self::PublishPlugin(PluginToPublish {
                reference: parse(&publish.reference)?,
                digest: digest(&publish.digest)?,
                bytes: publish.bytes,
                kind: kind(publish.kind())?,
                has_lifecycle: publish.has_lifecycle,
                has_timers: publish.has_timers,
                contract_version: publish.contract_version,
                held_by: nodes(publish.held_by),
            }),
            Wire::RemovePlugin(remove) => Self::RemovePlugin { reference: parse(&remove.reference)? },
            Wire::CreateGroup(create) => Self::CreateGroup {
                checkpoints: checkpoints(create.checkpoints()),
                name: parse(&create.name)?,
                plugin: parse(&create.plugin)?,
                nodes: nodes(create.nodes),
                witnesses: nodes(create.witnesses),
                limits: limits(&create.limits.ok_or_else(|| malformed("it does not say the limits"))?),
                freeze_after_traps: create.freeze_after_traps,
            },
            Wire::SetCheckpoints(set) => {
                Self::SetCheckpoints { checkpoints: checkpoints(set.checkpoints()), name: parse(&set.name)? }
            }
            Wire::UpgradeGroup(upgrade) => Self::UpgradeGroup {
                name: parse(&upgrade.name)?,
                plugin: if upgrade.plugin.is_empty() { None } else { Some(parse(&upgrade.plugin)?) },
            },
            Wire::NotePrepared(note) => Self::NotePrepared {
                group: GroupId(note.group),
                number: note.number,
                node: NodeId(note.node),
                failure: upgrades::text(note.failure),
            },
            Wire::NoteActivation(note) => upgrades::activation(note)?,
            Wire::CancelUpgrade(cancel) => Self::CancelUpgrade { name: parse(&cancel.name)? },
            Wire::ChangeMembers(change) => members::change(change)?,
            Wire::CompleteMembersChange(complete) => {
                Self::CompleteMembersChange { group: GroupId(complete.group), number: complete.number }
            }
            Wire::NoteBroken(note) => Self::NoteBroken {
                group: GroupId(note.group),
                node: NodeId(note.node),
                replica: ReplicaId(note.replica),
                what: note.what,
                renew: note.renew,
            },
            Wire::NoteRecovery(note) => Self::NoteRecovery {
                group: GroupId(note.group),
                epoch: note.epoch,
                survivors: members::read(&note.survivors),
            },
            Wire::ChangeOwnVoters(change) => {
                Self::ChangeOwnVoters { voters: nodes(change.voters), changes: change.changes }
            }
            Wire::DeleteGroup(delete) => Self::DeleteGroup { name: parse(&delete.name)? },
        })
    }
}

impl From<&CatalogReply> for v1::Reply {
    fn from(reply: &CatalogReply) -> Self {
        use v1::reply::Done;
        let done = match reply {
            CatalogReply::Node(node) => Done::Node(node.into()),
            CatalogReply::Plugin(plugin) => Done::Plugin(plugin.into()),
            CatalogReply::PluginRemoved(reference) => Done::PluginRemoved(reference.to_string()),
            CatalogReply::Group(group) => Done::Group(group.into()),
            CatalogReply::OwnMembers(own) => Done::OwnMembers(own.into()),
            CatalogReply::Recovered { epoch } => Done::Recovered(*epoch),
            CatalogReply::GroupDeleted(tombstone) => Done::GroupDeleted(tombstone.into()),
        };
        Self { done: Some(done) }
    }
}

impl TryFrom<v1::Reply> for CatalogReply {
    type Error = CatalogError;

    fn try_from(reply: v1::Reply) -> Result<Self, CatalogError> {
        use v1::reply::Done;
        Ok(match reply.done.ok_or_else(|| malformed("the answer is empty"))? {
            Done::Node(node) => Self::Node(node.try_into()?),
            Done::Plugin(plugin) => Self::Plugin(plugin.try_into()?),
            Done::PluginRemoved(reference) => Self::PluginRemoved(parse(&reference)?),
            Done::Group(group) => Self::Group(group.try_into()?),
            Done::GroupDeleted(tombstone) => Self::GroupDeleted(tombstone.try_into()?),
            Done::OwnMembers(own) => Self::OwnMembers(own.into()),
            Done::Recovered(epoch) => Self::Recovered { epoch },
        })
    }
}

macro_rules! same_fields {
    ($($field:ident),*) => {
        fn wire_limits(limits: &GroupLimits) -> v1::GroupLimits {
            v1::GroupLimits { $($field: limits.$field),* }
        }

        fn limits(limits: &v1::GroupLimits) -> GroupLimits {
            GroupLimits { $($field: limits.$field),* }
        }
    };
}

quorate_replica::with_group_limits!(same_fields);

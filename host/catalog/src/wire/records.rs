//! What the catalog holds.

use super::{
    checkpoints, digest, digest_bytes, kind, limits, malformed, members, nodes, numbers, parse, status,
    wire_checkpoints, wire_kind, wire_limits, wire_status,
};
use crate::{AuditRecord, CatalogError, Group, Node, PublishedPlugin, Tombstone};
use quorate_proto::catalog::v1;
use quorate_vocabulary::{FolderId, GroupId, NodeId, Position};

impl From<&Node> for v1::Node {
    fn from(node: &Node) -> Self {
        Self {
            id: node.id.0,
            address: node.address.clone(),
            engine_fingerprint: node.engine_fingerprint.clone(),
            status: wire_status(node.status),
            folder: node.folder.0,
        }
    }
}

impl TryFrom<v1::Node> for Node {
    type Error = CatalogError;

    fn try_from(node: v1::Node) -> Result<Self, CatalogError> {
        let status = status(node.status())?;
        Ok(Self {
            id: NodeId(node.id),
            address: node.address,
            engine_fingerprint: node.engine_fingerprint,
            status,
            folder: FolderId(node.folder),
        })
    }
}

impl From<&PublishedPlugin> for v1::Plugin {
    fn from(plugin: &PublishedPlugin) -> Self {
        Self {
            reference: plugin.reference.to_string(),
            digest: digest_bytes(plugin.digest),
            bytes: plugin.bytes,
            kind: wire_kind(plugin.kind),
            has_lifecycle: plugin.has_lifecycle,
            has_timers: plugin.has_timers,
            contract_version: plugin.contract_version.clone(),
            held_by: numbers(&plugin.held_by),
            published_ms: plugin.published_ms,
        }
    }
}

impl TryFrom<v1::Plugin> for PublishedPlugin {
    type Error = CatalogError;

    fn try_from(plugin: v1::Plugin) -> Result<Self, CatalogError> {
        let kind = kind(plugin.kind())?;
        Ok(Self {
            reference: parse(&plugin.reference)?,
            digest: digest(&plugin.digest)?,
            bytes: plugin.bytes,
            kind,
            has_lifecycle: plugin.has_lifecycle,
            has_timers: plugin.has_timers,
            contract_version: plugin.contract_version,
            held_by: nodes(plugin.held_by),
            published_ms: plugin.published_ms,
        })
    }
}

impl From<&Group> for v1::Group {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id.0,
            name: group.name.to_string(),
            plugin: group.plugin.to_string(),
            digest: digest_bytes(group.digest),
            kind: wire_kind(group.kind),
            engine_fingerprint: group.engine_fingerprint.clone(),
            members: members::wire(&group.members),
            founders: members::wire(&group.founders),
            changes: group.changes,
            change: group.change.as_ref().map(members::wire_under_way),
            epoch: group.epoch,
            founding: digest_bytes(group.founding),
            upgrades_asked: group.upgrades_asked,
            upgrades: group.upgrades.iter().map(Into::into).collect(),
            freeze_after_traps: group.freeze_after_traps,
            alarms: members::wire_alarms(&group.alarms),
            limits: Some(wire_limits(&group.limits)),
            checkpoints: wire_checkpoints(group.checkpoints),
            created_ms: group.created_ms,
        }
    }
}

impl TryFrom<v1::Group> for Group {
    type Error = CatalogError;

    fn try_from(group: v1::Group) -> Result<Self, CatalogError> {
        let kind = kind(group.kind())?;
        let checkpoints = checkpoints(group.checkpoints());
        let members = members::read(&group.members);
        let founders =
            if group.founders.is_empty() { members.clone() } else { members::read(&group.founders) };
        Ok(Self {
            id: GroupId(group.id),
            name: parse(&group.name)?,
            plugin: parse(&group.plugin)?,
            digest: digest(&group.digest)?,
            kind,
            engine_fingerprint: group.engine_fingerprint,
            founders,
            members,
            changes: group.changes,
            change: group.change.as_ref().map(members::under_way),
            epoch: group.epoch,
            founding: digest(if group.founding.is_empty() { &group.digest } else { &group.founding })?,
            upgrades_asked: group.upgrades_asked,
            upgrades: group.upgrades.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            freeze_after_traps: group.freeze_after_traps,
            alarms: members::alarms(group.alarms),
            limits: limits(&group.limits.ok_or_else(|| malformed("a group has no limits"))?),
            checkpoints,
            created_ms: group.created_ms,
        })
    }
}

impl From<&Tombstone> for v1::Tombstone {
    fn from(tombstone: &Tombstone) -> Self {
        Self { id: tombstone.id.0, name: tombstone.name.to_string(), deleted_ms: tombstone.deleted_ms }
    }
}

impl TryFrom<v1::Tombstone> for Tombstone {
    type Error = CatalogError;

    fn try_from(tombstone: v1::Tombstone) -> Result<Self, CatalogError> {
        let name = parse(&tombstone.name)?;
        Ok(Self { id: GroupId(tombstone.id), name, deleted_ms: tombstone.deleted_ms })
    }
}

impl From<&AuditRecord> for v1::AuditRecord {
    fn from(record: &AuditRecord) -> Self {
        Self {
            index: record.position.index,
            ordinal: record.position.ordinal,
            time_ms: record.position.time_ms,
            actor: record.actor.clone(),
            change: record.change.clone(),
        }
    }
}

impl From<v1::AuditRecord> for AuditRecord {
    fn from(record: v1::AuditRecord) -> Self {
        let position = Position { index: record.index, ordinal: record.ordinal, time_ms: record.time_ms };
        Self { position, actor: record.actor, change: record.change }
    }
}

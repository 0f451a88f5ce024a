use super::{
    CatalogState,
    members::{check_voters, unfit},
};
use crate::{
    AuditRecord, CatalogCommand, CatalogError, CatalogReply, Change, Group, Node, NodeStatus,
    PluginToPublish, PublishedPlugin, Tombstone, catalog_group,
    limits::{
        ACTOR_BYTES_MAX, ADDRESS_BYTES_MAX, AUDIT_RECORDS_MAX, CONTRACT_VERSION_BYTES_MAX,
        FINGERPRINT_BYTES_MAX, GROUPS_MAX, NODES_MAX, PLUGINS_MAX, TOMBSTONES_MAX,
    },
};
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{
    CheckpointMode, FolderId, GroupId, GroupName, Member, MemberRole, NodeId, PluginReference, Position,
    ReplicaId,
};
use std::{collections::VecDeque, sync::Arc};

/// What came of a change: the answer, and what the audit trail says unless nothing was changed.
pub(super) type Changed = Result<(CatalogReply, Option<String>), CatalogError>;

impl CatalogState {
    /// Makes the change a command asks for, or refuses it and leaves everything as it was.
    pub fn apply(
        &mut self,
        position: Position,
        command: &CatalogCommand,
    ) -> Result<CatalogReply, CatalogError> {
        check_text("the actor's name", &command.actor, ACTOR_BYTES_MAX)?;
        let (reply, change) = match &command.change {
            Change::RegisterNode { node, address, engine_fingerprint, folder } => {
                self.register_node(*node, address, engine_fingerprint, *folder)
            }
            Change::SetNodeStatus { node, status } => self.set_node_status(*node, *status),
            Change::PublishPlugin(plugin) => self.publish(plugin, position.time_ms),
            Change::RemovePlugin { reference } => self.remove_plugin(reference),
            Change::CreateGroup {
                name,
                plugin,
                nodes,
                witnesses,
                limits,
                checkpoints,
                freeze_after_traps,
            } => self.create_group(
                name,
                plugin,
                (nodes, witnesses),
                limits,
                (*checkpoints, *freeze_after_traps),
                position.time_ms,
            ),
            Change::SetCheckpoints { name, checkpoints } => self.set_checkpoints(name, *checkpoints),
            Change::UpgradeGroup { name, plugin } => {
                self.upgrade_group(name, plugin.as_ref(), &command.actor, position.time_ms)
            }
            Change::NotePrepared { group, number, node, failure } => {
                self.note_prepared(*group, *number, *node, failure.as_deref(), position.time_ms)
            }
            Change::NoteActivation { group, record } => self.note_activation(*group, record),
            Change::CancelUpgrade { name } => self.cancel_upgrade(name, position.time_ms),
            Change::ChangeMembers { name, edit } => self.change_members(name, edit, position.time_ms),
            Change::CompleteMembersChange { group, number } => {
                self.complete_members_change(*group, *number, position.time_ms)
            }
            Change::NoteBroken { group, node, replica, what, renew } => {
                let member = (*node, *replica);
                self.note_broken(*group, member, what, *renew, position.time_ms)
            }
            Change::NoteRecovery { group, epoch, survivors } => self.note_recovery(*group, *epoch, survivors),
            Change::ChangeOwnVoters { voters, changes } => self.change_own_voters(voters, *changes),
            Change::DeleteGroup { name } => self.delete_group(name, position.time_ms),
        }?;
        if let Some(change) = change {
            let record = AuditRecord { position, actor: command.actor.clone(), change };
            push_bounded(&mut self.audit, record, AUDIT_RECORDS_MAX);
        }
        Ok(reply)
    }

    fn register_node(&mut self, id: NodeId, address: &str, fingerprint: &str, folder: FolderId) -> Changed {
        check_text("the address", address, ADDRESS_BYTES_MAX)?;
        check_text("the engine's fingerprint", fingerprint, FINGERPRINT_BYTES_MAX)?;
        if id.0 == 0 {
            return Err(CatalogError::Malformed { cause: "nodes are numbered from 1".into() });
        }
        if let Some(other) = self.nodes().find(|node| node.address == address && node.id != id) {
            return Err(CatalogError::AddressTaken { address: address.to_owned(), node: other.id });
        }
        let before = self.node(id);
        if before.is_some_and(|before| before.folder != folder) {
            return Err(CatalogError::OtherFolder { node: id });
        }
        if before.is_none() {
            check_room("nodes", self.nodes.len(), NODES_MAX)?;
        }
        let node = Node {
            id,
            address: address.to_owned(),
            engine_fingerprint: fingerprint.to_owned(),
            status: before.map_or(NodeStatus::Active, |before| before.status),
            folder,
        };
        let change = (before != Some(&node)).then(|| format!("node {id} registered at {address}"));
        if change.is_some() {
            Arc::make_mut(&mut self.nodes).insert(id, Arc::new(node.clone()));
        }
        Ok((CatalogReply::Node(node), change))
    }

    fn set_node_status(&mut self, id: NodeId, status: NodeStatus) -> Changed {
        let before = self.node(id).ok_or(CatalogError::NodeUnknown { node: id })?;
        let node = Node { status, ..before.clone() };
        let change = (before.status != status).then(|| {
            let now = match status {
                NodeStatus::Active => "active",
                NodeStatus::Draining => "draining",
            };
            format!("node {id} made {now}")
        });
        if change.is_some() {
            Arc::make_mut(&mut self.nodes).insert(id, Arc::new(node.clone()));
        }
        Ok((CatalogReply::Node(node), change))
    }

    fn publish(&mut self, plugin: &PluginToPublish, time_ms: u64) -> Changed {
        check_text("the version of the contract", &plugin.contract_version, CONTRACT_VERSION_BYTES_MAX)?;
        for node in &plugin.held_by {
            self.node(*node).ok_or(CatalogError::NodeUnknown { node: *node })?;
        }
        let reference = &plugin.reference;
        if let Some(published) = self.plugin(reference) {
            if published.digest == plugin.digest {
                return Ok((CatalogReply::Plugin(published.clone()), None));
            }
            let digest = published.digest;
            return Err(CatalogError::VersionTaken { reference: reference.clone(), digest });
        }
        check_room("plugins", self.plugins.len(), PLUGINS_MAX)?;
        let mut held_by = plugin.held_by.clone();
        held_by.sort_unstable();
        held_by.dedup();
        let published = PublishedPlugin {
            reference: reference.clone(),
            digest: plugin.digest,
            bytes: plugin.bytes,
            kind: plugin.kind,
            has_lifecycle: plugin.has_lifecycle,
            has_timers: plugin.has_timers,
            contract_version: plugin.contract_version.clone(),
            held_by,
            published_ms: time_ms,
        };
        Arc::make_mut(&mut self.plugins).insert(reference.clone(), Arc::new(published.clone()));
        let change = format!("plugin {reference} published with digest {}", plugin.digest);
        Ok((CatalogReply::Plugin(published), Some(change)))
    }

    fn remove_plugin(&mut self, reference: &PluginReference) -> Changed {
        if self.plugin(reference).is_none() {
            return Err(CatalogError::PluginUnknown { reference: reference.clone() });
        }
        if let Some(group) = self.groups().find(|group| group.needs(reference)) {
            let group = group.name.clone();
            return Err(CatalogError::PluginInUse { reference: reference.clone(), group });
        }
        Arc::make_mut(&mut self.plugins).remove(reference);
        let change = format!("plugin {reference} removed");
        Ok((CatalogReply::PluginRemoved(reference.clone()), Some(change)))
    }

    fn create_group(
        &mut self,
        name: &GroupName,
        plugin: &PluginReference,
        (nodes, witnesses): (&[NodeId], &[NodeId]),
        limits: &GroupLimits,
        (checkpoints, freeze_after_traps): (CheckpointMode, u32),
        time_ms: u64,
    ) -> Changed {
        if *name == catalog_group().name {
            return Err(CatalogError::NameTaken { name: name.clone(), id: GroupId::CATALOG });
        }
        if let Some(group) = self.group_named(name) {
            return Err(CatalogError::NameTaken { name: name.clone(), id: group.id });
        }
        let published =
            self.plugin(plugin).ok_or_else(|| CatalogError::PluginUnknown { reference: plugin.clone() })?;
        limits.validate()?;
        check_room("groups", self.groups.len(), GROUPS_MAX)?;
        check_voters(nodes.len(), witnesses.len())?;
        let engine_fingerprint = self.fingerprint_of(nodes)?;
        self.check_witnesses(nodes, witnesses)?;

        let id = GroupId(next(self.last_group, "groups")?);
        let mut last_replica = self.last_replica;
        let mut members = Vec::with_capacity(nodes.len() + witnesses.len());
        let voters = nodes.iter().map(|node| (*node, MemberRole::Voter));
        for (node, role) in voters.chain(witnesses.iter().map(|node| (*node, MemberRole::Witness))) {
            last_replica = next(last_replica, "replicas")?;
            members.push(Member { replica: ReplicaId(last_replica), node, role });
        }
        let group = Group {
            id,
            name: name.clone(),
            // The names in it are shared with all other groups that run it.
            plugin: published.reference.clone(),
            digest: published.digest,
            kind: published.kind,
            engine_fingerprint,
            founders: members.clone(),
            members,
            changes: 0,
            change: None,
            epoch: 0,
            founding: published.digest,
            upgrades_asked: 0,
            upgrades: Vec::new(),
            freeze_after_traps,
            alarms: Vec::new(),
            limits: limits.clone(),
            checkpoints,
            created_ms: time_ms,
        };
        self.last_group = id.0;
        self.last_replica = last_replica;
        Arc::make_mut(&mut self.groups).insert(id, Arc::new(group.clone()));
        Arc::make_mut(&mut self.names).insert(name.clone(), id);
        let change = format!("group {name} created as number {id}, running {plugin}");
        Ok((CatalogReply::Group(group), Some(change)))
    }

    fn set_checkpoints(&mut self, name: &GroupName, checkpoints: CheckpointMode) -> Changed {
        let unknown = || CatalogError::GroupUnknown { name: name.clone() };
        let before = self.group_named(name).ok_or_else(unknown)?;
        let change = (before.checkpoints != checkpoints)
            .then(|| format!("checkpoints of group {name} are taken {checkpoints}"));
        let group = Group { checkpoints, ..before.clone() };
        if change.is_some() {
            Arc::make_mut(&mut self.groups).insert(group.id, Arc::new(group.clone()));
        }
        Ok((CatalogReply::Group(group), change))
    }

    /// The engine these nodes share, when they can hold a group together.
    fn fingerprint_of(&self, nodes: &[NodeId]) -> Result<String, CatalogError> {
        let mut first: Option<&Node> = None;
        for (place, id) in nodes.iter().enumerate() {
            let node = self.node(*id).ok_or(CatalogError::NodeUnknown { node: *id })?;
            if node.status == NodeStatus::Draining {
                return Err(CatalogError::NodeDraining { node: *id });
            }
            if nodes[..place].contains(id) {
                return Err(unfit(format!("node {id} is named twice")));
            }
            let first = *first.get_or_insert(node);
            if node.engine_fingerprint != first.engine_fingerprint {
                let cause = format!(
                    "nodes {} and {id} run different engines ({} and {}), on which a plugin may behave differently",
                    first.id, first.engine_fingerprint, node.engine_fingerprint
                );
                return Err(unfit(cause));
            }
        }
        first
            .map(|node| node.engine_fingerprint.clone())
            .ok_or_else(|| unfit("a group has at least one replica"))
    }

    /// Whether a new group with data on these nodes can have these witnesses. They run nothing, so any engine will do.
    fn check_witnesses(&self, nodes: &[NodeId], witnesses: &[NodeId]) -> Result<(), CatalogError> {
        for (place, id) in witnesses.iter().enumerate() {
            let node = self.node(*id).ok_or(CatalogError::NodeUnknown { node: *id })?;
            if node.status == NodeStatus::Draining {
                return Err(CatalogError::NodeDraining { node: *id });
            }
            if nodes.contains(id) || witnesses[..place].contains(id) {
                return Err(CatalogError::NodesUnfit { cause: format!("node {id} is named twice") });
            }
        }
        Ok(())
    }

    fn delete_group(&mut self, name: &GroupName, time_ms: u64) -> Changed {
        let group =
            self.group_named(name).ok_or_else(|| CatalogError::GroupUnknown { name: name.clone() })?;
        let tombstone = Tombstone { id: group.id, name: name.clone(), deleted_ms: time_ms };
        Arc::make_mut(&mut self.groups).remove(&tombstone.id);
        Arc::make_mut(&mut self.names).remove(name);
        push_bounded(&mut self.tombstones, tombstone.clone(), TOMBSTONES_MAX);
        let change = format!("group {name}, number {}, deleted", tombstone.id);
        Ok((CatalogReply::GroupDeleted(tombstone), Some(change)))
    }
}

fn push_bounded<T>(records: &mut Arc<VecDeque<Arc<T>>>, record: T, max: usize) {
    let records = Arc::make_mut(records);
    records.push_back(Arc::new(record));
    while records.len() > max {
        records.pop_front();
    }
}

/// The beginning of a text, of at most so many bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<(), CatalogError> {
    if !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let cause = format!("{what} must have 1 to {bytes_max} bytes and no control characters");
    Err(CatalogError::Malformed { cause })
}

fn check_room(what: &str, held: usize, max: usize) -> Result<(), CatalogError> {
    if held < max { Ok(()) } else { Err(full(what, max)) }
}

fn full(what: &str, max: usize) -> CatalogError {
    CatalogError::Full { what: what.to_owned(), max: u64::try_from(max).unwrap_or(u64::MAX) }
}

/// The number behind the last one given out.
pub(super) fn next(last: u64, what: &str) -> Result<u64, CatalogError> {
    last.checked_add(1).ok_or_else(|| full(what, usize::MAX))
}

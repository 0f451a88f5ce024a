//! What the catalog knows, and how a command changes it.

mod apply;
mod broken;
mod members;
mod own_members;
mod snapshot;
mod upgrades;

use crate::{AuditRecord, Group, Node, OwnMembers, PublishedPlugin, Tombstone};
use quorate_vocabulary::{GroupId, GroupName, NodeId, PluginDigest, PluginReference, ReplicaId};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Everything the catalog knows as of one entry.
///
/// Cloning is cheap, and a change copies only the map it touches: readers keep what they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogState {
    last_group: u64,
    last_replica: u64,
    /// How many times the catalog itself was recovered.
    epoch: u64,
    own: Arc<OwnMembers>,
    nodes: Arc<BTreeMap<NodeId, Arc<Node>>>,
    plugins: Arc<BTreeMap<PluginReference, Arc<PublishedPlugin>>>,
    groups: Arc<BTreeMap<GroupId, Arc<Group>>>,
    names: Arc<BTreeMap<GroupName, GroupId>>,
    tombstones: Arc<VecDeque<Arc<Tombstone>>>,
    audit: Arc<VecDeque<Arc<AuditRecord>>>,
}

impl CatalogState {
    /// The nodes, by number.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(Arc::as_ref)
    }

    /// One node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id).map(Arc::as_ref)
    }

    /// The published plugins, by reference.
    pub fn plugins(&self) -> impl Iterator<Item = &PublishedPlugin> {
        self.plugins.values().map(Arc::as_ref)
    }

    /// One version of a plugin.
    #[must_use]
    pub fn plugin(&self, reference: &PluginReference) -> Option<&PublishedPlugin> {
        self.plugins.get(reference).map(Arc::as_ref)
    }

    /// A published plugin with these bytes.
    #[must_use]
    pub fn plugin_with_digest(&self, digest: PluginDigest) -> Option<&PublishedPlugin> {
        self.plugins().find(|plugin| plugin.digest == digest)
    }

    /// The groups, by number.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().map(Arc::as_ref)
    }

    /// One group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id).map(Arc::as_ref)
    }

    /// The group of this name.
    #[must_use]
    pub fn group_named(&self, name: &GroupName) -> Option<&Group> {
        self.group(*self.names.get(name)?)
    }

    /// Whether a group of this number was given out and is gone. Numbers ascend, so this is known for ever, also when its
    /// tombstone is forgotten; and a state that is older than the group says no.
    #[must_use]
    pub fn was_deleted(&self, id: GroupId) -> bool {
        id.0 <= self.last_group && !id.is_catalog() && !self.groups.contains_key(&id)
    }

    /// Whether a replica of this number was given out.
    #[must_use]
    pub fn knows_replica(&self, id: ReplicaId) -> bool {
        id.0 <= self.last_replica
    }

    /// How many times the catalog itself was recovered after it had lost a majority of its voters.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The groups deleted lately, the newest last.
    pub fn tombstones(&self) -> impl DoubleEndedIterator<Item = &Tombstone> {
        self.tombstones.iter().map(Arc::as_ref)
    }

    /// The latest changes, the newest last.
    pub fn audit(&self) -> impl DoubleEndedIterator<Item = &AuditRecord> {
        self.audit.iter().map(Arc::as_ref)
    }

    /// How many replicas each node holds, without the catalog's own; every node is in it.
    #[must_use]
    pub fn replicas_by_node(&self) -> BTreeMap<NodeId, usize> {
        let mut replicas: BTreeMap<NodeId, usize> = self.nodes.keys().map(|node| (*node, 0)).collect();
        for member in self.groups().flat_map(Group::placed) {
            *replicas.entry(member.node).or_default() += 1;
        }
        replicas
    }
}

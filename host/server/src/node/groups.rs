//! Groups: created where there is room, found by name, deleted.

use super::{
    core::Core,
    handle::Deadline,
    view::{CreateGroup, GroupView, MembersChangeView},
};
use crate::RequestError;
use quorate_catalog::{CatalogReply, CatalogState, Change, Group, NodeStatus, catalog_group};
use quorate_placement::{NodeFacts, PlacementError, Wanted, place, place_witnesses, prevailing_engine};
use quorate_vocabulary::{CheckpointMode, GroupId, GroupName, MachineKind, NodeId, PluginReference};
use std::{sync::Arc, time::Duration};

/// Replicas of a group whose creator does not say how many.
const REPLICAS_DEFAULT: usize = 3;
/// The longest wait for nodes that are known and not heard of; they may only be starting.
const NODES_WAIT_MAX: Duration = Duration::from_secs(10);
/// The pause between looks at what is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

impl Core {
    /// The group of a name. Asks the cluster when this node's catalog has none, which may only lag.
    pub(super) async fn find_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<Group, RequestError> {
        self.find(deadline, |state| state.group_named(name).cloned())
            .await?
            .ok_or_else(|| RequestError::GroupNotFound { name: name.to_string() })
    }

    /// The number of the group of this name, which may be the catalog's own.
    pub(super) async fn find_any(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupId, RequestError> {
        if *name == catalog_group().name {
            return Ok(GroupId::CATALOG);
        }
        self.find_group(name, deadline).await.map(|group| group.id)
    }

    pub(super) async fn find<T>(
        &self,
        deadline: Deadline,
        look: impl Fn(&CatalogState) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        if let Some(found) = look(&self.catalog_state()) {
            return Ok(Some(found));
        }
        self.barrier(GroupId::CATALOG, deadline).await?;
        Ok(look(&self.catalog_state()))
    }

    /// Creates a group, and returns once it has a leader.
    pub(super) async fn create_group(
        &self,
        create: CreateGroup,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        let CreateGroup {
            name,
            plugin,
            replicas,
            nodes,
            witnesses,
            witness_nodes,
            limits,
            checkpoints,
            freeze_after_traps,
        } = create;
        let published = self.find(deadline, |state| state.plugin(&plugin).map(|_| ())).await?;
        published.ok_or_else(|| plugin_not_found(&plugin))?;
        if self.catalog_state().group_named(&name).is_some() {
            return Err(RequestError::NameTaken { name });
        }
        let nodes = if nodes.is_empty() {
            let voters = REPLICAS_DEFAULT.min(self.config.founders.len());
            let wanted = replicas.unwrap_or_else(|| voters.saturating_sub(witnesses).max(1));
            self.choose_nodes(wanted, &witness_nodes, deadline).await?
        } else {
            self.named_nodes(nodes, deadline).await?
        };
        let witnesses = if witness_nodes.is_empty() {
            self.choose_witnesses(&nodes, witnesses)?
        } else {
            self.named_nodes(witness_nodes, deadline).await?
        };
        let change =
            Change::CreateGroup { name, plugin, nodes, witnesses, limits, checkpoints, freeze_after_traps };
        let CatalogReply::Group(group) = self.change_catalog(change, deadline).await? else {
            return Err(RequestError::Internal { why: "the catalog answered something else".to_owned() });
        };
        tracing::info!(group = %group.name, id = %group.id, plugin = %group.plugin, "group created");
        self.wait_for_leader(&group, deadline).await?;
        Ok(self.group_view(&group))
    }

    /// Nodes for a new group. Those that are known and not heard of get some time: the cluster may only be starting.
    async fn choose_nodes(
        &self,
        wanted: usize,
        taken: &[NodeId],
        deadline: Deadline,
    ) -> Result<Vec<NodeId>, RequestError> {
        let patience = deadline.at_most(NODES_WAIT_MAX);
        loop {
            let mut facts = self.node_facts();
            facts.retain(|node| !taken.contains(&node.id));
            let engine = prevailing_engine(&facts).unwrap_or_default();
            let placed = place(&facts, Wanted { replicas: wanted, engine_fingerprint: engine });
            let error = match placed {
                Ok(nodes) => return Ok(nodes),
                Err(error) => error,
            };
            let known = self.known_nodes().len();
            if wanted > known || patience.remaining() <= LOOK_PAUSE {
                let available = match error {
                    PlacementError::TooFew { fitting, .. } => fitting,
                    PlacementError::NoneWanted => 0,
                };
                return Err(RequestError::NotEnoughNodes { wanted, available, why: error.to_string() });
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Nodes for the witnesses of a new group, whose data is on these.
    fn choose_witnesses(&self, data: &[NodeId], wanted: usize) -> Result<Vec<NodeId>, RequestError> {
        place_witnesses(&self.node_facts(), data, wanted).map_err(|error| {
            let available = match error {
                PlacementError::TooFew { fitting, .. } => fitting,
                PlacementError::NoneWanted => 0,
            };
            let why = format!("of the nodes that hold no data of the group, {error}");
            RequestError::NotEnoughNodes { wanted, available, why }
        })
    }

    fn node_facts(&self) -> Vec<NodeFacts> {
        let state = self.catalog_state();
        let replicas = state.replicas_by_node();
        let facts = state.nodes().map(|node| NodeFacts {
            id: node.id,
            is_live: self.is_reachable(node.id),
            is_open: node.status == NodeStatus::Active,
            engine_fingerprint: node.engine_fingerprint.clone(),
            replicas: replicas.get(&node.id).copied().unwrap_or_default(),
        });
        facts.collect()
    }

    /// The nodes that were asked for, once they are registered: founders may only be starting.
    async fn named_nodes(&self, nodes: Vec<NodeId>, deadline: Deadline) -> Result<Vec<NodeId>, RequestError> {
        let patience = deadline.at_most(NODES_WAIT_MAX);
        loop {
            let state = self.catalog_state();
            let Some(missing) = nodes.iter().copied().find(|node| state.node(*node).is_none()) else {
                return Ok(nodes);
            };
            if !self.known_nodes().contains(&missing) || patience.remaining() <= LOOK_PAUSE {
                return Err(RequestError::NodeNotFound { node: missing });
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Waits until the group answers, where this node can see that: where it holds a replica.
    async fn wait_for_leader(&self, group: &Group, deadline: Deadline) -> Result<(), RequestError> {
        if group.replica_on(self.node()).is_none() {
            return Ok(());
        }
        loop {
            let error = match self.barrier(group.id, deadline).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let passing = matches!(
                error,
                RequestError::GroupNotReady { .. }
                    | RequestError::NotLeader { .. }
                    | RequestError::GroupNotFound { .. }
                    | RequestError::Overloaded { .. }
            );
            if !passing || deadline.remaining() <= LOOK_PAUSE {
                let why = format!("it was created, and has no leader yet: {error}");
                return Err(RequestError::GroupNotReady { group: group.id, why });
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Says how the checkpoints of a group are taken from now on. Nodes hear of it by the catalog.
    pub(super) async fn set_checkpoints(
        &self,
        name: &GroupName,
        mode: CheckpointMode,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        let group = self.find_group(name, deadline).await?;
        if group.kind != MachineKind::Memory {
            let why = format!("{name} has a {} machine, which is never checkpointed", group.kind);
            return Err(RequestError::InvalidArgument { what: "the way of taking checkpoints", why });
        }
        let change = Change::SetCheckpoints { name: name.clone(), checkpoints: mode };
        match self.change_catalog(change, deadline).await? {
            CatalogReply::Group(group) => Ok(self.group_view(&group)),
            _ => Err(RequestError::Internal { why: "the catalog answered something else".to_owned() }),
        }
    }

    /// Deletes a group.
    pub(super) async fn delete_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupId, RequestError> {
        let change = Change::DeleteGroup { name: name.clone() };
        match self.change_catalog(change, deadline).await? {
            CatalogReply::GroupDeleted(tombstone) => {
                tracing::info!(group = %name, id = %tombstone.id, "group deleted");
                Ok(tombstone.id)
            }
            _ => Err(RequestError::Internal { why: "the catalog answered something else".to_owned() }),
        }
    }

    /// A group, with who leads it as far as this node knows.
    pub(super) fn group_view(&self, group: &Group) -> GroupView {
        let leader = self.registry.lead(group.id).and_then(|lead| lead.leader);
        GroupView {
            id: group.id,
            name: group.name.clone(),
            plugin: group.plugin.clone(),
            digest: group.digest,
            kind: group.kind,
            limits: group.limits.clone(),
            checkpoints: group.checkpoints,
            alarms: group.alarms.clone(),
            members: group.members.clone(),
            changes: group.changes,
            change: group
                .change
                .as_ref()
                .map(|change| MembersChangeView { wanted: change.wanted.clone(), began_ms: change.began_ms }),
            upgrades_asked: group.upgrades_asked,
            upgrades: group.upgrades.clone(),
            leader: leader.map(|leader| leader.node),
            local: None,
        }
    }

    /// The catalog's groups.
    pub(super) fn group_views(self: &Arc<Self>) -> Vec<GroupView> {
        self.catalog_state().groups().map(|group| self.group_view(group)).collect()
    }
}

fn plugin_not_found(reference: &PluginReference) -> RequestError {
    RequestError::PluginNotFound { reference: reference.to_string() }
}

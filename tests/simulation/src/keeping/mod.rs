//! What the nodes do because the catalog says so, beside making themselves what it says: the node that leads a group brings
//! about what is wanted of it, step by step, from what it finds.

mod attesting;
mod healing;
mod members;
mod recovery;
mod versions;

pub(crate) use members::ChangeUnderWay;

use crate::{cluster::Simulation, node::Local};
use quorate_catalog::{CatalogState, Group, Hosted, Instruction, reconcile};
use quorate_consensus::{Input, ReadMode, ReplicaStatus, RequestId, Role};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::{sync::Arc, time::Duration};

/// A node that was not told by then how the catalog stands asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a node asks the leader of the catalog before it acts on what it knows of it: that may be old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Barrier {
    request: RequestId,
    asked: Duration,
}

impl Simulation {
    /// Asks how the catalog stands now, if there is anything to do.
    pub(crate) fn ask_catalog(&mut self, id: NodeId) {
        let now = self.now;
        let Some(running) = self.running(id) else { return };
        if running.barrier.is_some_and(|barrier| now < barrier.asked + PATIENCE) || !self.has_work(id) {
            return;
        }
        let request = self.request(id);
        if let Some(running) = self.running(id) {
            running.barrier = Some(Barrier { request, asked: now });
        }
        let (group, mode) = (GroupId::CATALOG, ReadMode::Linearizable);
        self.tell(id, [Input::Read { group, request, mode }]);
    }

    /// Whether this is what a node asks the catalog.
    pub(crate) fn is_barrier(&mut self, id: NodeId, request: RequestId) -> bool {
        let barrier = self.running(id).and_then(|running| running.barrier);
        barrier.is_some_and(|barrier| barrier.request == request)
    }

    /// The catalog did not say, and is asked again later.
    pub(crate) fn barrier_refused(&mut self, id: NodeId, request: RequestId) {
        if self.is_barrier(id, request)
            && let Some(running) = self.running(id)
        {
            running.barrier = None;
        }
    }

    fn has_work(&mut self, id: NodeId) -> bool {
        let state = self.known_catalog(id);
        if !self.wanted_replicas(id, &state).is_empty()
            || self.is_own_change_pending(id, &state)
            || !self.broken(id).is_empty()
        {
            return true;
        }
        let led = self.led_groups(id);
        led.into_iter()
            .filter_map(|group| state.group(group))
            .any(|group| self.needs_a_step(id, group) || self.needs_a_version_step(id, group))
    }

    /// What is known here is as new as it was asked for: everything that is due is done.
    pub(crate) fn keep(&mut self, id: NodeId) {
        if let Some(running) = self.running(id) {
            running.barrier = None;
        }
        let state = self.known_catalog(id);
        for (group, replica) in self.wanted_replicas(id, &state) {
            self.host(id, group, replica, true);
        }
        if self.is_own_change_pending(id, &state) {
            self.step_own_members(id, &state);
        }
        self.replace_broken(id, &state);
        for group in self.led_groups(id) {
            if let Some(group) = state.group(group).filter(|group| self.needs_a_version_step(id, group)) {
                self.step_version(id, group);
            }
            let Some(group) = state.group(group).filter(|group| self.needs_a_step(id, group)) else {
                continue;
            };
            // Until the catalog knows who is lost it wants them still.
            if self.note_recovery(id, group) {
                continue;
            }
            // Raft knows of a recovery before it is applied.
            let is_known = |status: &ReplicaStatus| status.configuration.epoch == group.epoch;
            let status = self.status(id, group.id).filter(|status| status.role == Role::Leader);
            let Some(status) = status.filter(is_known) else { continue };
            self.step_members(id, group, &status);
        }
    }

    fn needs_a_step(&mut self, id: NodeId, group: &Group) -> bool {
        self.plan.members_by_catalog
            && (self.is_change_pending(id, group) || self.unknown_recovery(id, group).is_some())
    }

    pub(crate) fn known_catalog(&mut self, id: NodeId) -> Arc<CatalogState> {
        self.running(id).map(|running| running.catalog.state()).unwrap_or_default()
    }

    /// The groups that this node leads, as far as it knows, without the catalog.
    fn led_groups(&mut self, id: NodeId) -> Vec<GroupId> {
        let Some(running) = self.running(id) else { return Vec::new() };
        let leads =
            |(group, local): (&GroupId, &Local)| (local.established && !group.is_catalog()).then_some(*group);
        running.replicas.iter().filter_map(leads).collect()
    }

    pub(crate) fn status(&mut self, id: NodeId, group: GroupId) -> Option<ReplicaStatus> {
        let status = self.running(id)?.shard.status(group)?;
        status.failure.is_none().then_some(status)
    }

    /// What a node holds, as it tells the catalog's room.
    pub(crate) fn holds(&mut self, id: NodeId) -> Hosted {
        let mut replicas = self.node(id).disk.replicas();
        replicas.remove(&GroupId::CATALOG);
        let plugins = crate::actions::plugins().map(|plugin| plugin.digest).collect();
        Hosted { engine_fingerprint: crate::node::ENGINE.into(), replicas, plugins }
    }

    /// The replicas that a node is to make.
    fn wanted_replicas(&mut self, id: NodeId, state: &CatalogState) -> Vec<(GroupId, ReplicaId)> {
        let hosted = self.holds(id);
        let created = reconcile(state, id, &hosted).into_iter().filter_map(|instruction| match instruction {
            Instruction::Create { group, replica } => Some((group.id, replica)),
            _ => None,
        });
        created.filter(|(group, _)| !hosted.replicas.contains_key(group)).collect()
    }

    /// Whether nothing is left on any disk of what the catalog knows to be gone.
    pub(crate) fn leftovers(&mut self) -> Option<String> {
        let catalog = self.catalog();
        for id in self.plan.node_ids() {
            let disk = &self.node(id).disk;
            for (group, replica) in disk.replicas() {
                let wanted = catalog.group(group).and_then(|group| group.replica_on(id));
                if !group.is_catalog() && wanted != Some(replica) {
                    return Some(format!("node {id} still holds replica {replica} of group {group}"));
                }
            }
            if let Some(group) = disk.stray() {
                return Some(format!("node {id} still holds the state of group {group}"));
            }
        }
        None
    }
}

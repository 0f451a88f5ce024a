//! A node makes itself what the catalog says: replicas are created, started and removed.

use super::ApplyWork;
use crate::{
    cluster::Simulation,
    disk::{Disk, lock},
    events::Event,
    network::delay,
};
use quorate_catalog::{CatalogCommand, Change, Group, Instruction, reconcile};
use quorate_consensus::{Input, ReplicaStart};
use quorate_vocabulary::{FolderId, GroupId, NodeId, ReplicaId};
use std::time::Duration;

/// How often a node looks at the catalog.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// What every node's engine is.
pub(crate) const ENGINE: &str = "native";

impl Simulation {
    /// The node compares what it has with what the catalog says.
    pub(crate) fn look(&mut self, id: NodeId) {
        let life = self.node(id).life;
        self.push(LOOK_INTERVAL, Event::Look { node: id, life });
        self.register(id);
        let state = self.known_catalog(id);
        let hosted = self.holds(id);
        for instruction in reconcile(&state, id, &hosted) {
            match instruction {
                Instruction::Remove { group, replica } => self.retire(id, group, replica),
                Instruction::Prepare { group, number, digest } => self.prepare(id, group, number, digest),
                // Only once the catalog has said that it is still so.
                Instruction::Create { .. } | Instruction::Fetch { .. } | Instruction::Mismatch { .. } => {}
            }
        }
        self.ask_catalog(id);
        if self.random.work.chance(100) {
            self.attest_all(id);
        }
        let by_catalog = self.plan.members_by_catalog;
        for (group, replica) in hosted.replicas {
            let is_mine = |group: &Group| !by_catalog || group.replica_on(id) == Some(replica);
            let known = state.group(group).is_some_and(is_mine);
            let runs = self.running(id).is_some_and(|running| {
                running.replicas.contains_key(&group) || running.witnesses.contains_key(&group)
            });
            let is_usable = !self.node(id).disk.damaged().contains_key(&group)
                && !self.running(id).is_some_and(|running| running.failed.contains(&group));
            if known && !runs && is_usable {
                self.host(id, group, replica, false);
            }
        }
    }

    /// A node that the catalog does not know makes itself known.
    fn register(&mut self, id: NodeId) {
        let Some(running) = self.running(id) else { return };
        if running.catalog.state().node(id).is_some() {
            return;
        }
        let change = Change::RegisterNode {
            node: id,
            address: format!("10.0.0.{id}:7600"),
            engine_fingerprint: ENGINE.into(),
            // No node of a simulation loses its disk for good.
            folder: FolderId(id.0),
        };
        self.change_catalog(change);
    }

    /// Has the leader of the catalog change it, if there is one.
    pub(crate) fn change_catalog(&mut self, change: Change) {
        let Some(leader) = self.leader_of(GroupId::CATALOG) else { return };
        let command = CatalogCommand { actor: "simulation".into(), change }.encode();
        let request = self.request(leader);
        self.tell(leader, [Input::Propose { group: GroupId::CATALOG, request, command }]);
    }

    /// Makes a replica in a while, or starts one, unless something is being done about its group.
    pub(crate) fn host(&mut self, id: NodeId, group: GroupId, replica: ReplicaId, is_new: bool) {
        let after = delay(&mut self.random.disk, self.faults.disk_delay_us_max * 2);
        let life = self.node(id).life;
        if self.running(id).is_some_and(|running| running.busy.insert(group)) {
            self.push(after, Event::Host { node: id, life, group, replica, is_new });
        }
    }

    /// The replica is made, or started.
    pub(crate) fn hosted(&mut self, id: NodeId, group: GroupId, replica: ReplicaId, is_new: bool) {
        let Some(running) = self.running(id) else { return };
        running.busy.remove(&group);
        let state = running.catalog.state();
        let Some(group) = state.group(group) else { return };
        let disk: &mut Disk = &mut self.node(id).disk;
        let new = if group.is_founder(replica) {
            ReplicaStart::bootstrap(group.id, replica, group.founders.clone())
        } else {
            let is_witness = group.is_witness(replica);
            ReplicaStart { is_witness, ..ReplicaStart::joining(group.id, replica) }
        };
        if is_new && (group.replica_on(id) != Some(replica) || !disk.create(&new)) {
            return;
        }
        if self.node(id).disk.log(group.id).is_some_and(|log| lock(log).is_witness) {
            return self.open_witness(id, group.id);
        }
        self.coverage.replicas_opened += 1;
        self.open_group(id, group);
    }

    /// Removes a replica for ever: out of raft, off the log's disk with a tombstone, then all else it had.
    pub(crate) fn retire(&mut self, id: NodeId, group: GroupId, replica: ReplicaId) {
        let Some(running) = self.running(id) else { return };
        if !running.busy.insert(group) {
            return;
        }
        running.replicas.remove(&group);
        running.witnesses.remove(&group);
        running.failed.remove(&group);
        running.broken.remove(&group);
        running.retiring.push((group, replica));
        self.coverage.replicas_removed += 1;
        self.checks.forget_corrupted(group, replica);
        self.tell(id, [Input::Close { group }]);
    }

    /// An observer is dropped, and made anew.
    pub(crate) fn renew_observer(&mut self, id: NodeId, group: GroupId) {
        self.coverage.observers_renewed += 1;
        self.work(id, group, ApplyWork::RenewObserver);
    }
}

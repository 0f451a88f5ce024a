//! A witness on a node: a log that the shard drives, with nothing behind it.

use super::Shadow;
use crate::{checks::Invariant, cluster::Simulation, disk::lock};
use quorate_consensus::{Input, Role};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};

/// A witness that runs on a node.
pub(crate) struct LocalWitness {
    pub(crate) replica_id: ReplicaId,
    pub(crate) shadow: Shadow,
}

impl Simulation {
    /// Starts a witness that is on disk.
    pub(crate) fn open_witness(&mut self, id: NodeId, group: GroupId) {
        let bug = self.settings.bug;
        let Some(log) = self.node(id).disk.log(group).cloned() else { return };
        let mut log = lock(&log);
        let shadow = Shadow::new(log.truncated, log.entries.values());
        let applied = log.truncated.index;
        let start = log.start(group, (applied, 0), bug);
        drop(log);
        self.coverage.witnesses_opened += 1;
        let witness = LocalWitness { replica_id: start.replica, shadow };
        if let Some(running) = self.running(id) {
            running.witnesses.insert(group, witness);
        }
        self.tell(id, [Input::Open(Box::new(start))]);
    }

    /// The witness of a group that runs on a node.
    pub(crate) fn witness(&mut self, id: NodeId, group: GroupId) -> Option<&mut LocalWitness> {
        self.running(id)?.witnesses.get_mut(&group)
    }

    /// The shard of a node wants something of a witness that only a replica with a machine can do.
    pub(crate) fn check_no_witness(&mut self, id: NodeId, group: GroupId, what: &str) {
        if self.witness(id, group).is_some() {
            self.checks.violate(Invariant::Witness, format!("node {id}, group {group}: a witness {what}"));
        }
    }

    pub(crate) fn check_witness_role(&mut self, id: NodeId, group: GroupId, role: Role) {
        if role != Role::Follower {
            self.check_no_witness(id, group, "asks to lead");
        }
    }
}

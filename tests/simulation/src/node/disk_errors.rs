//! Disks that fail: what cannot be read or written stops a replica, or the node, until it is started again.

use crate::{cluster::Simulation, events::Event, network::delay};
use quorate_consensus::Input;
use quorate_vocabulary::{GroupId, NodeId};

/// Within so many microseconds somebody restarts a node on which a replica has stopped.
const RESTART_US_MAX: u64 = 2_000_000;

impl Simulation {
    /// Something of a group could not be read or written on this node.
    pub(crate) fn disk_fails(&mut self, id: NodeId, group: GroupId) {
        self.coverage.disk_errors += 1;
        if let Some(running) = self.running(id) {
            running.failed_by_disk.insert(group);
        }
    }

    /// Whether a replica that has stopped may have.
    pub(crate) fn is_disk_to_blame(&mut self, id: NodeId, group: GroupId) -> bool {
        self.running(id).is_some_and(|running| running.failed_by_disk.contains(&group))
    }

    /// A replica is of no use any more, and is not started again.
    pub(crate) fn set_aside(&mut self, id: NodeId, group: GroupId) {
        if let Some(running) = self.running(id) {
            running.replicas.remove(&group);
            running.witnesses.remove(&group);
            running.failed.insert(group);
        }
        self.tell(id, [Input::Close { group }]);
    }

    /// A replica has stopped. Nothing is done about it until somebody restarts its node.
    pub(crate) fn stop_replica(&mut self, id: NodeId, group: GroupId) {
        if let Some(running) = self.running(id) {
            running.replicas.remove(&group);
            running.witnesses.remove(&group);
            running.busy.insert(group);
        }
        self.tell(id, [Input::Close { group }]);
        let after = delay(&mut self.random.disk, RESTART_US_MAX);
        let life = self.node(id).life;
        self.push(after, Event::Restart { node: id, life });
    }
}

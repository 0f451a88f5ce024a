//! Replicas that are of no use any more are replaced: removed from their groups, and added again under new numbers.

use super::Simulation;
use quorate_catalog::{CatalogState, Change, Renewal};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};

impl Simulation {
    /// The replica of this node is of no use any more.
    pub(crate) fn give_up(&mut self, id: NodeId, group: GroupId, why: String) {
        self.coverage.given_up += 1;
        let replica = self.local(id, group).map(|local| local.replica_id);
        if let (Some(replica), Some(running)) = (replica, self.running(id)) {
            running.broken.insert(group, (replica, why));
        }
        self.set_aside(id, group);
    }

    /// The replicas of this node that are to be replaced.
    pub(super) fn broken(&mut self, id: NodeId) -> Vec<(GroupId, ReplicaId, String)> {
        let damaged = self.node(id).disk.damaged().iter();
        let mut all: Vec<_> =
            damaged.map(|(group, replica)| (*group, *replica, "its log is damaged".to_owned())).collect();
        if let Some(running) = self.running(id) {
            all.extend(running.broken.iter().map(|(group, (replica, why))| (*group, *replica, why.clone())));
        }
        all
    }

    /// Tells the catalog of them, unless it cannot do anything about it now.
    pub(super) fn replace_broken(&mut self, id: NodeId, state: &CatalogState) {
        for (id_of_group, replica, what) in self.broken(id) {
            let group = state.group(id_of_group).filter(|group| group.replica_on(id) == Some(replica));
            let Some(group) = group else {
                if let Some(running) = self.running(id) {
                    running.broken.remove(&id_of_group);
                }
                continue;
            };
            let renewal = group.renewal(replica);
            let renew = matches!(renewal, Renewal::Member | Renewal::Newcomer);
            if renew || !group.has_alarm(replica) {
                if renewal == Renewal::Newcomer {
                    self.coverage.newcomers_replaced += 1;
                } else if group.change.is_some() && renew {
                    self.coverage.changes_taken_back += 1;
                }
                self.coverage.replaced += 1;
                self.change_catalog(Change::NoteBroken { group: group.id, node: id, replica, what, renew });
            }
        }
    }
}

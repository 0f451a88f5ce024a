//! Replicas that are of no use any more are replaced: removed from their groups, and added again under new numbers.

use super::Simulation;
use quorate_catalog::{CatalogState, Change};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};

/// Whether the group can do without a replica and replace it: the other voters are a majority.
pub(crate) fn can_spare(members: &[Member], replica: ReplicaId) -> bool {
    let voters: Vec<&Member> = members.iter().filter(|member| member.role.votes()).collect();
    let others: Vec<&&Member> = voters.iter().filter(|voter| voter.replica != replica).collect();
    others.len() * 2 > voters.len() && others.iter().any(|voter| voter.role == MemberRole::Voter)
}

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
            let renew = can_spare(&group.members, replica);
            let is_noted = group.alarms.iter().any(|alarm| (alarm.replica, alarm.ended_ms) == (replica, 0));
            if (renew && group.change.is_none()) || (!renew && !is_noted) {
                self.coverage.replaced += 1;
                self.change_catalog(Change::NoteBroken { group: group.id, node: id, replica, what, renew });
            }
        }
    }
}

//! Changes of members, as an operator makes them.

use crate::{cluster::Simulation, disk::lock, events::Event};
use quorate_catalog::{Change, MembersEdit};
use quorate_consensus::{Configuration, EntryBody, Input, ReplicaStart};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

impl Simulation {
    /// The members of a group, as anybody knows them to be committed.
    pub(super) fn configuration(&self, group: GroupId) -> Option<Configuration> {
        let committed = self.checks.configuration(group).cloned();
        committed.or_else(|| Some(Configuration::new(self.catalog().group(group)?.members.clone())))
    }

    /// Asks for other members, some of them on nodes that hold no replica yet.
    pub(super) fn change_members(&mut self, group: GroupId) {
        let Some(leader) = self.leader_of(group).filter(|_| !group.is_catalog()) else { return };
        let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else { return };
        let mut members = Vec::new();
        let promote_when_caught_up = self.random.upsets.chance(600);
        for node in self.plan.node_ids() {
            let wanted = self.random.upsets.chance(650);
            let votes = self.random.upsets.chance(800);
            if !wanted {
                continue;
            }
            let as_witness = self.random.upsets.chance(250);
            if let Some((replica, is_witness)) = self.replica_for(node, group, &current, as_witness) {
                // A voter that has nothing yet could keep its group from committing what it needs to get something.
                let may_vote = promote_when_caught_up || current.member(replica).is_some();
                let role = match (votes && may_vote, is_witness) {
                    (true, false) => MemberRole::Voter,
                    (false, false) => MemberRole::Learner,
                    (true, true) => MemberRole::Witness,
                    (false, true) => MemberRole::WitnessLearner,
                };
                members.push(Member { replica, node, role });
            }
        }
        self.coverage.member_changes += 1;
        let request = self.request(leader);
        let change = Input::ProposeConfiguration { group, request, members, promote_when_caught_up };
        self.tell(leader, [change]);
    }

    /// The replica that a node has, or one that it makes now to join; and whether that is a witness.
    fn replica_for(
        &mut self,
        id: NodeId,
        group: GroupId,
        current: &Configuration,
        as_witness: bool,
    ) -> Option<(ReplicaId, bool)> {
        let number = self.replicas + 1;
        let node = self.node(id);
        let running = node.running.as_ref()?;
        // What the node could not start it would not run.
        running.catalog.state().group(group)?;
        if let Some(log) = node.disk.log(group) {
            let log = lock(log);
            // One that was a member and is none any more is about to be destroyed.
            let is_new = log.last().index == 0;
            return (is_new || current.member(log.replica).is_some())
                .then_some((log.replica, log.is_witness));
        }
        if running.busy.contains(&group) {
            return None;
        }
        // A member that the node has not made yet, it will.
        if current.members.iter().any(|member| member.node == id) {
            return None;
        }
        let replica = ReplicaId(number);
        let joining = ReplicaStart::joining(group, replica);
        if !node.disk.create(&ReplicaStart { is_witness: as_witness, ..joining }) {
            return None;
        }
        self.replicas = number;
        self.host(id, group, replica, false);
        Some((replica, as_witness))
    }

    /// Wants other members of a group, or other voters of the catalog, in the catalog: whoever leads brings it about.
    pub(super) fn want_members(&mut self, group: GroupId) {
        let catalog = self.catalog();
        if group.is_catalog() {
            if self.disaster.is_some() {
                return;
            }
            let nodes: Vec<NodeId> = catalog.nodes().map(|node| node.id).collect();
            let voters: Vec<NodeId> = nodes.into_iter().filter(|_| self.random.upsets.chance(750)).collect();
            let changes = catalog.own_members().changes;
            self.coverage.own_changes += 1;
            return self.change_catalog(Change::ChangeOwnVoters { voters, changes });
        }
        let Some(group) = catalog.group(group).filter(|_| !self.is_hurt(group)) else { return };
        let mut all = Vec::new();
        for node in self.plan.node_ids() {
            let (wanted, votes) = (self.random.upsets.chance(700), self.random.upsets.chance(800));
            let as_witness = self.random.upsets.chance(200);
            let held = group.placed().find(|member| member.node == node);
            let is_witness = held.map_or(as_witness, |member| member.role.is_witness());
            let role = match (is_witness, votes) {
                (true, _) => MemberRole::Witness,
                (false, true) => MemberRole::Voter,
                (false, false) => MemberRole::Learner,
            };
            if wanted {
                all.push((node, role));
            }
        }
        self.coverage.member_changes += 1;
        let edit = match (all.as_slice(), self.random.upsets.chance(300)) {
            ([first, ..], true) if group.replica_on(first.0).is_none() => {
                MembersEdit::Some { add: vec![*first], remove: Vec::new(), promote: Vec::new() }
            }
            ([(first, _), ..], true) => {
                MembersEdit::Some { add: Vec::new(), remove: vec![*first], promote: Vec::new() }
            }
            _ => MembersEdit::All(all),
        };
        self.change_catalog(Change::ChangeMembers { name: group.name.clone(), edit });
        if self.random.upsets.chance(200) {
            let after = Duration::from_millis(self.random.upsets.between(20, 800));
            self.push(after, Event::HurtNewcomer { group: group.id });
        }
    }

    /// Undoes what keeps members from ever leading: where none may that are to vote, no change of members goes on.
    pub(crate) fn let_all_lead(&mut self, group: GroupId, leader: NodeId) {
        let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else { return };
        let never = current.priorities.iter().filter(|(_, priority)| **priority == 0);
        let priorities: BTreeMap<ReplicaId, u32> =
            never.map(|(replica, _)| (*replica, Configuration::DEFAULT_PRIORITY)).collect();
        if !priorities.is_empty() {
            let request = self.request(leader);
            self.tell(leader, [Input::ProposePriorities { group, request, priorities }]);
        }
    }

    /// Says how much a group prefers some of its members.
    pub(super) fn change_priorities(&mut self, group: GroupId) {
        let Some(leader) = self.leader_of(group) else { return };
        let Some(current) = self.configuration(group).filter(|current| !current.members.is_empty()) else {
            return;
        };
        let mut priorities = BTreeMap::new();
        for member in &current.members {
            if self.random.upsets.chance(500) {
                let priority = self.random.upsets.pick(&[0, 1, 50, 100, 200]).unwrap_or(0);
                priorities.insert(member.replica, priority);
            }
        }
        self.coverage.priorities += 1;
        let request = self.request(leader);
        self.tell(leader, [Input::ProposePriorities { group, request, priorities }]);
    }

    /// Whether most voters know on their disks that these are the members: until then a replica that is none any more
    /// may be needed for its vote.
    fn is_known_to_most(&self, group: GroupId, current: &Configuration) -> bool {
        let voters: Vec<_> = current.members.iter().filter(|member| member.role.votes()).collect();
        let knows = |member: &&&Member| {
            let Some(log) = self.nodes[&member.node].disk.log(group) else { return false };
            let log = lock(log);
            let newest = log.entries.range(..=log.hard_state.commit).rev().find_map(|(_, entry)| {
                match EntryBody::decode(&entry.data) {
                    Ok(EntryBody::Configuration(configuration)) => Some(configuration),
                    _ => None,
                }
            });
            log.replica == member.replica && newest.as_ref().unwrap_or(&log.configuration) == current
        };
        voters.iter().filter(knows).count() > voters.len() / 2
    }

    /// Destroys replicas that are members no longer.
    pub(crate) fn destroy_removed(&mut self) {
        let groups: Vec<GroupId> = self.catalog().groups().map(|group| group.id).collect();
        for group in groups {
            let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else {
                continue;
            };
            if !self.is_known_to_most(group, &current) {
                continue;
            }
            for id in self.plan.node_ids() {
                let Some(log) = self.node(id).disk.log(group) else { continue };
                let (replica, is_new) = {
                    let log = lock(log);
                    (log.replica, log.last().index == 0)
                };
                // One that is to join is in no configuration yet.
                if !is_new && current.member(replica).is_none() && self.random.actions.chance(300) {
                    self.retire(id, group, replica);
                }
            }
        }
    }
}

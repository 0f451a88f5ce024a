//! Faults are over: within a bounded time every group must serve, and all its replicas must be the same.

use super::Simulation;
use crate::{checks::Invariant, faults::Faults, node::Local};
use quorate_consensus::{Configuration, Input};
use quorate_vocabulary::{GroupId, NodeId};
use std::{collections::BTreeMap, time::Duration};

/// The time a cluster has to heal.
const HEAL_MAX: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What has been seen of a group since faults are over.
#[derive(Debug, Default)]
struct Recovery {
    /// How often it was asked for something.
    asked: u64,
    /// How often it was looked at while it had a leader.
    looks: u64,
}

impl Simulation {
    pub(super) fn heal(&mut self) {
        let began = self.now;
        self.healing = true;
        self.faults = Faults::calm();
        self.network.heal();
        self.history.begin_healing();
        for id in self.plan.node_ids() {
            self.start(id);
        }
        let mut groups: BTreeMap<GroupId, Recovery> = BTreeMap::new();
        let mut sick = String::new();
        while self.now < began + HEAL_MAX {
            let until = self.now + LOOK_EVERY;
            while self.now < until {
                if self.checks.violation().is_some() || !self.next_event() {
                    return;
                }
            }
            if !self.plan.members_by_catalog {
                self.destroy_removed();
            }
            match self.sickness(&mut groups) {
                None => {
                    let took = self.now - began;
                    self.coverage.heal_ms += u64::try_from(took.as_millis()).unwrap_or(0);
                    return;
                }
                Some(found) => sick = found,
            }
        }
        self.checks
            .violate(Invariant::Available, format!("{} s after the last fault: {sick}", HEAL_MAX.as_secs()));
    }

    /// What is not yet as it should be.
    fn sickness(&mut self, groups: &mut BTreeMap<GroupId, Recovery>) -> Option<String> {
        let catalog = self.catalog();
        let mut all: Vec<GroupId> = vec![GroupId::CATALOG];
        all.extend(catalog.groups().map(|group| group.id));
        let mut sick = None;
        for group in all {
            if let Some(why) = self.sickness_of(group, groups.entry(group).or_default()) {
                sick = Some(format!("group {group}: {why}\n{}", self.describe(group)));
            }
        }
        sick.or_else(|| self.leftovers().filter(|_| self.plan.members_by_catalog))
    }

    fn sickness_of(&mut self, group: GroupId, recovery: &mut Recovery) -> Option<String> {
        let Some(leader) = self.leader_of(group) else {
            self.recover_without_hurt(group);
            return Some("it has no leader".into());
        };
        if !self.local(leader, group).is_some_and(|local| local.established) {
            return Some("its leader is not established".into());
        }
        if !group.is_catalog() && recovery.looks.is_multiple_of(16) {
            // Again, should it be lost: what keeps the machine from being saved keeps others from joining.
            let request = self.request(leader);
            self.tell(leader, [Input::Propose { group, request, command: "mend".into() }]);
        }
        if recovery.looks.is_multiple_of(16) {
            self.let_all_lead(group, leader);
        }
        recovery.looks += 1;
        if let Some(why) = self.hurt(group, leader, recovery.looks) {
            return Some(why);
        }
        let members = self.members_of(group);
        let committed = self.checks.committed_up_to(group);
        for node in &members {
            if self.witness(*node, group).is_some() {
                let shard = self.running(*node).map(|running| &running.shard);
                let known = shard.and_then(|shard| shard.status(group)).map(|status| status.commit);
                if known != Some(committed) {
                    return Some(format!(
                        "the witness on node {node} knows {known:?}, and {committed} is committed"
                    ));
                }
                continue;
            }
            if self.is_corrupted(*node, group) {
                continue;
            }
            let applied = self.local(*node, group).map(|local| local.replica.applied().index);
            if applied != Some(committed) {
                return Some(format!("node {node} has applied {applied:?}, and {committed} is committed"));
            }
        }
        let joint = self.checks.configuration(group).is_some_and(Configuration::is_joint);
        if joint {
            return Some("its configuration is joint".into());
        }
        if let Some(why) = self.unsettled(group).or_else(|| self.unversioned(group)) {
            return Some(why);
        }
        if group.is_catalog() {
            return None;
        }
        let unresolved = self.ask_for_unresolved(group, recovery.looks % 4 == 1);
        if unresolved > 0 {
            return Some(format!("of {unresolved} commands of sessions nobody knows what became of them"));
        }
        // Served: a command at its leader, and reads at all its members.
        let done = self.history.done_since_healing(group);
        let members: Vec<NodeId> =
            members.into_iter().filter(|node| self.witness(*node, group).is_none()).collect();
        let wanted = 1 + members.len();
        if done >= wanted {
            return None;
        }
        recovery.asked += 1;
        if recovery.asked % 4 == 1 {
            self.submit(leader, group);
            for node in members {
                self.ask(node, group);
            }
        }
        Some(format!("{done} of {wanted} requests were answered"))
    }

    /// The nodes that hold the members of a group.
    pub(crate) fn members_of(&self, group: GroupId) -> Vec<NodeId> {
        let configuration = self.checks.configuration(group);
        let members = configuration.map(|configuration| configuration.members.clone());
        let members = members.or_else(|| self.catalog().group(group).map(|group| group.members.clone()));
        let members = members.map(|members| members.iter().map(|member| member.node).collect());
        members.unwrap_or_else(|| self.plan.node_ids().collect())
    }

    fn describe(&self, group: GroupId) -> String {
        let line = |id: NodeId, local: &Local| {
            let status = self.nodes[&id].running.as_ref().and_then(|running| running.shard.status(group));
            let applied = local.replica.applied().index;
            let newest = local.snapshots.latest().map(|info| info.header.point.index);
            format!("  node {id}: applied {applied}, snapshot {newest:?}, {status:?}")
        };
        let lines = self.nodes.values().filter_map(|node| {
            let local = node.running.as_ref()?.replicas.get(&group)?;
            Some(line(node.id, local))
        });
        let catalog = self.catalog();
        let known = catalog.group(group).map(|group| (&group.members, &group.change));
        let held = self.nodes.values().map(|node| {
            (node.id, node.disk.replicas().get(&group).copied(), node.disk.damaged().contains_key(&group))
        });
        let held: Vec<_> = held.collect();
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("{lines}\n  the catalog: {known:?}\n  on disk, damaged: {held:?}")
    }
}

//! What a disk or a memory does to a replica without a word: its state is changed, or its log is gone.

use super::Disaster;
use crate::{checks::Invariant, cluster::Simulation, disk::lock, events::Event, faults::FaultKind};
use bytes::Bytes;
use quorate_catalog::{Change, MembersEdit};
use quorate_consensus::{Configuration, Input};
use quorate_replica::{Overlay, ReplicaFault};
use quorate_vocabulary::{GroupId, MachineKind, Member, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeSet, time::Duration};

/// The number that is made wrong, to which clients add now and then.
pub(crate) const PROBE: &str = "probe";
/// What is wrong about it.
const WRONG_BY: i64 = 1_000_003;
/// So many voters with data a group has when one of them is made wrong: the others must be a majority.
pub(crate) const VOTERS_MIN: usize = 3;

/// Whether a group with these voters goes on when this replica is gone, and nothing is lost with it: what only that one and
/// witnesses have would be.
fn can_spare(members: &[Member], replica: ReplicaId) -> bool {
    let voters = members.iter().filter(|member| member.role.votes()).count();
    let witnesses = members.iter().filter(|member| member.role == MemberRole::Witness).count();
    let Some(member) = members.iter().find(|member| member.replica == replica) else { return false };
    let others = voters - usize::from(member.role.votes());
    let is_alone = voters / 2 < witnesses + usize::from(member.role == MemberRole::Voter);
    others * 2 > voters && !is_alone
}

impl Simulation {
    /// Whether a replica of this group is corrupted or damaged, and not replaced yet.
    pub(crate) fn is_hurt(&self, group: GroupId) -> bool {
        let is_damaged = self.nodes.values().any(|node| node.disk.damaged().contains_key(&group));
        is_damaged || self.checks.is_any_corrupted(group)
    }

    /// The members of a group in which nothing is under way, and which are all as they should be.
    fn well_members(&self, group: GroupId) -> Option<Configuration> {
        let catalog = self.catalog();
        let is_settled = catalog.group(group).is_some_and(|group| group.change.is_none());
        let current = self.configuration(group).filter(|current| !current.is_joint())?;
        let is_free = is_settled && self.disaster.is_none() && !self.is_hurt(group);
        (is_free && self.plan.members_by_catalog).then_some(current)
    }

    /// The state of one replica is wrong from now on, and nobody is told.
    pub(super) fn corrupt(&mut self, group: GroupId) {
        let Some(current) = self.well_members(group) else { return };
        let voters: Vec<Member> =
            current.members.iter().filter(|member| member.role == MemberRole::Voter).copied().collect();
        let Some(member) = self.random.upsets.pick(&voters).filter(|_| voters.len() >= VOTERS_MIN) else {
            return;
        };
        let Some(local) = self.local(member.node, group) else { return };
        if local.replica_id != member.replica || !change_state(local) {
            return;
        }
        self.coverage.corruptions += 1;
        self.checks.corrupt(group, member.replica);
    }

    /// What a replica has on disk cannot be read any more.
    pub(super) fn damage(&mut self, group: GroupId) {
        let Some(current) = self.well_members(group) else { return };
        let Some(member) = self.random.upsets.pick(&current.members) else { return };
        // Else an operator is needed.
        if can_spare(&current.members, member.replica) {
            self.damage_member(group, member);
        }
    }

    fn damage_member(&mut self, group: GroupId, member: Member) {
        let node = member.node;
        if self.node(node).disk.replicas().get(&group) != Some(&member.replica) {
            return;
        }
        self.coverage.damages += 1;
        self.crash(node);
        self.node(node).disk.damage(group, member.replica);
        let (life, down) = (self.node(node).life, self.random.upsets.below(1_000));
        self.push(Duration::from_millis(down), Event::Start { node, life });
    }

    /// A replica breaks just when it is to become a member, before it votes: its disk, or what it has in memory.
    pub(crate) fn hurt_newcomer(&mut self, group: GroupId) {
        let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else { return };
        let is_free = self.plan.members_by_catalog && self.disaster.is_none() && !self.is_hurt(group);
        let catalog = self.catalog();
        let Some(wanted) = catalog.group(group).filter(|group| is_free && group.change.is_some()) else {
            return;
        };
        let is_member = |member: &Member| wanted.members.iter().any(|known| known.replica == member.replica);
        let votes =
            |member: &Member| current.member(member.replica).is_some_and(|member| member.role.votes());
        let newcomers = wanted.wanted().iter().filter(|member| !is_member(member) && !votes(member));
        let newcomers: Vec<Member> =
            newcomers.filter(|member| can_spare(wanted.wanted(), member.replica)).copied().collect();
        let Some(newcomer) = self.random.upsets.pick(&newcomers) else { return };
        if self.faults.has(FaultKind::Damage) && self.random.upsets.chance(600) {
            self.damage_member(group, newcomer);
        } else if self.faults.has(FaultKind::Corrupt)
            && current.members.iter().filter(|member| member.role == MemberRole::Voter).count() >= VOTERS_MIN
            && let Some(local) = self.local(newcomer.node, group)
            && local.replica_id == newcomer.replica
            && change_state(local)
        {
            self.coverage.corruptions += 1;
            self.checks.corrupt(group, newcomer.replica);
        }
    }

    /// A replica has met a fault. One whose state is wrong is given up; to any other it must not happen.
    pub(crate) fn replica_fault(&mut self, id: NodeId, group: GroupId, fault: &ReplicaFault) {
        let replica = self.local(id, group).map(|local| local.replica_id);
        if replica.is_some_and(|replica| self.checks.is_corrupted(group, replica)) {
            if matches!(fault, ReplicaFault::Outvoted { .. }) {
                self.coverage.outvoted += 1;
            }
            return self.give_up(id, group, fault.to_string());
        }
        let invariant = if matches!(fault, ReplicaFault::Outvoted { .. }) {
            Invariant::FalseAlarm
        } else {
            Invariant::ReplicasRun
        };
        self.checks.violate(invariant, format!("node {id}, group {group}: {fault}"));
    }

    /// Whether what this replica holds is nothing to compare others with.
    pub(crate) fn is_excused(&mut self, id: NodeId, group: GroupId) -> bool {
        let replica = self.local(id, group).map(|local| local.replica_id);
        replica.is_some_and(|replica| {
            self.checks.is_fenced(group, replica) || self.checks.is_corrupted(group, replica)
        })
    }

    pub(crate) fn is_corrupted(&mut self, id: NodeId, group: GroupId) -> bool {
        let replica = self.local(id, group).map(|local| local.replica_id);
        replica.is_some_and(|replica| self.checks.is_corrupted(group, replica))
    }

    /// A corrupted leader is to send its state. Until it is found out that would make others as wrong as it is, so that nobody
    /// could tell any more: it is made to hand over instead.
    pub(crate) fn keep_corruption(&mut self, id: NodeId, group: GroupId) {
        let request = self.request(id);
        self.tell(id, [Input::TransferLeader { group, request, to: None }]);
    }

    /// What is still wrong with a group that was corrupted or damaged; a command meets what is wrong, if none has yet.
    pub(crate) fn hurt(&mut self, group: GroupId, leader: NodeId, looks: u64) -> Option<String> {
        for id in self.plan.node_ids() {
            if self.is_corrupted(id, group)
                && let Some(local) = self.local(id, group)
            {
                let (replica, point) = (local.replica_id, local.replica.applied().clone());
                self.checks.forgive_if_sound(group, replica, &point);
            }
        }
        if !self.is_hurt(group) {
            return None;
        }
        if looks.is_multiple_of(16) {
            let request = self.request(leader);
            let command = Bytes::from(format!("add {PROBE} 1"));
            self.tell(leader, [Input::Propose { group, request, command }]);
        }
        if looks.is_multiple_of(4) {
            for id in self.plan.node_ids() {
                self.attest_if(id, group, 1);
            }
        }
        if looks.is_multiple_of(4) && self.checks.is_undecided(group) {
            self.decide(group);
        }
        Some("a replica of it is corrupted or damaged, and not replaced".into())
    }

    /// Members that were to go have gone since one was corrupted or damaged, and without that one the others are no majority:
    /// the operator has the group go on with them.
    pub(crate) fn recover_without_hurt(&mut self, group: GroupId) {
        let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else { return };
        if self.disaster.is_some() || !self.is_hurt(group) {
            return;
        }
        let members = current.members.iter().copied();
        let (lost, survivors): (Vec<Member>, Vec<Member>) =
            members.partition(|member| self.has_stopped(member.node, group, member.replica));
        let votes = |members: &[Member]| members.iter().filter(|member| member.role.votes()).count();
        let has_data = survivors.iter().any(|member| !member.role.is_witness());
        if votes(&survivors) > votes(&current.members) / 2 || !has_data {
            return;
        }
        self.coverage.majorities_hurt += 1;
        let lost = lost.iter().map(|member| member.replica).collect();
        self.begin_disaster(Disaster::new((group, current.epoch), survivors, lost, BTreeSet::new()));
    }

    /// Members that were to go have gone since one was corrupted, and what is left is no majority that agrees. The leader has
    /// said so, and that is all it can do: the operator, who knows which is wrong, has the group go on without it.
    fn decide(&mut self, group: GroupId) {
        let catalog = self.catalog();
        let Some(group) = catalog.group(group).filter(|group| group.change.is_none()) else { return };
        let is_sound = |member: &&Member| {
            member.role == MemberRole::Voter && !self.checks.is_corrupted(group.id, member.replica)
        };
        let sound: Vec<_> =
            group.members.iter().filter(is_sound).map(|member| (member.node, member.role)).collect();
        self.coverage.decided += 1;
        let name = group.name.clone();
        self.change_catalog(Change::ChangeMembers { name, edit: MembersEdit::All(sound) });
    }
}

fn change_state(local: &mut crate::node::Local) -> bool {
    let point = local.replica.applied().clone();
    if local.kind == MachineKind::Store {
        return local.state.corrupt(PROBE, WRONG_BY, &point);
    }
    let Some(instance) = local.plugin.as_ref().and_then(crate::machine::HeldPlugin::applying) else {
        return false;
    };
    let command = Bytes::from(format!("add {PROBE} {WRONG_BY}"));
    lock(&instance).apply(point.position(), &command, Overlay::empty()).is_ok()
}

//! Groups lose a majority of their voters for good, and an operator has those that are left go on.

use crate::{checks::Invariant, cluster::Simulation, disk::lock, events::Event};
use quorate_consensus::{Configuration, EntryBody, Input, Refusal, RequestId, Role};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeSet, time::Duration};

/// The operator looks again after at most so many milliseconds.
const LOOK_MS_MAX: u64 = 1_500;
/// A node whose disks are whole comes back at most so many milliseconds after the group has been recovered.
const BACK_MS_MAX: u64 = 3_000;

/// After so many refusals the operator names the survivors without witnesses.
const REFUSALS_MAX: u32 = 6;
/// So long nothing has kept nodes from hearing each other when an operator who is wrong must be refused.
const UNDISTURBED: Duration = Duration::from_secs(2);

/// A group that has lost a majority of its voters.
#[derive(Debug)]
pub(crate) struct Disaster {
    group: GroupId,
    /// The epoch before.
    epoch: u64,
    survivors: Vec<Member>,
    lost: Vec<ReplicaId>,
    /// Where the configuration of the survivors stands in the log of the one that made it, on this node.
    recovered: Option<(NodeId, u64)>,
    /// The nodes of those that are lost: nobody starts them until the group is recovered.
    down: BTreeSet<NodeId>,
    /// How often it was refused.
    refused: u32,
    /// What the operator waits for.
    asked: Option<(NodeId, RequestId)>,
}

impl Disaster {
    pub(super) fn new(
        (group, epoch): (GroupId, u64),
        survivors: Vec<Member>,
        lost: Vec<ReplicaId>,
        down: BTreeSet<NodeId>,
    ) -> Self {
        Self { group, epoch, survivors, lost, recovered: None, down, refused: 0, asked: None }
    }
}

impl Simulation {
    /// Whether nobody starts this node for now.
    pub(crate) fn is_kept_down(&self, id: NodeId) -> bool {
        self.disaster.as_ref().is_some_and(|disaster| disaster.down.contains(&id))
    }

    /// Whether the operator has asked this replica to go on without those that are lost.
    pub(crate) fn recovers(&self, id: NodeId, group: GroupId) -> bool {
        self.disaster.as_ref().is_some_and(|disaster| {
            disaster.group == group && disaster.asked.is_some_and(|(node, _)| node == id)
        })
    }

    /// Whether this replica's disk knows that these are the members.
    pub(super) fn knows(&self, member: &Member, group: GroupId, current: &Configuration) -> bool {
        let Some(log) = self.nodes[&member.node].disk.log(group) else { return false };
        let log = lock(log);
        let newest =
            log.entries.range(..=log.hard_state.commit).rev().find_map(|(_, entry)| match EntryBody::decode(
                &entry.data,
            ) {
                Ok(EntryBody::Configuration(configuration)) => Some(configuration),
                _ => None,
            });
        log.replica == member.replica && newest.as_ref().unwrap_or(&log.configuration) == current
    }

    /// A majority of the voters of a group go down. Their disks are lost for this group, but for one of them now and then,
    /// which comes back when the group has gone on without it.
    pub(super) fn lose_majority(&mut self, group: GroupId) {
        let is_settled = self.catalog().group(group).is_some_and(|group| group.change.is_none());
        let current = self.configuration(group).filter(|current| !current.is_joint());
        let is_free = is_settled && self.disaster.is_none() && !self.is_hurt(group);
        let Some(current) = current.filter(|_| is_free) else { return };
        let mut voters: Vec<Member> =
            current.members.iter().filter(|member| member.role.votes()).copied().collect();
        let able = |member: &&Member| member.role == MemberRole::Voter && self.knows(member, group, &current);
        let able: Vec<Member> = voters.iter().filter(able).copied().collect();
        let Some(first) = self.random.upsets.pick(&able) else { return };
        let half = voters.len() / 2;
        let mut survivors = vec![first];
        voters.retain(|voter| voter.replica != first.replica);
        let mut lost = Vec::new();
        for voter in voters {
            let spared = self.random.upsets.chance(400);
            if spared && survivors.len() < half && self.knows(&voter, group, &current) {
                survivors.push(voter);
            } else {
                lost.push(voter);
            }
        }
        if survivors.len() > half {
            return;
        }
        for learner in current.members.iter().filter(|member| !member.role.votes()) {
            let spared = self.random.upsets.chance(500);
            if spared && self.knows(learner, group, &current) {
                survivors.push(*learner);
            }
        }
        let comes_back = self.random.upsets.chance(500).then(|| self.random.upsets.pick(&lost)).flatten();
        // One that knows other members could find itself to be enough.
        let comes_back = comes_back.filter(|back| {
            current.voters().count() > 2 && back.role.votes() && self.knows(back, group, &current)
        });
        let down: BTreeSet<NodeId> = lost.iter().map(|member| member.node).collect();
        if !self.catalog_serves_without(&down) {
            return;
        }
        self.coverage.majorities_lost += 1;
        let is_lost = |member: &&Member| !survivors.iter().any(|survivor| survivor.replica == member.replica);
        let lost_replicas = current.members.iter().filter(is_lost).map(|member| member.replica).collect();
        self.begin_disaster(Disaster::new((group, current.epoch), survivors, lost_replicas, down));
        for member in lost {
            self.crash(member.node);
            if comes_back.is_none_or(|back| back.replica != member.replica) {
                self.node(member.node).disk.damage(group, member.replica);
            }
        }
    }

    /// Whether most voters of the catalog are on other nodes: a node that starts again learns of its groups from them.
    fn catalog_serves_without(&self, down: &BTreeSet<NodeId>) -> bool {
        let committed = self.checks.configuration(GroupId::CATALOG).filter(|current| !current.is_joint());
        let voters: Vec<NodeId> = committed.map_or_else(
            || self.plan.founder_ids().collect(),
            |current| {
                let voters = current.members.iter().filter(|member| member.role.votes());
                voters.map(|member| member.node).collect()
            },
        );
        voters.iter().filter(|node| !down.contains(node)).count() > voters.len() / 2
            && self.catalog().own_members().voters.iter().all(|voter| voters.contains(voter))
    }

    /// The operator looks at the group that has lost its majority, and has it go on if nothing else is tried just now.
    pub(crate) fn operate(&mut self) {
        let Some(disaster) = &self.disaster else { return };
        let (group, survivors) = (disaster.group, disaster.survivors.clone());
        let is_waiting = disaster.asked.is_some_and(|(_, request)| self.waits(request));
        if self.catalog().was_deleted(group) {
            return self.end_disaster();
        }
        if let Some((node, index)) = disaster.recovered {
            // What was done is on disk by the time the operator hears of it.
            let log = self.nodes[&node].disk.log(group).map(|log| lock(log).hard_state.commit);
            if log.is_some_and(|commit| commit >= index) {
                self.coverage.recoveries += 1;
                return self.end_disaster();
            }
        }
        let pause = self.random.upsets.between(100, LOOK_MS_MAX);
        self.push(Duration::from_millis(pause), Event::Operate);
        if is_waiting {
            return;
        }
        let mut best = None;
        for member in survivors.iter().filter(|member| !member.role.is_witness()) {
            if let Some(status) = self.status(member.node, group) {
                best = best.max(Some((status.last.term, status.last.index, member.node)));
            }
        }
        let Some((_, _, node)) = best else { return };
        let request = self.request(node);
        if let Some(disaster) = &mut self.disaster {
            disaster.asked = Some((node, request));
        }
        self.coverage.recoveries_asked += 1;
        let survivors = survivors.iter().map(|member| member.replica).collect();
        self.tell(node, [Input::Recover { group, request, survivors }]);
    }

    /// An operator who is wrong asks for it while all is well. Whether it was refused is seen when it is answered.
    pub(super) fn recover_needlessly(&mut self, group: GroupId) {
        let Some(leader) = self.leader_of(group).filter(|_| !group.is_catalog()) else { return };
        let Some(current) = self.configuration(group).filter(|current| !current.is_joint()) else { return };
        let voters: Vec<Member> =
            current.members.iter().filter(|member| member.role == MemberRole::Voter).copied().collect();
        let well = |member: &Member| {
            let local = self.nodes[&member.node].running.as_ref()?.replicas.get(&group)?;
            (local.replica_id == member.replica).then_some(())
        };
        let calm =
            self.now > self.disturbed + UNDISTURBED && self.network.is_whole() && self.disaster.is_none();
        if calm && voters.len() > 1 && voters.iter().all(|voter| well(voter).is_some()) {
            let at = self.random.upsets.pick(&voters).map_or(leader, |voter| voter.node);
            let Some(own) = voters.iter().find(|voter| voter.node == at).map(|voter| voter.replica) else {
                return;
            };
            let request = self.request(at);
            self.needless.insert(request);
            self.coverage.recoveries_needless += 1;
            self.tell(at, [Input::Recover { group, request, survivors: vec![own] }]);
        }
    }

    /// A recovery, or something else, was refused.
    pub(crate) fn recovery_refused(&mut self, request: RequestId, reason: &Refusal) {
        self.needless.remove(&request);
        if let Some(disaster) = &mut self.disaster
            && disaster.asked.is_some_and(|(_, asked)| asked == request)
        {
            disaster.asked = None;
            if matches!(reason, Refusal::NotRecovered { .. }) {
                self.coverage.recoveries_refused += 1;
                disaster.refused += 1;
                if disaster.refused >= REFUSALS_MAX && disaster.recovered.is_none() {
                    // One of them has more than those that could lead.
                    let (witnesses, others): (Vec<Member>, Vec<Member>) =
                        disaster.survivors.iter().partition(|survivor| survivor.role.is_witness());
                    disaster.survivors = others;
                    disaster.lost.extend(witnesses.iter().map(|witness| witness.replica));
                }
            }
        }
    }

    /// A replica has come to lead. If that is because it recovers its group, whatever it lacks is lost, and nobody else is
    /// listened to any more.
    pub(crate) fn branch_if_recovering(&mut self, id: NodeId, group: GroupId) {
        if !self.recovers(id, group) {
            return;
        }
        let Some(shadow) = self.local(id, group).map(|local| local.shadow.clone()) else { return };
        let lost = self.checks.recovered(group, |index| shadow.term_at(index), shadow.begins());
        self.coverage.entries_lost += lost;
        self.history.end_era(group);
        self.sessions.end_era(group);
        // Other keys from now on: what clients saw of these is no history of what goes on.
        *self.operations.entry(group).or_default() += super::clients::OPERATIONS_PER_KEYS;
        let Some(disaster) = &self.disaster else { return };
        let survivors: Vec<ReplicaId> = disaster.survivors.iter().map(|member| member.replica).collect();
        // Also those that have yet to be made.
        for lost in &disaster.lost {
            self.checks.fence(group, *lost);
        }
        for node in self.nodes.values() {
            if let Some(replica) = node.disk.replicas().get(&group)
                && !survivors.contains(replica)
            {
                self.checks.fence(group, *replica);
            }
        }
    }

    /// A configuration is applied. If it is that of the survivors the group is recovered.
    pub(crate) fn note_epoch(&mut self, id: NodeId, group: GroupId, (index, epoch): (u64, u64)) {
        if let Some(disaster) = &mut self.disaster
            && disaster.group == group
            && epoch > disaster.epoch
        {
            disaster.recovered.get_or_insert((id, index));
        }
    }

    pub(super) fn begin_disaster(&mut self, disaster: Disaster) {
        self.disaster = Some(disaster);
        self.push(Duration::from_millis(500), Event::Operate);
    }

    fn end_disaster(&mut self) {
        let Some(disaster) = self.disaster.take() else { return };
        for node in disaster.down {
            let (life, after) = (self.node(node).life, self.random.upsets.below(BACK_MS_MAX));
            self.push(Duration::from_millis(after), Event::Start { node, life });
        }
    }

    /// Whether the member of a group that was recovered without it has been told so.
    pub(crate) fn is_superseded(&mut self, id: NodeId, group: GroupId, cause: &str) -> bool {
        let replica = self.node(id).disk.replicas().get(&group).copied();
        replica.is_some_and(|replica| self.checks.is_fenced(group, replica))
            && cause.contains("was recovered without it")
    }

    /// Whether the replica of this node is one that its group went on without.
    pub(crate) fn is_fenced(&mut self, id: NodeId, group: GroupId) -> bool {
        let replica = self.local(id, group).map(|local| local.replica_id);
        replica.is_some_and(|replica| self.checks.is_fenced(group, replica))
    }

    /// A member that its group went on without neither leads nor answers what must be fresh.
    pub(crate) fn check_fenced(&mut self, id: NodeId, group: GroupId, role: Role) {
        if role == Role::Leader && self.is_fenced(id, group) {
            let what =
                format!("node {id}, group {group}: it leads or answers, and the group went on without it");
            self.checks.violate(Invariant::Fenced, what);
        }
    }

    /// What an operator who is wrong has asked for must not be done.
    pub(crate) fn check_not_needless(&mut self, group: GroupId, request: RequestId) {
        if self.needless.remove(&request) {
            let what = format!("group {group}: a replica goes on alone, and all others live");
            self.checks.violate(Invariant::RecoveryRefused, what);
        }
    }
}

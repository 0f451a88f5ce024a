//! What a shard asks for, carried out as a node does.

use super::{ApplyWork, Local};
use crate::{
    checks::Invariant,
    cluster::Simulation,
    disk::LogWork,
    events::Event,
    network::{arrivals, delay},
    planted::Bug,
};
use quorate_consensus::{Effect, Input, Now, RaftMessage, ReadMode, Refusal, RequestId, Role};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};

impl Simulation {
    /// Hands the shard of a node something, which it takes in a moment.
    pub(crate) fn tell(&mut self, id: NodeId, inputs: impl IntoIterator<Item = Input>) {
        let pause = delay(&mut self.random.work, 200);
        let (now, node) = (self.now, self.node(id));
        let life = node.life;
        let Some(running) = &mut node.running else { return };
        running.inbox.extend(inputs);
        if !std::mem::replace(&mut running.wakes, true) {
            self.queue.push(now + pause, Event::Wake { node: id, life });
        }
    }

    /// The shard takes what is in its inbox, and what it asks for is done.
    pub(crate) fn step_shard(&mut self, id: NodeId) {
        let slept = self.sleeping_leaders(id);
        let now = self.now;
        let node = self.node(id);
        let now = Now { monotonic: node.clock.monotonic(now), wall_ms: node.clock.wall_ms(now) };
        let Some(running) = &mut node.running else { return };
        running.wakes = false;
        let inbox = if running.twins.is_some() { running.inbox.clone() } else { Vec::new() };
        let mut effects = Vec::new();
        let by_lease = |input: &Input| match input {
            Input::Read { request, mode: ReadMode::Lease, .. } => Some(*request),
            _ => None,
        };
        let asked: Vec<RequestId> = running.inbox.iter().filter_map(by_lease).collect();
        running.shard.step(now, &mut running.inbox, &mut effects);
        let retiring = std::mem::take(&mut running.retiring);
        for effect in effects {
            // Nobody else was asked.
            if matches!(&effect, Effect::ReadReady { request, .. } if asked.contains(request)) {
                self.coverage.lease_reads += 1;
            }
            self.carry_out(id, effect);
        }
        for effect in self.step_twins(id, now, &inbox) {
            self.carry_out(id, effect);
        }
        self.wake_again(id, now, slept);
        for (group, replica) in retiring {
            self.write(id, LogWork::Remove { group, replica });
        }
    }

    pub(super) fn carry_out(&mut self, id: NodeId, effect: Effect) {
        if self.trace.keeps_lines() {
            self.trace.say(format_args!("    node {id}: {effect:?}"));
        }
        let life = self.node(id).life;
        match effect {
            Effect::Persist(persist) => self.persist(id, persist),
            Effect::Send(message) => self.send(id, &message),
            Effect::SendSnapshot { group, to, node: _, message } => {
                self.send_snapshot(id, group, to, message);
            }
            Effect::Apply { group, entries } => {
                self.check_no_witness(id, group, "is to apply entries");
                self.trace.add(&[3, id.0, group.0, entries.len() as u64]);
                let Some(local) = self.local(id, group) else { return };
                let (term, told) = (local.term, local.told);
                local.told = entries.last().map_or(told, |last| last.index);
                if entries.first().is_some_and(|first| first.index != told + 1) {
                    let what = format!("node {id}, group {group}: handed {entries:?} behind entry {told}");
                    self.checks.violate(Invariant::AppliedOnce, what);
                }
                if !self.is_fenced(id, group) {
                    self.checks.committed(group, term, &entries);
                }
                let requests: Vec<RequestId> =
                    entries.iter().flat_map(|entry| entry.requests.clone()).collect();
                for request in requests {
                    self.answered(request);
                    self.check_not_needless(group, request);
                }
                self.work(id, group, ApplyWork::Entries(entries));
            }
            Effect::Restore { group, point, .. } => {
                self.check_no_witness(id, group, "is to load a snapshot");
                if let Some(local) = self.local(id, group) {
                    local.told = local.told.max(point.index);
                }
                self.work(id, group, ApplyWork::Restore(point));
            }
            Effect::SnapshotUnused { group, point } => {
                self.work(id, group, ApplyWork::Unused { index: point.index });
            }
            Effect::CutLog { group, truncated, configuration } => {
                self.coverage.logs_cut += 1;
                self.write(id, LogWork::Cut { group, truncated, configuration });
            }
            Effect::Fetch { group, first, last, bytes_max } => {
                self.coverage.fetches += 1;
                let delay = delay(&mut self.random.disk, self.faults.disk_delay_us_max);
                self.push(delay, Event::Fetch { node: id, life, group, first, last, bytes_max });
            }
            Effect::Refused { group: _, request, reason } => {
                self.coverage.refused += 1;
                self.answered(request);
                self.sessions.lost(request);
                self.barrier_refused(id, request);
                self.recovery_refused(request, &reason);
                match reason {
                    Refusal::Lost | Refusal::Closed { appended: true } => self.history.lost(request),
                    _ => self.history.refused(request),
                }
            }
            Effect::ReadReady { group, request, index } => {
                self.answered(request);
                self.work(id, group, ApplyWork::Read { index, request });
            }
            Effect::RoleChanged { group, role, term, leader } => {
                self.check_witness_role(id, group, role);
                self.trace.add(&[4, id.0, group.0, role as u64, term]);
                self.role_changed(id, group, role, term);
                self.work(id, group, ApplyWork::Role { role, term, leader });
            }
            Effect::LeaderEstablished { group, term } => {
                if let Some(local) = self.local(id, group) {
                    local.established = true;
                }
                self.work(id, group, ApplyWork::Established { term });
            }
            Effect::LeaderTransferred { request, .. } => {
                self.coverage.transferred += 1;
                self.answered(request);
            }
            Effect::FellAsleep { .. } => {}
            Effect::SnapshotWanted { group, .. } => self.work(id, group, ApplyWork::Snapshot),
            Effect::ReplicaFailed { group, .. } if self.is_disk_to_blame(id, group) => {
                self.stop_replica(id, group);
            }
            Effect::ReplicaFailed { group, cause } if self.is_superseded(id, group, &cause) => {
                self.coverage.superseded += 1;
                self.set_aside(id, group);
            }
            Effect::ReplicaFailed { group, cause } => {
                let what = format!("node {id}, group {group}: {cause}");
                self.checks.violate(Invariant::ReplicasRun, what);
            }
        }
    }

    fn role_changed(&mut self, id: NodeId, group: GroupId, role: Role, term: u64) {
        let Some(local) = self.local(id, group) else { return };
        (local.role, local.term, local.established) = (role, term, false);
        self.check_fenced(id, group, role);
        if role == Role::Leader {
            self.branch_if_recovering(id, group);
            let Some(local) = self.local(id, group) else { return };
            let (replica, shadow) = (local.replica_id, local.shadow.clone());
            self.coverage.elections += 1;
            self.checks.leads(group, replica, term, |index| shadow.term_at(index));
        }
    }

    /// Sends a message, or loses it.
    pub(crate) fn send(&mut self, from: NodeId, message: &RaftMessage) {
        self.checks.sent(message);
        self.trace.add(&[
            2,
            message.r#type.cast_unsigned().into(),
            message.to_node,
            message.term,
            message.index,
        ]);
        for after in arrivals(&mut self.random.network, &self.faults) {
            self.push(after, Event::Deliver { from, message: Box::new(message.clone()) });
        }
    }

    fn send_snapshot(&mut self, from: NodeId, group: GroupId, to: ReplicaId, message: RaftMessage) {
        let index = message.snapshot.as_ref().map_or(0, |point| point.index);
        let life = self.node(from).life;
        let snapshot = self.local(from, group).and_then(|local| local.snapshots.get(index));
        let lost = self.random.network.chance(self.faults.lost_snapshots_per_mille);
        let after = delay(&mut self.random.network, self.faults.message_delay_us_max * 10);
        self.coverage.snapshots_sent += 1;
        let spreads = self.is_corrupted(from, group);
        if spreads {
            self.keep_corruption(from, group);
        }
        let Some(snapshot) = snapshot.filter(|_| !lost && !spreads) else {
            self.coverage.snapshots_lost += 1;
            return self.snapshot_sent(from, life, group, to, false);
        };
        if self.settings.bug == Some(Bug::SnapshotMessageFirst) {
            self.push(after / 2, Event::Deliver { from, message: Box::new(message.clone()) });
        }
        let (snapshot, message) = (Box::new(snapshot), Box::new(message));
        self.push(after, Event::SnapshotArrives { from, life, snapshot, message });
    }

    /// The sender of a snapshot hears what became of it, a while later.
    pub(crate) fn snapshot_sent(
        &mut self,
        from: NodeId,
        life: u64,
        group: GroupId,
        to: ReplicaId,
        delivered: bool,
    ) {
        if !delivered && self.settings.bug == Some(Bug::IgnoreLostSnapshot) {
            return;
        }
        let after = delay(&mut self.random.network, self.faults.message_delay_us_max);
        let input = Box::new(Input::SnapshotSent { group, to, delivered });
        self.push(after, Event::Tell { node: from, life, input });
    }

    /// Hands apply work, behind all that waits there.
    pub(crate) fn work(&mut self, id: NodeId, group: GroupId, work: ApplyWork) {
        let delay = delay(&mut self.random.work, self.faults.work_delay_us_max);
        let life = self.node(id).life;
        if let Some(local) = self.local(id, group) {
            local.work.push_back(work);
            self.push(delay, Event::Apply { node: id, life, group });
        }
    }

    /// The replica of a group that runs on a node.
    pub(crate) fn local(&mut self, id: NodeId, group: GroupId) -> Option<&mut Local> {
        self.running(id)?.replicas.get_mut(&group)
    }
}

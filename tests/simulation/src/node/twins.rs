//! A bug: a replica that led when it fell asleep is woken twice. The one that slept goes on, and beside it another is made
//! from the disk, which leads because it did, without asking anybody.

use crate::{cluster::Simulation, disk::lock, planted::Bug};
use quorate_consensus::{Effect, Input, Now, RaftMessage, RaftMessageType, Shard};
use quorate_vocabulary::{GroupId, Member, NodeId};
use std::collections::BTreeSet;

/// The second instances on a node.
pub(crate) struct Twins {
    shard: Shard,
    groups: BTreeSet<GroupId>,
}

impl Simulation {
    /// The groups that this node leads and that sleep; none unless they are woken twice.
    pub(super) fn sleeping_leaders(&mut self, id: NodeId) -> Vec<GroupId> {
        if self.settings.bug != Some(Bug::WokenTwice) {
            return Vec::new();
        }
        let Some(running) = self.running(id) else { return Vec::new() };
        let led = running.replicas.iter().filter(|(_, local)| local.leads()).map(|(group, _)| *group);
        let asleep = led.filter(|group| running.shard.status(*group).is_some_and(|status| status.is_asleep));
        asleep.collect()
    }

    /// What the second instances make of what has come.
    pub(super) fn step_twins(&mut self, id: NodeId, now: Now, inbox: &[Input]) -> Vec<Effect> {
        let Some(twins) = self.running(id).and_then(|running| running.twins.as_mut()) else {
            return Vec::new();
        };
        let is_for = |input: &&Input| match input {
            Input::Tick => true,
            Input::Message(message) => twins.groups.contains(&GroupId(message.group)),
            Input::Persisted { group, .. } => twins.groups.contains(group),
            _ => false,
        };
        let mut inputs: Vec<Input> = inbox.iter().filter(is_for).cloned().collect();
        let mut effects = Vec::new();
        twins.shard.step(now, &mut inputs, &mut effects);
        effects
    }

    /// Those of these groups that are awake now are woken again.
    pub(super) fn wake_again(&mut self, id: NodeId, now: Now, slept: Vec<GroupId>) {
        for group in slept {
            let status = self.status(id, group).filter(|status| !status.is_asleep);
            let log = self.node(id).disk.log(group).cloned();
            let (Some(status), Some(log)) = (status, log) else { continue };
            let config = self.plan.shard(id, self.nodes[&id].life);
            let Some(running) = self.running(id) else { return };
            if running.twins.is_none() {
                let Ok(shard) = Shard::new(config) else { return };
                running.twins = Some(Twins { shard, groups: BTreeSet::new() });
            }
            let Some(twins) = running.twins.as_mut().filter(|twins| !twins.groups.contains(&group)) else {
                continue;
            };
            twins.groups.insert(group);
            let start = lock(&log).start(group, (status.applied, 0), None);
            let term = start.hard_state.term.max(status.last.term);
            let others = status.configuration.members.iter().filter(|member| member.node != id);
            let voters: Vec<Member> = others.filter(|member| member.role.votes()).copied().collect();
            let said = |from: &Member, kind: RaftMessageType, term: u64| {
                let mut message = RaftMessage {
                    group: group.0,
                    from_replica: from.replica.0,
                    to_replica: status.replica.0,
                    from_node: from.node.0,
                    to_node: id.0,
                    term,
                    epoch: status.configuration.epoch,
                    ..RaftMessage::default()
                };
                message.set_type(kind);
                Input::Message(message)
            };
            let mut inputs = vec![Input::Open(Box::new(start))];
            inputs.extend(voters.first().map(|voter| said(voter, RaftMessageType::TimeoutNow, term)));
            let votes =
                voters.iter().map(|voter| said(voter, RaftMessageType::RequestVoteResponse, term + 1));
            inputs.extend(votes);
            let mut effects = Vec::new();
            twins.shard.step(now, &mut inputs, &mut effects);
            for effect in effects {
                self.carry_out(id, effect);
            }
        }
    }
}

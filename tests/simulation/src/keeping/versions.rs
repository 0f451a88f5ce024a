//! The version that a group runs: wanted by the catalog, compiled on the nodes of its replicas, put into the group's own log by
//! its leader, and told to the catalog from there.

use super::Simulation;
use crate::{disk::lock, events::Event, node::ApplyWork};
use quorate_catalog::{Change, Group, Upgrade};
use quorate_consensus::{Activation, Input, Order};
use quorate_replica::ports::ActivationRecord;
use quorate_vocabulary::{GroupId, MemberRole, NodeId, PluginDigest};
use std::time::Duration;

/// An activation that was proposed and is not applied after so long is proposed again: one of the two does nothing.
const PROPOSE_AGAIN: Duration = Duration::from_secs(2);
/// Within so many microseconds a plugin is compiled.
const COMPILE_US_MAX: u64 = 1_500_000;
/// A replica that stands still looks again after so long.
const STAND_STILL: Duration = Duration::from_millis(100);

/// Whether the catalog has this from the group's log, or has forgotten it since.
fn is_known(group: &Group, record: &ActivationRecord) -> bool {
    match group.upgrades.iter().find(|upgrade| upgrade.number == record.number) {
        Some(upgrade) => upgrade.outcome.as_ref().is_some_and(|outcome| outcome.index >= Some(record.index)),
        None => record.number <= group.upgrades_asked,
    }
}

impl Simulation {
    /// Has a node compile a plugin.
    pub(crate) fn compile(&mut self, id: NodeId, digest: PluginDigest) {
        let after = Duration::from_micros(1 + self.random.versions.below(COMPILE_US_MAX));
        let life = self.node(id).life;
        let is_new = |running: &mut crate::node::Running| {
            !lock(&running.compiled).contains(&digest) && running.compiling.insert(digest)
        };
        if self.running(id).is_some_and(is_new) {
            self.push(after, Event::Compiled { node: id, life, digest });
        }
    }

    pub(crate) fn compiled(&mut self, id: NodeId, digest: PluginDigest) {
        let Some(running) = self.running(id) else { return };
        running.compiling.remove(&digest);
        lock(&running.compiled).insert(digest);
    }

    /// The node is to have a plugin at hand for an upgrade, and to tell the catalog.
    pub(crate) fn prepare(&mut self, id: NodeId, group: GroupId, number: u64, digest: PluginDigest) {
        let is_compiled = self.running(id).is_some_and(|running| lock(&running.compiled).contains(&digest));
        if !is_compiled {
            return self.compile(id, digest);
        }
        let fails = !self.healing && self.random.versions.chance(30);
        let failure = fails.then(|| "it does not compile here".to_owned());
        self.change_catalog(Change::NotePrepared { group, number, node: id, failure });
    }

    /// A replica stands still with this work until its node has compiled what it lacks.
    pub(crate) fn stand_still(&mut self, id: NodeId, group: GroupId, lacks: PluginDigest, work: ApplyWork) {
        self.coverage.stood_still += 1;
        self.compile(id, lacks);
        let life = self.node(id).life;
        if let Some(local) = self.local(id, group) {
            local.work.push_front(work);
            self.push(STAND_STILL, Event::Apply { node: id, life, group });
        }
    }

    fn activation(&mut self, id: NodeId, group: &Group) -> Option<ActivationRecord> {
        self.local(id, group.id)?.replica.applied().activation.as_deref().cloned()
    }

    pub(super) fn needs_a_version_step(&mut self, id: NodeId, group: &Group) -> bool {
        let record = self.activation(id, group);
        let last = record.as_ref().map_or(0, |record| record.number);
        group.upgrade().is_some_and(|upgrade| upgrade.number > last)
            || record.is_some_and(|record| !is_known(group, &record))
    }

    pub(super) fn step_version(&mut self, id: NodeId, group: &Group) {
        let record = self.activation(id, group);
        if let Some(record) = record.clone().filter(|record| !is_known(group, record)) {
            return self.change_catalog(Change::NoteActivation { group: group.id, record });
        }
        let last = record.map_or(0, |record| record.number);
        let Some(upgrade) = group.upgrade().filter(|upgrade| upgrade.number > last) else { return };
        if !self.is_ready(group, upgrade) {
            return;
        }
        let (now, number) = (self.now, upgrade.number);
        let Some(running) = self.running(id) else { return };
        let proposed = running.activating.get(&group.id).filter(|(before, _)| *before == number);
        if proposed.is_some_and(|(_, at)| now < *at + PROPOSE_AGAIN) {
            return;
        }
        running.activating.insert(group.id, (number, now));
        let request = self.request(id);
        let order = Order::Activate(Activation { number, plugin: upgrade.digest });
        self.tell(id, [Input::ProposeOrder { group: group.id, request, order }]);
    }

    /// Whether the nodes of a group have compiled a version, but for a minority that may be away.
    fn is_ready(&mut self, group: &Group, upgrade: &Upgrade) -> bool {
        let is_ready = |node: NodeId| upgrade.prepared.contains(&node);
        let all =
            group.placed().filter(|member| !member.role.is_witness()).all(|member| is_ready(member.node));
        let voters = || group.members.iter().filter(|member| member.role == MemberRole::Voter);
        let ready = voters().filter(|member| is_ready(member.node)).count();
        all || (ready * 2 > voters().count() && self.random.versions.chance(300))
    }

    /// What keeps a group from running the version that is wanted.
    pub(crate) fn unversioned(&mut self, group: GroupId) -> Option<String> {
        let catalog = self.catalog();
        let known = catalog.group(group)?;
        if let Some(upgrade) = known.upgrade() {
            return Some(format!("an upgrade is under way: {upgrade:?}"));
        }
        for id in self.members_of(group) {
            let runs = self.local(id, group).map(|local| local.replica.plugin_digest());
            if runs.is_some_and(|runs| runs != known.digest) {
                return Some(format!("node {id} runs {runs:?}, and the catalog has {:?}", known.digest));
            }
        }
        None
    }
}

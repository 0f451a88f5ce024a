//! What people and chance do to a cluster.

mod clients;
mod corruption;
mod members;
mod recovery;
mod sessions;
mod versions;

pub(crate) use corruption::VOTERS_MIN;
pub(crate) use recovery::Disaster;
pub(crate) use sessions::Sessions;

use crate::{
    cluster::Simulation,
    events::Event,
    faults::FaultKind,
    machine::{VERSIONS, digest, reference},
    node::{ENGINE, Local, ObserveWork, Running},
    plan::Plan,
    planted::Bug,
};
use quorate_catalog::{Change, PluginToPublish};
use quorate_consensus::Input;
use quorate_placement::{NodeFacts, Wanted, place, place_witnesses};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, NodeId};
use std::{collections::BTreeSet, time::Duration};

/// The plugins that groups run: the versions of either kind.
pub(crate) fn plugins() -> impl Iterator<Item = PluginToPublish> {
    let versions = |kind| (1..=VERSIONS).map(move |version| (kind, version));
    let all = [MachineKind::Memory, MachineKind::Store].into_iter().flat_map(versions);
    all.map(|(kind, version)| PluginToPublish {
        reference: reference(kind, version),
        digest: digest(kind, version),
        bytes: 1,
        kind,
        has_lifecycle: true,
        has_timers: true,
        contract_version: "0.1.0".into(),
        held_by: vec![NodeId(1)],
    })
}

impl Simulation {
    /// Somebody asks for something, and somebody will again in a while.
    pub(crate) fn act(&mut self) {
        if self.healing {
            return;
        }
        let pause = 1 + self.random.actions.below(self.plan.pause_us_max);
        self.push(Duration::from_micros(pause), Event::Act);
        let (what, node, group) = (self.random.actions.below(1_000), self.some_node(), self.some_group());
        match what {
            0..550 => {
                self.submit_somewhere(group);
                if self.random.sessions.chance(400) {
                    self.use_session(group);
                }
            }
            550..780 => self.ask_somewhere(group),
            780..830 => self.query_for_nobody(node, group),
            830..860 => self.if_has(FaultKind::Snapshots, |simulation| {
                simulation.work(node, group, crate::node::ApplyWork::Snapshot);
            }),
            860..890 => {
                self.if_has(FaultKind::Observers, |simulation| simulation.renew_observer(node, group));
            }
            890..920 if !self.plan.members_by_catalog => self.destroy_removed(),
            920..930 => self.if_has(FaultKind::Versions, |simulation| simulation.want_version(group)),
            _ => self.change_groups(),
        }
    }

    /// Something goes wrong, and something will again in a while.
    pub(crate) fn upset(&mut self) {
        if self.healing {
            return;
        }
        // Now and then one soon after the other: what is half done is when it hurts.
        let divisor = if self.random.upsets.chance(300) { 20 } else { 1 };
        let pause = 1 + self.random.upsets.below(self.plan.calm_us_max) / divisor;
        self.push(Duration::from_micros(pause), Event::Upset);
        let (what, node) = (self.random.upsets.below(100), self.random.upsets.between(1, self.plan.nodes));
        let (node, group) = (NodeId(node), self.some_group());
        match what {
            0..26 => self.if_has(FaultKind::Crash, |simulation| simulation.crash_and_start(node)),
            26..28 => self.if_has(FaultKind::Crash, |simulation| {
                for node in simulation.plan.node_ids() {
                    simulation.crash_and_start(node);
                }
            }),
            28..36 => self.if_has(FaultKind::Partition, Self::divide),
            36..44 => self.if_has(FaultKind::OneWay, Self::divide_one_way),
            44..64 => {
                self.disturbed = self.now;
                self.network.heal();
                self.slow_leaders(false);
            }
            64..69 => self.if_has(FaultKind::Jump, |simulation| simulation.jump(node)),
            69..72 => self.if_has(FaultKind::Majority, |simulation| {
                let groups: Vec<GroupId> = simulation.catalog().groups().map(|group| group.id).collect();
                for group in groups {
                    if simulation.plan.members_by_catalog {
                        simulation.lose_majority(group);
                    }
                }
            }),
            72..74 => self.recover_needlessly(group),
            74..79 => self.if_has(FaultKind::Transfer, |simulation| simulation.transfer(group)),
            79..82 => self.if_has(FaultKind::Priorities, |simulation| simulation.change_priorities(group)),
            82..84 => {
                let other = self.some_node();
                self.tell(node, [Input::Unreachable { node: other }]);
            }
            84..87 => self.if_has(FaultKind::Corrupt, |simulation| simulation.corrupt(group)),
            87..89 => self.if_has(FaultKind::Damage, |simulation| simulation.damage(group)),
            _ => self.if_has(FaultKind::Members, |simulation| {
                if simulation.plan.members_by_catalog {
                    simulation.want_members(group);
                } else {
                    simulation.change_members(group);
                }
                simulation.if_has(FaultKind::Crash, Self::crash_amid_change);
            }),
        }
    }

    /// A bug: clocks of leaders.
    fn slow_leaders(&mut self, slow: bool) {
        if self.settings.bug != Some(Bug::LeaseOutlives) {
            return;
        }
        let now = self.now;
        for node in self.nodes.values_mut() {
            let leads = |running: &Running| running.replicas.values().any(Local::leads);
            if !slow || node.running.as_ref().is_some_and(leads) {
                node.clock.slow(now, slow);
            }
        }
    }

    fn jump(&mut self, node: NodeId) {
        self.coverage.clock_jumps += 1;
        let mut random = self.random.clocks.clone();
        self.node(node).clock.jump(&mut random);
        self.random.clocks = random;
    }

    fn if_has(&mut self, kind: FaultKind, act: impl FnOnce(&mut Self)) {
        if self.faults.has(kind) {
            act(self);
        }
    }

    fn some_node(&mut self) -> NodeId {
        NodeId(1 + self.random.actions.below(self.plan.nodes))
    }

    /// A group of the catalog, or now and then the catalog itself.
    fn some_group(&mut self) -> GroupId {
        let groups: Vec<GroupId> = self.catalog().groups().map(|group| group.id).collect();
        let is_catalog = self.random.actions.chance(50);
        let group = self.random.actions.pick(&groups);
        group.filter(|_| !is_catalog).unwrap_or(GroupId::CATALOG)
    }

    /// Now and then nodes go down while a change of members is half done.
    fn crash_amid_change(&mut self) {
        let crashes = self.random.upsets.chance(500);
        for node in self.plan.node_ids() {
            let (drawn, after) = (self.random.upsets.chance(400), self.random.upsets.between(5, 400));
            let life = self.node(node).life;
            if crashes && drawn {
                self.push(Duration::from_millis(after), Event::Crash { node, life });
            }
        }
    }

    pub(crate) fn crash_and_start(&mut self, node: NodeId) {
        self.crash(node);
        let life = self.node(node).life;
        let down = 1 + self.random.upsets.below(2_000);
        self.push(Duration::from_millis(down), Event::Start { node, life });
    }

    fn divide(&mut self) {
        let all: Vec<NodeId> = self.plan.node_ids().collect();
        let side: BTreeSet<NodeId> = all.iter().copied().filter(|_| self.random.upsets.chance(400)).collect();
        self.network.divide(&side, &all);
        self.coverage.partitions += 1;
        self.slow_leaders(true);
    }

    fn divide_one_way(&mut self) {
        let all: Vec<NodeId> = self.plan.node_ids().collect();
        let (node, other) = (self.some_node(), self.some_node());
        match self.random.upsets.below(3) {
            0 => self.network.cut(node, other),
            1 => self.network.divide_one_way(node, &all, true),
            _ => self.network.divide_one_way(node, &all, false),
        }
        self.coverage.one_way += 1;
        self.slow_leaders(true);
    }

    fn transfer(&mut self, group: GroupId) {
        let Some(leader) = self.leader_of(group) else { return };
        let Some(local) = self.local(leader, group) else { return };
        let voters: Vec<_> = local.replica.applied().configuration.voters().collect();
        let to = self.random.upsets.pick(&voters);
        self.coverage.transfers += 1;
        let request = self.request(leader);
        self.tell(leader, [Input::TransferLeader { group, request, to }]);
    }

    /// A query of nobody's, which may burn and trap.
    fn query_for_nobody(&mut self, node: NodeId, group: GroupId) {
        let request = match self.random.actions.below(4) {
            0 if self.faults.has(FaultKind::Trap) => "trap".to_owned(),
            1 => format!("burn {}", self.random.actions.below(9_900)),
            _ => "sum".to_owned(),
        };
        let Some(local) = self.local(node, group).filter(|local| local.plugin.is_some()) else { return };
        if let Ok(point) = local.replica.read_point() {
            self.observe(node, group, ObserveWork::Query { point, request: None, query: request.into() });
        }
    }

    /// Plugins are published, groups are created, and now and then one is deleted.
    fn change_groups(&mut self) {
        let catalog = self.catalog();
        let unknown: Vec<PluginToPublish> =
            plugins().filter(|plugin| catalog.plugin(&plugin.reference).is_none()).collect();
        if !unknown.is_empty() {
            return unknown.into_iter().for_each(|plugin| self.change_catalog(Change::PublishPlugin(plugin)));
        }
        let deletes = self.random.actions.chance(40);
        let count = catalog.groups().count() as u64;
        if deletes && self.faults.has(FaultKind::Groups) && count > 1 {
            let names: Vec<_> = catalog.groups().map(|group| group.name.clone()).collect();
            if let Some(name) = self.random.actions.pick(&names) {
                self.coverage.groups_deleted += 1;
                self.change_catalog(Change::DeleteGroup { name });
            }
        } else if count < self.plan.groups {
            self.create_group();
        }
    }

    fn create_group(&mut self) {
        let catalog = self.catalog();
        let held = catalog.replicas_by_node();
        let facts: Vec<NodeFacts> = catalog
            .nodes()
            .map(|node| NodeFacts {
                id: node.id,
                is_live: self.nodes[&node.id].running.is_some(),
                is_open: true,
                engine_fingerprint: node.engine_fingerprint.clone(),
                replicas: held.get(&node.id).copied().unwrap_or(0),
            })
            .collect();
        let (replicas, witnesses) = match self.random.actions.below(100) {
            0..10 => (1, 0),
            10..35 => (2, 1),
            35..45 => (3, 1),
            _ => (3, 0),
        };
        let Ok(nodes) = place(&facts, Wanted { replicas, engine_fingerprint: ENGINE }) else { return };
        let Ok(witnesses) = place_witnesses(&facts, &nodes, witnesses) else { return };
        self.groups_named += 1;
        let kind = if self.random.actions.chance(500) { MachineKind::Memory } else { MachineKind::Store };
        self.coverage.groups_created += 1;
        self.change_catalog(Change::CreateGroup {
            name: format!("acme/group-{}", self.groups_named).parse().expect("a name"),
            plugin: reference(kind, 1),
            nodes,
            witnesses,
            limits: Plan::limits(),
            freeze_after_traps: 0,
            checkpoints: if self.groups_named.is_multiple_of(2) {
                CheckpointMode::Background
            } else {
                CheckpointMode::Inline
            },
        });
    }
}

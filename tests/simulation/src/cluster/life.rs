//! Nodes start and go down.

use super::Simulation;
use crate::{
    checks::Invariant,
    clock::Clock,
    disk::{Disk, LogWriter},
    events::Event,
    node::{ApplyWork, Node, Running},
};
use quorate_consensus::{Input, Shard};
use quorate_vocabulary::{MachineKind, NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

impl Simulation {
    /// A node with an empty disk, which starts.
    pub(super) fn add_node(&mut self, id: NodeId) {
        let clock = Clock::draw(&mut self.random.clocks, &self.faults);
        let disk = Disk::new(self.plan.snapshots_kept, self.settings.bug);
        self.nodes.insert(id, Node { id, life: 0, clock, disk, running: None });
        self.start(id);
    }

    /// A node that is down comes back.
    pub(crate) fn start(&mut self, id: NodeId) {
        let now = self.now;
        if self.node(id).running.is_some() || self.is_kept_down(id) {
            return;
        }
        self.disturbed = now;
        let (life, config) = (self.node(id).life, self.plan.shard(id, self.nodes[&id].life));
        let shard = match Shard::new(config) {
            Ok(shard) => shard,
            Err(error) => return self.checks.violate(Invariant::Panic, error.to_string()),
        };
        let node = self.node(id);
        node.clock.begin(now);
        node.disk.remove_strays();
        node.running = Some(Running {
            shard,
            inbox: Vec::new(),
            twins: None,
            wakes: false,
            log: LogWriter::default(),
            catalog: Default::default(),
            replicas: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            retiring: Vec::new(),
            busy: BTreeSet::new(),
            failed: BTreeSet::new(),
            broken: BTreeMap::new(),
            barrier: None,
            changes: BTreeMap::new(),
            compiled: Default::default(),
            compiling: BTreeSet::new(),
            activating: BTreeMap::new(),
            failed_by_disk: BTreeSet::new(),
        });
        self.open_catalog(id);
        let first = Duration::from_millis(self.random.clocks.below(100));
        self.push(first, Event::Tick { node: id, life });
        self.push(first, Event::Look { node: id, life });
    }

    /// The shard's timer.
    pub(super) fn tick(&mut self, id: NodeId) {
        let heartbeat = self.plan.heartbeat();
        let node = self.node(id);
        let (life, next) = (node.life, node.clock.true_time(heartbeat));
        self.push(next, Event::Tick { node: id, life });
        let Some(running) = self.running(id) else { return };
        running.inbox.push(Input::Tick);
        let asleep = running.shard.work().asleep;
        self.coverage.asleep += u64::try_from(asleep).unwrap_or(0);
        self.step_shard(id);
    }

    /// The node loses everything that is not on disk.
    pub(crate) fn crash(&mut self, id: NodeId) {
        self.disturbed = self.now;
        let survives = self.random.disk.chance(500);
        let mid_load = self.random.disk.chance(500);
        let node = self.node(id);
        let Some(mut running) = node.running.take() else { return };
        node.life += 1;
        node.disk.crash();
        for local in running.replicas.values() {
            let loading = matches!(local.work.front(), Some(ApplyWork::Restore(_)));
            if loading && mid_load && local.kind == MachineKind::Store {
                local.state.crash_while_loading();
            }
        }
        let written = running.log.crash(&mut node.disk, survives);
        match written {
            Ok(written) => {
                if !written.appended.is_empty() {
                    self.coverage.crashes_after_write += 1;
                }
                for (group, before, entries) in written.appended {
                    self.checks.appended(group, before, &entries);
                }
            }
            Err(what) => self.checks.violate(Invariant::DiskOrder, format!("node {id}: {what}")),
        }
        self.coverage.crashes += 1;
        self.forget_requests(id);
    }
}

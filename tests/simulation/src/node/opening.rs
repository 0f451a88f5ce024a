//! A replica's way from the disk to work, as on a real node.

use super::{Local, Shadow};
use crate::{
    checks::{Invariant, pairs_fingerprint},
    cluster::Simulation,
    disk::{LogHistory, lock},
    machine::{HeldPlugin, Versions, with_digest},
    planted::Bug,
};
use quorate_catalog::{CatalogPlugin, Group, catalog_digest, catalog_group};
use quorate_consensus::{Configuration, Input, ReplicaStart as LogStart, Role};
use quorate_replica::{
    Attestations, Replica, ReplicaFault, ReplicaStart,
    ports::{AppliedPoint, GroupInfo, GroupLimits, NoOtherPlugins, Plugin, Plugins},
};
use quorate_vocabulary::{
    CheckpointMode, GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, ReplicaId,
};
use std::{collections::VecDeque, sync::Arc};

/// What a replica is made of.
struct Specification {
    info: GroupInfo,
    limits: GroupLimits,
    digest: PluginDigest,
    founding: PluginDigest,
    initial: AppliedPoint,
    kind: MachineKind,
    checkpoint_mode: CheckpointMode,
    held: Option<HeldPlugin>,
    plugin: Arc<dyn Plugin>,
    plugins: Arc<dyn Plugins>,
}

impl Simulation {
    /// A node that starts founds the catalog, or opens its replica of it.
    pub(crate) fn open_catalog(&mut self, id: NodeId) {
        let group = GroupId::CATALOG;
        let member = |node: NodeId| Member { replica: ReplicaId(node.0), node, role: MemberRole::Voter };
        let members: Vec<Member> = self.plan.founder_ids().map(member).collect();
        let is_founder = members.iter().any(|member| member.node == id);
        let (start, initial) = if is_founder {
            let initial = AppliedPoint::initial(Configuration::new(members.clone()));
            (LogStart::bootstrap(group, ReplicaId(id.0), members), initial)
        } else {
            (LogStart::joining(group, ReplicaId(id.0)), AppliedPoint::joining())
        };
        let node = self.node(id);
        if node.disk.log(group).is_none() {
            node.disk.create(&start);
        }
        let Some(running) = &node.running else { return };
        let plugin = Arc::new(CatalogPlugin::new(running.catalog.clone()));
        let specification = Specification {
            info: catalog_group(),
            limits: GroupLimits::default(),
            digest: catalog_digest(),
            founding: catalog_digest(),
            initial,
            kind: MachineKind::Memory,
            checkpoint_mode: CheckpointMode::Inline,
            held: None,
            plugin,
            plugins: Arc::new(NoOtherPlugins),
        };
        self.open(id, specification);
    }

    /// Starts a replica that is on disk, of a group that the catalog knows.
    pub(crate) fn open_group(&mut self, id: NodeId, group: &Group) {
        let replica = self.node(id).disk.replicas().get(&group.id).copied();
        let initial = if replica.is_some_and(|replica| group.is_founder(replica)) {
            AppliedPoint::initial(Configuration::new(group.founders.clone()))
        } else {
            AppliedPoint::joining()
        };
        let wanted = with_digest(group.digest).map(|(_, version)| version);
        let always = wanted.filter(|_| self.settings.bug == Some(Bug::VersionOfCatalog));
        let Some(running) = self.running(id) else { return };
        let versions = Versions::new(running.compiled.clone(), always);
        let Some(held) = versions.held(group.digest) else { return };
        let specification = Specification {
            info: group.info(),
            limits: group.limits.clone(),
            digest: group.digest,
            founding: group.founding,
            initial,
            kind: group.kind,
            checkpoint_mode: group.checkpoints,
            held: Some(held.clone()),
            plugin: Arc::new(held),
            plugins: Arc::new(versions),
        };
        self.open(id, specification);
    }

    fn open(&mut self, id: NodeId, specification: Specification) {
        let Specification {
            info,
            limits,
            digest,
            founding,
            initial,
            kind,
            checkpoint_mode,
            held,
            plugin,
            plugins,
        } = specification;
        let (group, bug, checkpoints) = (info.id, self.settings.bug, self.plan.checkpoints);
        let node = self.node(id);
        let Some(log) = node.disk.log(group).cloned() else { return };
        let replica_id = lock(&log).replica;
        let folder = node.disk.folder(group, replica_id);
        let (state, snapshots) = (folder.state.clone(), folder.snapshots.clone());
        snapshots.remove_foreign(&lock(&log));
        let history = Arc::new(LogHistory::new(log.clone()));
        let opened = Replica::open(ReplicaStart {
            group: info,
            limits,
            plugin,
            plugin_digest: digest,
            founding,
            plugins,
            state: Arc::new(state.clone()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial,
            checkpoints,
        });
        let replica = match opened {
            Ok(replica) => replica,
            // Once it is compiled the node looks again.
            Err(ReplicaFault::PluginMissing { digest }) => return self.compile(id, digest),
            Err(fault) => {
                if self.checks.is_corrupted(group, replica_id) {
                    self.coverage.given_up += 1;
                    if let Some(running) = self.running(id) {
                        running.broken.insert(group, (replica_id, fault.to_string()));
                        running.failed.insert(group);
                    }
                    return;
                }
                let what = format!("node {id}, group {group}, opening: {fault}");
                return self.checks.violate(Invariant::ReplicasRun, what);
            }
        };
        let applied = replica.applied().clone();
        let mut log = lock(&log);
        let start = log.start(group, (applied.index, applied.time_ms), bug);
        let shadow = Shadow::new(log.truncated, log.entries.values());
        drop(log);
        let numbers = if kind == MachineKind::Store { pairs_fingerprint(&state.pairs()) } else { None };
        let taken = snapshots.latest().map(|newest| {
            let (index, term) = (newest.header.point.index, newest.header.point.term);
            Input::SnapshotTaken { group, index, term }
        });
        let local = Local {
            replica_id,
            kind,
            plugin: held,
            observer: replica.observer(),
            replica,
            work: VecDeque::new(),
            observing: VecDeque::new(),
            reads: Vec::new(),
            role: Role::Follower,
            term: 0,
            established: false,
            leading: None,
            following: None,
            writing: None,
            checkpoint_mode,
            preparing: None,
            snapshot_from: 0,
            attestations: Attestations::default(),
            told: start.applied.max(start.truncated.index),
            shadow,
            history,
            state,
            snapshots,
        };
        if let Some(running) = self.running(id) {
            running.replicas.insert(group, local);
        }
        if !self.is_excused(id, group) {
            self.checks.stands_at(group, &format!("node {id}"), &applied, numbers);
        }
        self.tell(id, [Input::Open(Box::new(start))].into_iter().chain(taken));
    }
}

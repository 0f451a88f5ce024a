//! Makes this node hold what the catalog says it should: replicas are created, started, and removed.

use super::{
    apply_worker::ApplyWork,
    core::Core,
    handle::Deadline,
    healing::Broken,
    looking,
    opening::{OpenError, ReplicaSpec},
    plugins::PluginFailure,
    shard_thread::Retirement,
    view::ReplicaState,
};
use crate::RequestError;
use quorate_catalog::{CatalogState, Group, Hosted, Instruction, holders, reconcile};
use quorate_consensus::Configuration;
use quorate_replica::ports::{AppliedPoint, Plugin, Poison};
use quorate_storage::{NewReplica, RaftBatch};
use quorate_vocabulary::{GroupId, NodeId, PluginDigest, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, Semaphore, oneshot};

/// Replicas that are started at a time: each may compile a plugin and load a state.
const STARTS_MAX: usize = 2;
/// How long the catalog may take to say whether a replica is still to be created.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(10);
/// How many election timeouts a node that starts waits for the catalog before it serves the groups it knows.
const CATALOG_ELECTIONS_MAX: u32 = 4;
/// The pause before something that failed is tried again.
pub(super) const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Of a replica whose records are damaged so that its number cannot be read. None has it.
pub(super) const UNKNOWN: ReplicaId = ReplicaId(0);

/// What this node holds on disk, and what is being done about it.
pub(super) struct Hosting {
    held: Mutex<Held>,
    pub(super) wake: Notify,
    starts: Semaphore,
}

#[derive(Default)]
pub(super) struct Held {
    /// The replicas on this node's disk, without the catalog's own.
    replicas: BTreeMap<GroupId, ReplicaId>,
    /// Those among them whose records are damaged, so that not even their number may be known.
    damaged: BTreeSet<GroupId>,
    /// Why some of them do not run.
    states: BTreeMap<GroupId, ReplicaState>,
    /// Groups about which something is being done.
    busy: BTreeSet<GroupId>,
    /// Plugins that are being fetched.
    pub(super) fetching: BTreeSet<PluginDigest>,
    /// Upgrades of groups, by number, that are being made ready.
    pub(super) preparing: BTreeSet<(GroupId, u64)>,
    /// Plugins that are compiled for an upgrade, until their groups run them.
    pub(super) prepared: BTreeMap<GroupId, Prepared>,
}

/// A plugin that is ready for an upgrade.
pub(super) struct Prepared {
    pub(super) number: u64,
    /// Held, or it would be compiled again when it is needed.
    pub(super) _plugin: Arc<dyn Plugin>,
}

/// Why a replica does not run.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{0}")]
    Plugin(#[from] PluginFailure),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("the host broke: {0}")]
    Broken(#[from] tokio::task::JoinError),
    #[error("it is not known whether it is still to be here: {0}")]
    Catalog(#[from] RequestError),
    #[error("it cannot be kept on disk: {0}")]
    Create(#[from] quorate_storage::StorageError),
}

impl Hosting {
    /// Begins with what is on disk; those that are damaged are told of and left alone.
    pub(super) fn new(replicas: BTreeMap<GroupId, ReplicaId>, damaged: BTreeMap<GroupId, String>) -> Self {
        let damaged_groups = damaged.keys().copied().collect();
        let states = damaged.into_iter().map(|(group, why)| (group, ReplicaState::Failed { why })).collect();
        Self {
            held: Mutex::new(Held { replicas, damaged: damaged_groups, states, ..Held::default() }),
            wake: Notify::new(),
            starts: Semaphore::new(STARTS_MAX),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replicas on this node's disk, without the catalog's own.
    pub(super) fn held(&self) -> BTreeMap<GroupId, ReplicaId> {
        self.lock().replicas.clone()
    }

    /// Those on this node's disk whose records are damaged, and what is wrong with them.
    pub(super) fn damaged(&self) -> Vec<(GroupId, String)> {
        let held = self.lock();
        let why = |group: &GroupId| match held.states.get(group) {
            Some(ReplicaState::Failed { why }) => why.clone(),
            _ => String::new(),
        };
        held.damaged.iter().map(|group| (*group, why(group))).collect()
    }

    /// How a replica is that does not run.
    pub(super) fn state_of(&self, group: GroupId) -> ReplicaState {
        let waiting = || ReplicaState::Starting { why: "it is about to be started".to_owned() };
        self.lock().states.get(&group).cloned().unwrap_or_else(waiting)
    }

    /// Whether this replica is on this node's disk and will not run again. One whose number is not known is whichever is
    /// asked for.
    pub(super) fn has_stopped(&self, group: GroupId, replica: ReplicaId) -> bool {
        let held = self.lock();
        let number = held.replicas.get(&group).copied().filter(|number| *number != UNKNOWN);
        let is_it = number.map_or(held.damaged.contains(&group), |number| number == replica);
        is_it && matches!(held.states.get(&group), Some(ReplicaState::Failed { .. }))
    }

    /// The same in words.
    pub(super) fn why_not_running(&self, group: GroupId) -> String {
        match self.state_of(group) {
            ReplicaState::Starting { why } | ReplicaState::Failed { why } => why,
            ReplicaState::Running => "it has just been started".to_owned(),
        }
    }

    /// What is held, as far as it is to be compared with this catalog. A damaged replica whose number is not known passes for
    /// the one that its group has here when that is first looked at: to make it anew under its old number would forget how
    /// it voted.
    fn held_for(&self, state: &CatalogState, node: NodeId) -> BTreeMap<GroupId, ReplicaId> {
        let mut held = self.lock();
        let held = &mut *held;
        for group in &held.damaged {
            let number = held.replicas.entry(*group).or_insert(UNKNOWN);
            if *number == UNKNOWN
                && let Some(replica) = state.group(*group).and_then(|group| group.replica_on(node))
            {
                *number = replica;
            }
        }
        held.replicas.clone()
    }

    fn set_state(&self, group: GroupId, state: Option<ReplicaState>) {
        let mut held = self.lock();
        match state {
            Some(state) => held.states.insert(group, state),
            None => held.states.remove(&group),
        };
    }

    /// Claims a group for a task; nobody else touches it until it is given back.
    fn claim(&self, group: GroupId) -> bool {
        self.lock().busy.insert(group)
    }

    fn give_back(&self, group: GroupId) {
        self.lock().busy.remove(&group);
        self.wake.notify_one();
    }
}

impl Core {
    /// Follows the catalog for as long as the node runs.
    pub(super) async fn host(self: Arc<Self>) {
        let Some(catalog) = self.registry.get(GroupId::CATALOG) else { return };
        let mut applied = catalog.shared.applied.subscribe();
        drop(catalog);
        self.catch_up_with_the_catalog().await;
        loop {
            let began = Instant::now();
            self.reconcile_once();
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(looking::pause_after(began)) => {}
            }
            // What happened meanwhile is told now.
            tokio::select! {
                () = self.stopping.cancelled() => return,
                changed = applied.changed() => if changed.is_err() { return },
                () = self.hosting.wake.notified() => {}
                () = tokio::time::sleep(looking::INTERVAL) => {}
            }
        }
    }

    /// Groups may have been deleted, or be elsewhere, since this node last ran: two nodes that come back together must not
    /// lead one for a moment that is gone. But where nobody leads the catalog, its groups are served all the same.
    async fn catch_up_with_the_catalog(&self) {
        if self.hosting.held().is_empty() {
            return;
        }
        let patience = Deadline::after(self.config.election_timeout * CATALOG_ELECTIONS_MAX);
        let caught_up = self.barrier(GroupId::CATALOG, patience);
        tokio::select! {
            () = self.stopping.cancelled() => {}
            caught_up = caught_up => if let Err(error) = caught_up {
                tracing::warn!(%error, "the catalog may be old; its groups are served as this node last knew them");
            }
        }
    }

    fn reconcile_once(self: &Arc<Self>) {
        let state = self.catalog_state();
        if let Some(peers) = self.peers.get() {
            for node in state.nodes() {
                if let Err(error) = peers.set_address(node.id, &node.address) {
                    tracing::warn!(node = %node.id, %error, "the catalog has no usable address of a node");
                }
            }
        }
        let hosted = Hosted {
            engine_fingerprint: self.engine.fingerprint().as_str().to_owned(),
            replicas: self.hosting.held_for(&state, self.node()),
            plugins: self.store.plugins().into_iter().map(|plugin| plugin.digest).collect(),
        };
        for instruction in reconcile(&state, self.node(), &hosted) {
            match instruction {
                Instruction::Remove { group, replica } => {
                    self.for_group(group, move |core| async move { core.remove(group, replica).await });
                }
                Instruction::Fetch { digest, from } => self.fetch_plugin(digest, from),
                Instruction::Prepare { group, number, digest } => self.prepare(group, number, digest),
                Instruction::Create { group, replica } => {
                    self.for_group(group.id, move |core| async move { core.create(group, replica).await });
                }
                Instruction::Mismatch { group, replica: _, engine_fingerprint } => {
                    let why = format!(
                        "the group runs on the engine {engine_fingerprint}, and this node has another one: run the same version of Quorate everywhere"
                    );
                    self.hosting.set_state(group, Some(ReplicaState::Failed { why }));
                }
            }
        }
        self.forget_prepared(&state);
        for replica in self.registry.all() {
            if let Some(group) = state.group(replica.shared.group) {
                replica.shared.set_checkpoint_mode(group.checkpoints);
            }
        }
        let mine = |group: &&Group| {
            group.replica_on(self.node()).is_some_and(|replica| {
                hosted.replicas.get(&group.id) == Some(&replica)
                    && (group.engine_fingerprint == hosted.engine_fingerprint || group.is_witness(replica))
            }) && self.registry.number(group.id).is_none()
                && !matches!(self.hosting.state_of(group.id), ReplicaState::Failed { .. })
        };
        for group in state.groups().filter(mine) {
            let group = group.clone();
            self.for_group(group.id, move |core| async move { core.start_replica(&group).await });
        }
    }

    /// Does something about a group unless something is being done already. What fails is tried again after a pause.
    fn for_group<F>(self: &Arc<Self>, group: GroupId, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = Result<(), StartError>> + Send + 'static,
    {
        if self.stopping.is_cancelled() || !self.hosting.claim(group) {
            return;
        }
        let work = work(self.clone());
        let core = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = work.await {
                let why = error.to_string();
                if matches!(error, StartError::Plugin(PluginFailure::Missing(_))) {
                    tracing::debug!(%group, %error, "a replica waits for its plugin");
                } else {
                    tracing::warn!(%group, %error, "a replica cannot be brought to work");
                }
                let lasts = matches!(&error, StartError::Open(error) if error.lasts());
                if lasts {
                    core.give_up_at_start(group, &why);
                }
                let state = if lasts { ReplicaState::Failed { why } } else { ReplicaState::Starting { why } };
                core.hosting.set_state(group, Some(state));
                tokio::select! {
                    () = core.stopping.cancelled() => {}
                    () = tokio::time::sleep(RETRY_PAUSE) => {}
                }
            }
            core.hosting.give_back(group);
        });
    }

    /// What the replica has on disk cannot be used.
    pub(super) fn give_up_at_start(&self, group: GroupId, why: &str) {
        let replica = self.hosting.held().get(&group).copied().unwrap_or(UNKNOWN);
        self.services.healing.report(Broken { group, replica, why: why.to_owned(), keeps_evidence: false });
    }

    async fn create(self: Arc<Self>, group: Group, replica: ReplicaId) -> Result<(), StartError> {
        // What this node has applied of the catalog may be old: the group may be deleted by now, or be elsewhere.
        self.barrier(GroupId::CATALOG, Deadline::after(CATALOG_TIMEOUT)).await?;
        let is_wanted = |group: &Group| group.replica_on(self.node()) == Some(replica);
        if !self.catalog_state().group(group.id).is_some_and(is_wanted) {
            return Ok(());
        }
        let new = if group.is_founder(replica) {
            NewReplica::bootstrap(group.id, replica, group.founders.clone())
        } else {
            NewReplica::joining(group.id, replica)
        };
        let mut batch = RaftBatch::new();
        let plugin = (!group.is_witness(replica)).then_some(group.digest);
        batch.create(NewReplica { plugin, ..new });
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.write(batch)).await??;
        self.hosting.lock().replicas.insert(group.id, replica);
        tracing::info!(group = %group.name, id = %group.id, %replica, "replica created");
        self.start_replica(&group).await
    }

    async fn start_replica(self: &Arc<Self>, group: &Group) -> Result<(), StartError> {
        // Closed only when the node shuts down.
        let Ok(_permit) = self.hosting.starts.acquire().await else { return Ok(()) };
        if group.replica_on(self.node()).is_some_and(|replica| group.is_witness(replica)) {
            let (core, group) = (self.clone(), group.clone());
            let id = group.id;
            tokio::task::spawn_blocking(move || core.open_witness(&group)).await??;
            self.hosting.set_state(id, None);
            return Ok(());
        }
        let why = "its plugin is being compiled".to_owned();
        self.hosting.set_state(group.id, Some(ReplicaState::Starting { why }));
        // What its state is of is known once that is read; most often it is what the catalog says.
        let mut plugin = self.plugin_of(group, group.digest).await?;
        let mut plugin_digest = group.digest;
        let is_founder = group.replica_on(self.node()).is_some_and(|replica| group.is_founder(replica));
        let initial = if is_founder {
            AppliedPoint {
                poison: Poison::freezing_after(group.freeze_after_traps),
                ..AppliedPoint::initial(Configuration::new(group.founders.clone()))
            }
        } else {
            AppliedPoint::joining()
        };
        loop {
            let spec = ReplicaSpec {
                info: group.info(),
                limits: group.limits.clone(),
                checkpoint_mode: group.checkpoints,
                plugin: plugin.clone(),
                plugin_digest,
                founding: group.founding,
                plugins: self.plugins.clone(),
                initial: initial.clone(),
            };
            let core = self.clone();
            let opened = tokio::task::spawn_blocking(move || core.open_replica(spec)).await?;
            match opened.as_ref().err().and_then(OpenError::lacks) {
                Some(lacks) if lacks != plugin_digest => {
                    plugin = self.plugin_of(group, lacks).await?;
                    plugin_digest = lacks;
                }
                _ => break opened?,
            }
        }
        self.hosting.set_state(group.id, None);
        Ok(())
    }

    /// A plugin of a group, compiled. One that is not here is fetched, and asked for again later.
    async fn plugin_of(
        self: &Arc<Self>,
        group: &Group,
        digest: PluginDigest,
    ) -> Result<Arc<dyn Plugin>, StartError> {
        let plugin = self.plugins.get(digest, &self.loader, &self.store).await;
        if matches!(plugin, Err(PluginFailure::Missing(_))) {
            let from = holders(&self.catalog_state(), self.node(), group, digest);
            self.fetch_plugin(digest, from);
        }
        Ok(plugin?)
    }

    /// Removes a replica for ever: out of raft, off the log's disk with a tombstone, then all else it had.
    async fn remove(self: Arc<Self>, group: GroupId, replica: ReplicaId) -> Result<(), StartError> {
        let running = self.registry.remove(group);
        let (done, removed) = oneshot::channel();
        self.services.inbox.retire(Retirement { group, replica, done });
        match removed.await {
            Ok(removed) => removed?,
            // The node shuts down, or its disk has failed: removed after the next start.
            Err(_) => return Ok(()),
        }
        if let Some(running) = running {
            let (done, closed) = oneshot::channel();
            running.apply(ApplyWork::Close(done));
            // Closed also when the worker is gone.
            let _ = closed.await;
        }
        let core = self.clone();
        tokio::task::spawn_blocking(move || core.folder.destroy(group)).await??;
        let mut held = self.hosting.lock();
        held.replicas.remove(&group);
        held.damaged.remove(&group);
        held.states.remove(&group);
        drop(held);
        tracing::info!(%group, %replica, "replica removed");
        Ok(())
    }
}

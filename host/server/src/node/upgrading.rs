//! The version that a group runs: wanted by the catalog, made ready on the nodes of its replicas, put into the group's own
//! log by its leader, and told to the catalog from there. Whoever leads after a crash goes on.

use super::{
    apply_worker::ApplyWork,
    core::Core,
    handle::Deadline,
    hosting::{Prepared, RETRY_PAUSE},
    local_replica::LocalReplica,
    looking,
    plugins::PluginFailure,
    verifying::SHADOW_RUNS_MAX,
    view::GroupView,
    waiters::{Waiter, answered},
};
use crate::RequestError;
use quorate_catalog::{CatalogReply, CatalogState, Change, Group, Upgrade, holders};
use quorate_consensus::{Activation, Input, Order};
use quorate_replica::ports::ActivationRecord;
use quorate_vocabulary::{GroupId, GroupName, MemberRole, NodeId, PluginDigest, PluginReference};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How long the catalog may take in one step.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an upgrade waits for nodes that cannot be reached, once all that can be are ready. They catch up when they are
/// back, and apply nothing behind the activation before they have compiled it.
const ABSENT_PATIENCE: Duration = Duration::from_secs(5);
/// An activation that was proposed and is not applied after so long is proposed again: one of the two does nothing.
const PROPOSE_AGAIN: Duration = Duration::from_secs(2);

/// What this node does about versions.
pub(super) struct Upgrading {
    under_way: Mutex<BTreeMap<GroupId, UnderWay>>,
    /// Replicas that stand still; taken by the task that provides for them.
    lacked: Mutex<Option<mpsc::UnboundedReceiver<(GroupId, PluginDigest)>>>,
    /// Versions that are tried in copies of groups.
    pub(super) trials: Arc<Semaphore>,
}

/// An upgrade of a group that this node leads.
#[derive(Default)]
struct UnderWay {
    number: u64,
    waits_for: String,
    /// Since when only nodes that cannot be reached are not ready.
    only_absent_since: Option<Instant>,
    proposed_at: Option<Instant>,
}

/// Whether the nodes of a group are ready for an upgrade.
enum Readiness {
    Ready,
    /// Only nodes that cannot be reached are not.
    ButAbsent(String),
    Waits(String),
}

impl Upgrading {
    pub(super) fn new(lacked: mpsc::UnboundedReceiver<(GroupId, PluginDigest)>) -> Self {
        Self {
            under_way: Mutex::default(),
            lacked: Mutex::new(Some(lacked)),
            trials: Arc::new(Semaphore::new(SHADOW_RUNS_MAX)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the upgrade of a group waits for, in words; empty when this node is not bringing one about.
    pub(super) fn waits_for(&self, group: GroupId) -> String {
        self.lock().get(&group).map(|under_way| under_way.waits_for.clone()).unwrap_or_default()
    }

    fn with<T>(&self, group: GroupId, number: u64, note: impl FnOnce(&mut UnderWay) -> T) -> T {
        let mut all = self.lock();
        let under_way = all.entry(group).or_default();
        if under_way.number != number {
            *under_way = UnderWay { number, ..UnderWay::default() };
        }
        note(under_way)
    }
}

impl Core {
    /// Says which version a group is to run; none: the one that it ran before.
    pub(super) async fn upgrade_group(
        &self,
        name: &GroupName,
        plugin: Option<PluginReference>,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.find_group(name, deadline).await?;
        self.change_version(Change::UpgradeGroup { name: name.clone(), plugin }, deadline).await
    }

    /// Gives up an upgrade that is not in the group's log yet.
    pub(super) async fn cancel_upgrade(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        self.find_group(name, deadline).await?;
        self.change_version(Change::CancelUpgrade { name: name.clone() }, deadline).await
    }

    async fn change_version(&self, change: Change, deadline: Deadline) -> Result<GroupView, RequestError> {
        match self.change_catalog(change, deadline).await? {
            CatalogReply::Group(group) => Ok(self.group_view(&group)),
            _ => Err(RequestError::Internal { why: "the catalog answered something else".to_owned() }),
        }
    }

    /// Has a group do something at one place of its log, and returns once it has. Only at its leader.
    pub(super) async fn order(
        &self,
        name: &GroupName,
        order: Order,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        let group = self.find_group(name, deadline).await?.id;
        self.leading_replica(group)?;
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Order(reply));
        self.services.inbox.feedback([Input::ProposeOrder { group, request: waiting.request(), order }]);
        let answer = answered(group, deadline, answer).await?;
        answer.map_err(|refusal| self.refused(group, 0, refusal))
    }

    /// Brings about which versions the catalog wants of the groups that this node leads, for as long as it runs.
    pub(super) async fn keep_versions(self: Arc<Self>) {
        let Some(mut looks) = self.looks() else { return };
        loop {
            let began = Instant::now();
            let is_busy = self.step_versions().await;
            if self.next_look(&mut looks, began, is_busy).await.is_break() {
                return;
            }
        }
    }

    /// Takes the next step of every group that needs one. Whether any does.
    async fn step_versions(&self) -> bool {
        let state = self.catalog_state();
        let replicas =
            self.registry.all_that(|replica| replica.shared.leads() && needs_a_step(&state, replica));
        let pending = |group: &GroupId| replicas.iter().any(|replica| replica.shared.group == *group);
        self.upgrading.lock().retain(|group, _| pending(group));
        if replicas.is_empty() {
            return false;
        }
        // What this node has applied of the catalog may be old, and what was wanted then be given up by now.
        if self.barrier(GroupId::CATALOG, Deadline::after(CATALOG_TIMEOUT)).await.is_err() {
            return true;
        }
        for replica in replicas {
            self.step_version(&replica).await;
        }
        true
    }

    async fn step_version(&self, replica: &LocalReplica) {
        let state = self.catalog_state();
        let Some(group) = state.group(replica.shared.group) else { return };
        let record = replica.shared.progress().applied.activation.clone();
        if let Some(record) = record.as_deref().filter(|record| !is_known(group, record)) {
            let (id, record) = (group.id, record.clone());
            let noted = self.change_catalog(
                Change::NoteActivation { group: id, record },
                Deadline::after(CATALOG_TIMEOUT),
            );
            if let Err(error) = noted.await {
                tracing::info!(group = %group.name, %error, "the catalog cannot be told yet");
            }
            return;
        }
        let last = record.map_or(0, |record| record.number);
        let Some(upgrade) = group.upgrade().filter(|upgrade| upgrade.number > last) else { return };
        let readiness = self.readiness(group, upgrade);
        let (number, plugin) = (upgrade.number, upgrade.digest);
        let proposes = self.upgrading.with(group.id, number, |under_way| {
            let is_ready = match &readiness {
                Readiness::Ready => true,
                Readiness::ButAbsent(absent) => {
                    under_way.waits_for.clone_from(absent);
                    let since = *under_way.only_absent_since.get_or_insert_with(Instant::now);
                    since.elapsed() >= ABSENT_PATIENCE
                }
                Readiness::Waits(what) => {
                    under_way.only_absent_since = None;
                    under_way.waits_for.clone_from(what);
                    false
                }
            };
            let is_due = is_ready && under_way.proposed_at.is_none_or(|at| at.elapsed() >= PROPOSE_AGAIN);
            if is_due {
                under_way.proposed_at = Some(Instant::now());
                "the activation to be applied".clone_into(&mut under_way.waits_for);
            }
            is_due
        });
        if proposes {
            tracing::info!(group = %group.name, plugin = %upgrade.to, number, "activating another version");
            // Nobody waits for the answer: the next look at what is applied tells what came of it.
            let request = self.services.waiters.number();
            let order = Order::Activate(Activation { number, plugin });
            let _ = self.services.inbox.request(Input::ProposeOrder { group: group.id, request, order });
        }
    }

    /// Whether all replicas hold compiled code, as far as that can be had.
    fn readiness(&self, group: &Group, upgrade: &Upgrade) -> Readiness {
        let is_ready = |node: NodeId| upgrade.prepared.contains(&node);
        // Witnesses run no plugin.
        let with_data = group.placed().filter(|member| !member.role.is_witness());
        let waiting: Vec<NodeId> =
            with_data.map(|member| member.node).filter(|node| !is_ready(*node)).collect();
        let text = |nodes: &[NodeId]| {
            let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            nodes.join(", ")
        };
        let here: Vec<NodeId> = waiting.iter().copied().filter(|node| self.is_reachable(*node)).collect();
        let voters = || group.members.iter().filter(|member| member.role == MemberRole::Voter);
        let ready = voters().filter(|member| is_ready(member.node)).count();
        if waiting.is_empty() {
            Readiness::Ready
        } else if !here.is_empty() || ready * 2 <= voters().count() {
            Readiness::Waits(format!("node {} to have compiled the plugin", text(&waiting)))
        } else {
            Readiness::ButAbsent(format!("node {}, which cannot be reached", text(&waiting)))
        }
    }

    /// Compiles a plugin for an upgrade, and tells the catalog.
    pub(super) fn prepare(self: &Arc<Self>, group: GroupId, number: u64, digest: PluginDigest) {
        if !self.hosting.lock().preparing.insert((group, number)) {
            return;
        }
        let core = self.clone();
        self.tasks.spawn(async move {
            let preparing = core.prepare_once(group, number, digest);
            tokio::select! {
                () = core.stopping.cancelled() => {}
                () = preparing => {}
            }
            core.hosting.lock().preparing.remove(&(group, number));
        });
    }

    async fn prepare_once(&self, group: GroupId, number: u64, digest: PluginDigest) {
        let failure = match self.plugins.get(digest, &self.loader, &self.store).await {
            Ok(plugin) => {
                let mut held = self.hosting.lock();
                held.prepared.insert(group, Prepared { number, _plugin: plugin });
                None
            }
            // It is being fetched; that it is here wakes this up again.
            Err(PluginFailure::Missing(_)) => return,
            Err(error @ PluginFailure::Storage(_)) => {
                tracing::warn!(%group, %error, "a plugin cannot be read; trying again");
                return tokio::time::sleep(RETRY_PAUSE).await;
            }
            Err(error @ PluginFailure::Refused { .. }) => Some(error.to_string()),
        };
        let note = Change::NotePrepared { group, number, node: self.node(), failure };
        if let Err(error) = self.change_catalog(note, Deadline::after(CATALOG_TIMEOUT)).await {
            tracing::info!(%group, %error, "the catalog cannot be told yet");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Lets go of what was compiled for upgrades that are done, or given up.
    pub(super) fn forget_prepared(&self, state: &CatalogState) {
        let is_needed = |group: GroupId, number: u64| {
            let Some(known) = state.group(group) else { return false };
            let is_wanted = known.upgrade().is_some_and(|upgrade| upgrade.number == number);
            let lags = || {
                let replica = self.registry.get(group)?;
                let last = replica.shared.progress().applied.activation.as_ref()?.number;
                Some(last < number && known.upgrades_asked == number)
            };
            is_wanted || lags().unwrap_or(false)
        };
        self.hosting.lock().prepared.retain(|group, prepared| is_needed(*group, prepared.number));
    }

    /// Provides replicas that stand still with the plugins that they lack, for as long as the node runs.
    pub(super) async fn provide_plugins(self: Arc<Self>) {
        let lacked = self.upgrading.lacked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut lacked) = lacked else { return };
        loop {
            let (group, digest) = tokio::select! {
                () = self.stopping.cancelled() => return,
                lacking = lacked.recv() => match lacking {
                    Some(lacking) => lacking,
                    None => return,
                },
            };
            let core = self.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = core.stopping.cancelled() => {}
                    () = core.provide(group, digest) => {}
                }
            });
        }
    }

    async fn provide(self: &Arc<Self>, group: GroupId, digest: PluginDigest) {
        loop {
            let Some(replica) = self.registry.get(group) else { return };
            match self.plugins.get(digest, &self.loader, &self.store).await {
                Ok(plugin) => {
                    return replica.apply(ApplyWork::PluginReady { digest, plugin });
                }
                Err(PluginFailure::Missing(_)) => {
                    let state = self.catalog_state();
                    if let Some(group) = state.group(group) {
                        self.fetch_plugin(digest, holders(&state, self.node(), group, digest));
                    }
                }
                Err(error) => tracing::warn!(%group, %error, "a replica cannot go on without its plugin"),
            }
            drop(replica);
            tokio::time::sleep(looking::STEP_PAUSE).await;
        }
    }
}

/// Whether the catalog has this from the group's log, or has forgotten it since.
fn is_known(group: &Group, record: &ActivationRecord) -> bool {
    match group.upgrades.iter().find(|upgrade| upgrade.number == record.number) {
        Some(upgrade) => upgrade.outcome.as_ref().is_some_and(|outcome| outcome.index >= Some(record.index)),
        None => record.number <= group.upgrades_asked,
    }
}

fn needs_a_step(state: &CatalogState, replica: &LocalReplica) -> bool {
    let Some(group) = state.group(replica.shared.group) else { return false };
    let record = replica.shared.progress().applied.activation.clone();
    let last = record.as_ref().map_or(0, |record| record.number);
    group.upgrade().is_some_and(|upgrade| upgrade.number > last)
        || record.is_some_and(|record| !is_known(group, &record))
}

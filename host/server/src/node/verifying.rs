//! A version is tried in a copy of a group before the group runs it: see [`quorate_replica::shadow`].

use super::{core::Core, handle::Deadline, local_replica::LocalReplica, plugins::PluginFailure};
use crate::RequestError;
use quorate_catalog::{Group, holders};
use quorate_consensus::Configuration;
use quorate_replica::{
    ReplicaStart,
    ports::{AppliedPoint, Plugin, Poison, Snapshots},
    shadow::{ShadowLimits, ShadowReport, ShadowRun},
    testing::MemoryStore,
};
use quorate_vocabulary::{GroupName, PluginDigest, PluginReference};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How many versions are tried on a node at a time.
pub(super) const SHADOW_RUNS_MAX: usize = 1;
/// The largest snapshot that is copied into memory, twice.
const SHADOW_SNAPSHOT_BYTES_MAX: u64 = 256 << 20;
/// How far a try goes.
const SHADOW_LIMITS: ShadowLimits = ShadowLimits {
    entries_max: 100_000,
    bytes_max: 256 << 20,
    fuel_max: 200_000_000_000,
    differences_max: 10,
};
/// The longest a try goes on, whatever the request allows.
const SHADOW_RUN_MAX: Duration = Duration::from_secs(20);
/// The part of what a request still allows that the replay may take: the answer is to arrive.
const SHADOW_PART_OF_DEADLINE: u32 = 2;
/// The pause between looks for a plugin that is being fetched.
const FETCH_PAUSE: Duration = Duration::from_millis(50);

impl Core {
    /// Tries a version in a copy of a group. Only at the leader of the group.
    pub(super) async fn verify_upgrade(
        self: &Arc<Self>,
        name: &GroupName,
        reference: &PluginReference,
        deadline: Deadline,
    ) -> Result<ShadowReport, RequestError> {
        let refused = |why: String| RequestError::UpgradeUnverified {
            name: name.clone(),
            reference: reference.to_string(),
            why,
        };
        let group = self.find_group(name, deadline).await?;
        let replica = self.leading_replica(group.id)?;
        let published = self.find(deadline, |state| {
            state.plugin(reference).map(|published| (published.kind, published.digest))
        });
        let (kind, next_digest) = published
            .await?
            .ok_or_else(|| RequestError::PluginNotFound { reference: reference.to_string() })?;
        if kind != group.kind {
            let why =
                format!("it is a {kind} machine, and the group has the state of a {} machine", group.kind);
            let (name, reference) = (name.clone(), reference.to_string());
            return Err(RequestError::UpgradeRefused { name, reference, why });
        }
        let permit = self.upgrading.trials.clone().try_acquire_owned();
        let permit = permit.map_err(|_| refused("another version is being tried on this node".to_owned()))?;
        let next = self.plugin_to_try(&group, next_digest, deadline).await.map_err(refused)?;
        let running = replica.shared.progress().plugin;
        let plugin = self.plugin_to_try(&group, running, deadline).await.map_err(refused)?;
        let run =
            self.shadow_run(&group, &replica, (running, plugin), (next_digest, next)).map_err(refused)?;
        let time = deadline.at_most((deadline.remaining() / SHADOW_PART_OF_DEADLINE).min(SHADOW_RUN_MAX));
        let stopping = self.stopping.clone();
        let ran = tokio::task::spawn_blocking(move || {
            // Held for as long as it runs, whoever still waits for it.
            let _permit = permit;
            run.run(SHADOW_LIMITS, &mut || !time.remaining().is_zero() && !stopping.is_cancelled())
        });
        match ran.await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(failure)) => Err(refused(failure.to_string())),
            Err(error) => Err(refused(format!("the host broke: {error}"))),
        }
    }

    /// The plugin, which may have to be fetched first; or why it is not there.
    async fn plugin_to_try(
        self: &Arc<Self>,
        group: &Group,
        digest: PluginDigest,
        deadline: Deadline,
    ) -> Result<Arc<dyn Plugin>, String> {
        loop {
            match self.plugins.get(digest, &self.loader, &self.store).await {
                Ok(plugin) => return Ok(plugin),
                Err(error @ PluginFailure::Missing(_)) => {
                    if deadline.remaining() <= FETCH_PAUSE {
                        return Err(error.to_string());
                    }
                    let state = self.catalog_state();
                    let from = holders(&state, self.node(), state.group(group.id).unwrap_or(group), digest);
                    self.fetch_plugin(digest, from);
                }
                Err(error) => return Err(error.to_string()),
            }
            sleep(FETCH_PAUSE).await;
        }
    }

    /// What is to be run, as of now; or why it would say nothing.
    fn shadow_run(
        &self,
        group: &Group,
        replica: &LocalReplica,
        (running, plugin): (PluginDigest, Arc<dyn Plugin>),
        (next_digest, next): (PluginDigest, Arc<dyn Plugin>),
    ) -> Result<ShadowRun, String> {
        let shared = &replica.shared;
        let base = shared.snapshots.latest();
        if let Some(base) = base.as_ref().filter(|base| base.bytes > SHADOW_SNAPSHOT_BYTES_MAX) {
            return Err(format!(
                "its newest snapshot has {} bytes, and at most {SHADOW_SNAPSHOT_BYTES_MAX} are copied into memory",
                base.bytes
            ));
        }
        let (last, activation) = {
            let progress = shared.progress();
            (progress.applied.index, progress.applied.activation.clone())
        };
        let from = base.as_ref().map_or(0, |base| base.header.point.index);
        let behind = activation.filter(|activation| activation.index > from);
        if let Some(activation) = behind.as_ref().filter(|activation| activation.failure.is_none()) {
            return Err(format!(
                "entry {} of its log, behind its newest snapshot, changed the version of its plugin",
                activation.index
            ));
        }
        let initial = if group.is_founder(shared.replica) {
            AppliedPoint {
                poison: Poison::freezing_after(group.freeze_after_traps),
                ..AppliedPoint::initial(Configuration::new(group.founders.clone()))
            }
        } else {
            AppliedPoint::joining()
        };
        let snapshots: Arc<dyn Snapshots> = shared.snapshots.clone();
        let start = ReplicaStart {
            group: shared.info.clone(),
            limits: shared.limits.clone(),
            plugin,
            plugin_digest: running,
            founding: group.founding,
            plugins: self.plugins.clone(),
            state: Arc::new(MemoryStore::default()),
            snapshots,
            history: shared.history.clone(),
            initial,
            checkpoints: self.config.checkpoints(),
        };
        let idle_activations = behind.map(|activation| activation.index).into_iter().collect();
        Ok(ShadowRun { start, base, next, next_digest, last, idle_activations })
    }
}

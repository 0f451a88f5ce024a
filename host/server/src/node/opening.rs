//! A replica's way from the disk to work.

use super::{
    apply_worker::ApplyWorker,
    core::Core,
    local_replica::{LocalReplica, Observers, Progress, ReplicaDisk, ReplicaShared},
    logs::PluginLog,
    observe_worker::ObserveWorker,
    view::ReplicaState,
};
use quorate_consensus::{Input, LogPoint};
use quorate_replica::{
    CheckpointPolicy, Replica, ReplicaFault, ReplicaStart,
    ports::{AppliedPoint, GroupInfo, GroupLimits, HostFault, Plugin, Plugins},
};
use quorate_storage::{DataFolder, GroupHistory, StorageError, StoredReplica};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, PluginDigest};
use std::{error::Error, io, sync::Arc};

/// What a replica is made of, as the catalog says; of the catalog itself, as the node knows.
#[derive(Clone)]
pub(super) struct ReplicaSpec {
    pub(super) info: GroupInfo,
    pub(super) limits: GroupLimits,
    pub(super) checkpoint_mode: CheckpointMode,
    pub(super) plugin: Arc<dyn Plugin>,
    pub(super) plugin_digest: PluginDigest,
    /// The plugin the group began with.
    pub(super) founding: PluginDigest,
    /// What other plugins are compiled here.
    pub(super) plugins: Arc<dyn Plugins>,
    /// Where the replica began.
    pub(super) initial: AppliedPoint,
}

/// Why a replica cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// What it has on disk cannot be read.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// As many memory machines are awake on this node as may.
    #[error("it waits for room for its instance: as many live on this node as may (plugin_instances_max)")]
    NoRoom,
    /// Its machine cannot be brought to where it was.
    #[error("{0}")]
    Replica(#[from] ReplicaFault),
}

impl OpenError {
    /// The plugin that must be compiled here first.
    pub(super) fn lacks(&self) -> Option<PluginDigest> {
        match self {
            Self::Replica(ReplicaFault::PluginMissing { digest }) => Some(*digest),
            _ => None,
        }
    }

    /// Whether another attempt would end the same way: what is on the disk is not what was written to it.
    pub(super) fn lasts(&self) -> bool {
        matches!(
            self,
            Self::Storage(StorageError::Corruption { .. })
                | Self::Replica(ReplicaFault::StateBehindLog { .. } | ReplicaFault::Diverged { .. })
        ) || matches!(self, Self::Replica(ReplicaFault::Host { fault, .. }) if is_damage(fault))
    }
}

/// Whether damaged data is at the bottom of a failure.
fn is_damage(fault: &HostFault) -> bool {
    let mut cause: Option<&(dyn Error + Send + Sync)> = fault.cause();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<StorageError>() {
            return matches!(error, StorageError::Corruption { .. });
        }
        cause = match (error.downcast_ref::<HostFault>(), error.downcast_ref::<io::Error>()) {
            (Some(fault), _) => fault.cause(),
            (None, Some(error)) => error.get_ref(),
            (None, None) => None,
        };
    }
    false
}

/// A replica brought to where its disk says it was.
pub(super) struct Recovered {
    pub(super) stored: StoredReplica,
    pub(super) disk: ReplicaDisk,
    pub(super) replica: Replica,
}

/// Brings the machine of a replica to where it was, whenever the process ended: from its state or its newest snapshot,
/// whichever has come further and fits its log.
pub(super) fn recover(
    folder: &DataFolder,
    spec: ReplicaSpec,
    checkpoints: CheckpointPolicy,
) -> Result<Recovered, OpenError> {
    let ReplicaSpec { info, limits, checkpoint_mode: _, plugin, plugin_digest, founding, plugins, initial } =
        spec;
    let group = info.id;
    let raft = folder.raft();
    let stored = raft.load_replica(group)?;
    let disk = ReplicaDisk {
        state: folder.state(group, stored.replica)?,
        snapshots: folder.snapshots(group)?,
        history: Arc::new(GroupHistory::open(raft, group)?),
    };
    // Received when the node went down before its log was told: what the log holds may be something else.
    let foreign = disk.snapshots.remove_foreign(|snapshot| {
        let AppliedPoint { index, term, .. } = snapshot.header.point;
        stored.continues(LogPoint { index, term })
    })?;
    if !foreign.is_empty() {
        tracing::info!(group = %info.name, ?foreign, "removed snapshots that the log does not know");
    }
    let replica = Replica::open(ReplicaStart {
        group: info,
        limits,
        plugin,
        plugin_digest,
        founding,
        plugins,
        state: disk.state.clone(),
        snapshots: disk.snapshots.clone(),
        history: disk.history.clone(),
        initial,
        checkpoints,
    })?;
    Ok(Recovered { stored, disk, replica })
}

impl Core {
    /// Opens a replica that is on this node's disk, and has it take part in its group. Blocks.
    pub(super) fn open_replica(&self, spec: ReplicaSpec) -> Result<(), OpenError> {
        let (info, limits) = (spec.info.clone(), spec.limits.clone());
        let kind = spec.plugin.kind();
        let checkpoint_mode = spec.checkpoint_mode;
        let group = info.id;
        // It is tried again later. A trial or a copy of a group does not stay, and asks for no such room.
        if kind == MachineKind::Memory && !spec.plugin.has_room() {
            return Err(OpenError::NoRoom);
        }
        let Recovered { stored, disk, replica } = recover(&self.folder, spec, self.config.checkpoints())?;
        let applied = replica.applied().clone();
        let newest = disk.snapshots.latest();
        let log = PluginLog::new(info.clone(), self.config.plugin_log_lines_per_second_max);
        let shared = Arc::new(ReplicaShared::new(
            stored.replica,
            info,
            limits,
            kind,
            checkpoint_mode,
            self.config.check_entries,
            self.services.clone(),
            disk,
            log,
            Progress {
                state: ReplicaState::Running,
                plugin: replica.plugin_digest(),
                state_version: replica.plugin().state_version(),
                applied: applied.clone(),
                snapshot: newest.clone(),
                leaders_seen: Vec::new(),
            },
        ));
        let observers = self.observers(&shared, &replica);
        let apply = self.apply_pool.mailbox(ApplyWorker::new(shared.clone(), observers.clone(), replica));
        // Set once, here.
        let _ = shared.apply.set(Arc::downgrade(&apply));
        tracing::debug!(%group, replica = %stored.replica, applied = applied.index, last = stored.last.index, "replica opened");
        self.registry.insert(Arc::new(LocalReplica { shared, apply }));
        let start = stored.into_start(applied.index, applied.time_ms);
        let taken = newest.map(|newest| {
            let point = newest.header.point;
            Input::SnapshotTaken { group, index: point.index, term: point.term }
        });
        self.services.inbox.feedback([Input::Open(Box::new(start))].into_iter().chain(taken));
        Ok(())
    }

    fn observers(&self, shared: &Arc<ReplicaShared>, replica: &Replica) -> Observers {
        let count = match shared.kind {
            // Its observer would publish what it replays.
            _ if shared.group == GroupId::CATALOG => 0,
            MachineKind::Memory => 1,
            MachineKind::Store => self.config.observer_threads.max(1),
        };
        let worker =
            |number| ObserveWorker { number, shared: shared.clone(), observer: Some(replica.observer()) };
        let mailboxes = (0..count).map(|number| self.observe_pool.mailbox(worker(number))).collect();
        Observers::new(mailboxes, self.config.observer_inbox_max)
    }
}

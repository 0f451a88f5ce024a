//! A replica's way from the disk to work.

use super::{
    apply_worker::ApplyWorker,
    core::Core,
    local_replica::{LocalReplica, Observers, Progress, ReplicaShared},
    observe_worker::ObserveWorker,
    view::ReplicaState,
};
use quorate_consensus::Input;
use quorate_replica::{
    CheckpointPolicy, Replica, ReplicaFault, ReplicaStart,
    ports::{AppliedPoint, GroupInfo, GroupLimits, Plugin},
};
use quorate_storage::{GroupHistory, StorageError};
use quorate_vocabulary::{GroupId, MachineKind, PluginDigest};
use std::sync::Arc;

/// What a replica is made of, as the catalog says; of the catalog itself, as the node knows.
pub(super) struct ReplicaSpec {
    pub(super) info: GroupInfo,
    pub(super) limits: GroupLimits,
    pub(super) plugin: Arc<dyn Plugin>,
    pub(super) plugin_digest: PluginDigest,
    /// Where the replica began.
    pub(super) initial: AppliedPoint,
}

/// Why a replica cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// What it has on disk cannot be read.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// Its machine cannot be brought to where it was.
    #[error("{0}")]
    Replica(#[from] ReplicaFault),
}

impl Core {
    /// Opens a replica that is on this node's disk, and has it take part in its group. Blocks.
    pub(super) fn open_replica(&self, spec: ReplicaSpec) -> Result<(), OpenError> {
        let ReplicaSpec { info, limits, plugin, plugin_digest, initial } = spec;
        let group = info.id;
        let stored = self.store.load_replica(group)?;
        let state = self.folder.state(group, stored.replica)?;
        let snapshots = self.folder.snapshots(group)?;
        // Received when the node went down before its log was told: the log cannot follow on it.
        snapshots.remove_beyond(stored.last.index)?;
        let history = Arc::new(GroupHistory::open(self.store.clone(), group)?);
        let (kind, has_lifecycle) = (plugin.kind(), plugin.has_lifecycle());
        let replica = Replica::open(ReplicaStart {
            group: info.clone(),
            limits: limits.clone(),
            plugin,
            plugin_digest,
            state,
            snapshots: snapshots.clone(),
            history: history.clone(),
            initial,
            checkpoints: CheckpointPolicy {
                entries_max: self.config.snapshot_entries,
                ..CheckpointPolicy::default()
            },
        })?;
        let applied = replica.applied().clone();
        let newest = snapshots.latest();
        let shared = Arc::new(ReplicaShared::new(
            stored.replica,
            info,
            limits,
            kind,
            has_lifecycle,
            self.services.clone(),
            snapshots,
            history,
            Progress {
                state: ReplicaState::Running,
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

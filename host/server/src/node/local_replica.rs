//! One replica on this node: what of it is seen from outside of its workers.

use super::{
    applied_index::AppliedIndex,
    apply_worker::{ApplyWork, ApplyWorker},
    events::Events,
    life::RoleChange,
    logs::PluginLog,
    observe_worker::{ObserveWork, ObserveWorker},
    pool::{Mailbox, panic_message},
    services::Services,
    view::{ReplicaState, TermOfLeader},
};
use quorate_consensus::Role;
use quorate_replica::{
    StoreSnapshot,
    ports::{AppliedPoint, GroupInfo, GroupLimits, SnapshotInfo},
};
use quorate_storage::{GroupHistory, GroupState, SnapshotStore};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, Member, MemberRole, PluginDigest, ReplicaId};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How far a replica has come.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) state: ReplicaState,
    /// The plugin that it runs, and the version of its state.
    pub(super) plugin: PluginDigest,
    pub(super) state_version: u32,
    pub(super) applied: AppliedPoint,
    pub(super) snapshot: Option<SnapshotInfo>,
    pub(super) leaders_seen: Vec<TermOfLeader>,
}

/// What a linearizable read has found out: everything that was answered anywhere before it was asked is in the log up to
/// its index.
#[derive(Clone, Copy, Debug)]
struct Confirmed {
    asked: Instant,
    index: u64,
}

/// What a replica has on this node's disk.
#[derive(Clone)]
pub(super) struct ReplicaDisk {
    /// The state of a store machine.
    pub(super) state: Arc<GroupState>,
    /// Its snapshots.
    pub(super) snapshots: Arc<SnapshotStore>,
    /// Its log, as far as it is committed.
    pub(super) history: Arc<GroupHistory>,
}

/// What a replica's workers share with each other and with whoever asks.
pub(super) struct ReplicaShared {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    pub(super) info: GroupInfo,
    pub(super) limits: GroupLimits,
    pub(super) kind: MachineKind,
    /// How it proposes checkpoints while it leads, as the catalog last said.
    checkpoint_mode: Mutex<CheckpointMode>,
    /// After so many entries that asked something of the machine the replicas are compared.
    pub(super) check_entries: u64,
    pub(super) services: Services,
    pub(super) snapshots: Arc<SnapshotStore>,
    pub(super) history: Arc<GroupHistory>,
    pub(super) state: Arc<GroupState>,
    pub(super) events: Events,
    /// Where the lines go that the plugin logs.
    pub(super) log: PluginLog,
    /// How far the log is applied, for those who wait for it.
    pub(super) applied: AppliedIndex,
    /// Where apply takes its work: known once it has a mailbox.
    pub(super) apply: OnceLock<Weak<Mailbox<ApplyWorker>>>,
    /// Whether its group takes no commands, as of what it has applied.
    pub(super) frozen: AtomicBool,
    progress: Mutex<Progress>,
    lead: Mutex<RoleChange>,
    confirmed: Mutex<Option<Confirmed>>,
}

impl ReplicaShared {
    #[allow(clippy::too_many_arguments)] // What a replica is, named one by one where it is made.
    pub(super) fn new(
        replica: ReplicaId,
        info: GroupInfo,
        limits: GroupLimits,
        kind: MachineKind,
        checkpoint_mode: CheckpointMode,
        check_entries: u64,
        services: Services,
        disk: ReplicaDisk,
        log: PluginLog,
        progress: Progress,
    ) -> Self {
        let lead = RoleChange { role: Role::Follower, term: 0, leader: None };
        let ReplicaDisk { state, snapshots, history } = disk;
        Self {
            group: info.id,
            replica,
            info,
            limits,
            kind,
            checkpoint_mode: Mutex::new(checkpoint_mode),
            check_entries,
            services,
            snapshots,
            history,
            state,
            events: Events::default(),
            log,
            applied: AppliedIndex::new(progress.applied.index),
            apply: OnceLock::new(),
            frozen: AtomicBool::new(progress.applied.poison.is_frozen()),
            progress: Mutex::new(progress),
            lead: Mutex::new(lead),
            confirmed: Mutex::default(),
        }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What raft last said of it.
    pub(super) fn lead(&self) -> RoleChange {
        *self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_lead(&self, change: RoleChange) {
        *self.lead.lock().unwrap_or_else(PoisonError::into_inner) = change;
    }

    pub(super) fn checkpoint_mode(&self) -> CheckpointMode {
        *self.checkpoint_mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_checkpoint_mode(&self, mode: CheckpointMode) {
        *self.checkpoint_mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    fn confirmed(&self) -> MutexGuard<'_, Option<Confirmed>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A majority has confirmed a read that was asked then: it has to see the log up to this index.
    pub(super) fn note_confirmed(&self, asked: Instant, index: u64) {
        let mut newest = self.confirmed();
        if newest.is_none_or(|newest| newest.asked < asked) {
            *newest = Some(Confirmed { asked, index });
        }
    }

    /// Whether its state has everything that was answered anywhere until so long ago.
    pub(super) fn is_within(&self, max_staleness: Duration) -> bool {
        let newest = *self.confirmed();
        newest.is_some_and(|newest| {
            newest.asked.elapsed() <= max_staleness && self.progress().applied.index >= newest.index
        })
    }

    /// Whether it leads, as far as raft has said.
    pub(super) fn leads(&self) -> bool {
        self.lead().role == Role::Leader
    }

    /// This replica as a member of its group.
    pub(super) fn member(&self) -> Member {
        let node = self.services.node;
        let applied = &self.progress().applied;
        applied.configuration.member(self.replica).copied().unwrap_or(Member {
            replica: self.replica,
            node,
            role: MemberRole::Learner,
        })
    }

    /// Hands work to apply, unless the replica is gone.
    pub(super) fn tell_apply(&self, work: ApplyWork) {
        if let Some(apply) = self.apply.get().and_then(Weak::upgrade) {
            apply.push(work);
        }
    }

    /// Writes a snapshot of a store machine while apply goes on, and tells apply when it is done.
    pub(super) fn write_snapshot(self: &Arc<Self>, snapshot: StoreSnapshot) {
        let shared = self.clone();
        self.services.runtime.spawn_blocking(move || {
            let written = catch_unwind(AssertUnwindSafe(|| write_durably(snapshot, &shared.state)))
                .unwrap_or_else(|panic| Err(panic_message(panic.as_ref())));
            shared.tell_apply(ApplyWork::SnapshotWritten(written.map(Box::new)));
        });
    }

    /// Why it cannot work, if it cannot.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.progress().state {
            ReplicaState::Failed { why } => Some(why.clone()),
            ReplicaState::Starting { .. } | ReplicaState::Running => None,
        }
    }
}

/// Writes a snapshot, and makes the state beside it as durable as the snapshot: once it is taken the log is cut, and
/// what a power failure took from the state could not be applied again.
pub(super) fn write_durably(snapshot: StoreSnapshot, state: &GroupState) -> Result<SnapshotInfo, String> {
    let info = snapshot.write().map_err(|fault| fault.to_string())?;
    let index = info.header.point.index;
    match state.flush().map_err(|error| error.to_string())? {
        Some(durable) if durable.index >= index => Ok(info),
        // A snapshot of another node is just being loaded in its place.
        _ => Err(format!("the state was replaced while the snapshot at entry {index} was written")),
    }
}

/// One replica with its mailboxes.
pub(super) struct LocalReplica {
    pub(super) shared: Arc<ReplicaShared>,
    pub(super) apply: Arc<Mailbox<ApplyWorker>>,
}

impl LocalReplica {
    /// Hands work to apply, behind all that waits there.
    pub(super) fn apply(&self, work: ApplyWork) {
        self.apply.push(work);
    }
}

/// The mailboxes of a replica's observers. Of a memory machine there is one, because it follows the log; of a store
/// machine there are several, so that queries run side by side.
#[derive(Clone)]
pub(super) struct Observers {
    waiting_max: usize,
    mailboxes: Arc<[Arc<Mailbox<ObserveWorker>>]>,
    next: Arc<AtomicUsize>,
}

impl Observers {
    /// Each takes up to `waiting_max` queries before it refuses more.
    pub(super) fn new(mailboxes: Vec<Arc<Mailbox<ObserveWorker>>>, waiting_max: usize) -> Self {
        Self { waiting_max, mailboxes: mailboxes.into(), next: Arc::default() }
    }

    /// Hands a query to one of them; gives it back when too many wait.
    #[allow(clippy::result_large_err)] // Handed back as it came.
    pub(super) fn query(&self, work: ObserveWork) -> Result<(), ObserveWork> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.mailboxes.len().max(1);
        match self.mailboxes.get(turn) {
            Some(mailbox) => mailbox.try_push(work, self.waiting_max),
            None => Err(work),
        }
    }

    /// Hands a callback to the one that runs all of them, in order.
    pub(super) fn callback(&self, work: ObserveWork) {
        if let Some(mailbox) = self.mailboxes.first() {
            mailbox.push(work);
        }
    }

    /// Lets all of them go once what waits is done, and then says so.
    pub(super) fn close(&self, done: oneshot::Sender<()>) {
        let done = Arc::new(CloseSignal(Some(done)));
        for mailbox in self.mailboxes.iter() {
            mailbox.push(ObserveWork::Close(done.clone()));
        }
    }

    /// Has all of them let go of what can be made again.
    pub(super) fn rest(&self) {
        for mailbox in self.mailboxes.iter() {
            mailbox.push(ObserveWork::Rest);
        }
    }

    /// Hands a fresh observer to the one of that number.
    pub(super) fn renew(&self, number: usize, work: ObserveWork) {
        if let Some(mailbox) = self.mailboxes.get(number) {
            mailbox.push(work);
        }
    }
}

/// Says that a replica is closed when the last of its workers has dropped it.
pub(super) struct CloseSignal(Option<oneshot::Sender<()>>);

impl Drop for CloseSignal {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // Nobody waits when the node shuts down.
            let _ = done.send(());
        }
    }
}

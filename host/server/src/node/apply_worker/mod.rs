//! Owns one replica's machine: applies what is committed, in order, and answers those who wait for it.

mod background;
mod divergence;
mod entries;
mod lifecycle;
mod orders;
mod reads;
mod snapshots;
mod standstill;
mod timers;

use super::{
    alarm::Alarm,
    life::{Life, RoleChange},
    local_replica::{Observers, ReplicaShared},
    observe_worker::ObserveWork,
    pool::Worker,
    view::{ReplicaState, SnapshotTaken},
    waiters::{Failure, ReadTicket},
};
use crate::RequestError;
use background::Preparation;
use quorate_consensus::{CommittedEntry, Input, LogPoint, Refusal, RequestId};
use quorate_replica::{
    Attestations, ReadPoint, Replica, StoreSnapshot,
    ports::{LifecycleEvent, Plugin, SnapshotInfo},
};
use quorate_transport::Attestation;
use quorate_vocabulary::{GroupId, PluginDigest};
use standstill::Standstill;
use std::sync::Arc;
use tokio::{sync::oneshot, task::AbortHandle};

/// Where the answer to a request for a snapshot goes.
pub(super) type SnapshotReply = oneshot::Sender<Result<SnapshotTaken, RequestError>>;

/// What apply is asked to do.
pub(super) enum ApplyWork {
    /// Apply these entries.
    Entries(Vec<CommittedEntry>),
    /// Replace the state by the snapshot that was received for this point.
    Restore(LogPoint),
    /// Raft has no use for the snapshot that was received for this index.
    Unused { index: u64 },
    /// Raft says what the replica is.
    Role(RoleChange),
    /// The replica leads, and all from before this term has been handed over.
    Established { term: u64 },
    /// Answer a read as soon as this index is applied.
    Read { index: u64, ticket: ReadTicket },
    /// Tell the plugin something, from a newer moment than the first try.
    Callback(LifecycleEvent),
    /// An observer broke and needs to be made anew.
    RenewObserver { number: usize },
    /// Somebody wants a snapshot.
    Snapshot(Option<SnapshotReply>),
    /// A follower needs one, of this index or a later one.
    SnapshotWanted { index_min: u64 },
    /// Send what a store machine has now.
    Stream(oneshot::Sender<StoreSnapshot>),
    /// So much time has passed that one should be taken, if there is enough that is new.
    SnapshotTime,
    /// A snapshot that was written in the background is on disk, or not.
    SnapshotWritten(Result<Box<SnapshotInfo>, String>),
    /// A checkpoint in the background may be ready to be taken over.
    CheckpointPrepared,
    /// The leader has waited long enough for the others to be ready too.
    TakeOverTime,
    /// The replicas should be compared, if there is anything new.
    CheckTime,
    /// A replica on another node has noted its digest.
    Attested(Attestation),
    /// A sleep for the timers of the group has ended.
    TimersDue,
    /// The group sleeps: hold nothing that can be made again.
    Rest,
    /// A plugin that this replica may wait for is compiled. Held until it has been told.
    PluginReady { digest: PluginDigest, plugin: Arc<dyn Plugin> },
    /// There may be room for the instance of a machine that waits for it.
    RoomTime,
    /// Raft found something that cannot be.
    Fail(String),
    /// The node shuts down: tell the plugin.
    ShutDown,
    /// The replica goes: let go of everything it holds.
    Close(oneshot::Sender<()>),
}

/// The worker.
pub(super) struct ApplyWorker {
    shared: Arc<ReplicaShared>,
    observers: Observers,
    replica: Option<Replica>,
    life: Life,
    alarm: Alarm,
    /// The sleep of the alarm.
    alarm_sleep: Option<AbortHandle>,
    reads: Vec<(u64, ReadTicket)>,
    /// The requests of the entries that are being applied: refused should that panic.
    applying: Vec<RequestId>,
    snapshot_replies: Vec<SnapshotReply>,
    snapshot_running: bool,
    /// A follower needs one from here on, and the machine has not come there.
    wanted_from: Option<u64>,
    /// A checkpoint that is prepared in the background.
    preparation: Option<Preparation>,
    /// What the replicas of the group have noted, while this one leads.
    attestations: Attestations,
    /// After one that failed the next is not tried before this index is applied.
    snapshot_from: u64,
    /// What waits until the replica has what it lacks.
    standstill: Option<Standstill>,
}

impl ApplyWorker {
    pub(super) fn new(shared: Arc<ReplicaShared>, observers: Observers, replica: Replica) -> Self {
        Self {
            shared,
            observers,
            replica: Some(replica),
            life: Life::default(),
            alarm: Alarm::default(),
            alarm_sleep: None,
            reads: Vec::new(),
            applying: Vec::new(),
            snapshot_replies: Vec::new(),
            snapshot_running: false,
            wanted_from: None,
            preparation: None,
            attestations: Attestations::default(),
            snapshot_from: 0,
            standstill: None,
        }
    }

    fn group(&self) -> GroupId {
        self.shared.group
    }

    fn feedback(&self, input: Input) {
        self.shared.services.inbox.feedback([input]);
    }

    fn stopped(&self) -> RequestError {
        let why = self.shared.failure().unwrap_or_else(|| "it is being closed".to_owned());
        RequestError::ReplicaFailed { group: self.group(), why }
    }

    /// Stops this replica; the group goes on without it.
    fn rest(&mut self) {
        // The catalog's instance is what the node reads, and not made again by and by.
        if self.group().is_catalog() {
            return;
        }
        if let Some(replica) = &mut self.replica {
            replica.rest();
        }
        self.observers.rest();
    }

    fn failed(&mut self, why: String, point: Option<&ReadPoint>) {
        tracing::error!(group = %self.shared.info.name, replica = %self.shared.replica, why, "the replica has stopped");
        self.replica = None;
        self.end_standstill();
        self.shared.progress().state = ReplicaState::Failed { why: why.clone() };
        self.feedback(Input::Close { group: self.group() });
        if let Some(point) = point {
            let event = LifecycleEvent::Error { message: why };
            self.observers.callback(ObserveWork::Callback { point: point.clone(), event });
        }
        for (_, ticket) in std::mem::take(&mut self.reads) {
            ticket.fail(Failure::Error(self.stopped()));
        }
        let (group, why) = (self.group(), self.shared.failure().unwrap_or_default());
        self.answer_snapshots(|| Err(RequestError::ReplicaFailed { group, why: why.clone() }));
    }
}

impl Worker for ApplyWorker {
    type Work = ApplyWork;

    fn work(&mut self, work: ApplyWork) {
        let Some(work) = self.unless_at_a_standstill(work) else { return };
        match work {
            ApplyWork::PluginReady { digest, plugin } => self.plugin_ready(digest, plugin),
            ApplyWork::Entries(entries) => self.entries(entries),
            ApplyWork::Restore(point) => self.restore(point),
            ApplyWork::Unused { index } => self.remove_unused(index),
            ApplyWork::Role(change) => self.role(change),
            ApplyWork::Established { term } => self.established(term),
            ApplyWork::Read { index, ticket } => self.read(index, ticket),
            ApplyWork::Callback(event) => self.callback(event),
            ApplyWork::RenewObserver { number } => self.renew_observer(number),
            ApplyWork::Snapshot(reply) => self.snapshot(reply),
            ApplyWork::SnapshotWanted { index_min } => self.snapshot_wanted(index_min),
            ApplyWork::Stream(reply) => self.stream(reply),
            ApplyWork::SnapshotTime => self.snapshot_if(Replica::checkpoint_due_by_time),
            ApplyWork::SnapshotWritten(written) => self.snapshot_written(written.map(|info| *info)),
            ApplyWork::CheckpointPrepared => self.checkpoint_prepared(),
            ApplyWork::TakeOverTime => self.propose_take_over(),
            ApplyWork::CheckTime => self.attest_if(1),
            ApplyWork::Attested(attestation) => self.attested(&attestation),
            ApplyWork::TimersDue => self.timers_due(),
            ApplyWork::RoomTime => self.look_for_room(),
            ApplyWork::Rest => self.rest(),
            ApplyWork::Fail(why) => {
                let point = self.callback_point();
                self.failed(why, point.as_ref());
            }
            ApplyWork::ShutDown => self.callback(LifecycleEvent::Shutdown),
            ApplyWork::Close(done) => {
                let point = self.callback_point();
                if let Some(point) = point {
                    self.observers.callback(ObserveWork::Callback { point, event: LifecycleEvent::Shutdown });
                }
                self.replica = None;
                self.end_standstill();
                for (_, ticket) in std::mem::take(&mut self.reads) {
                    ticket.fail(Failure::Refused(Refusal::NotHere));
                }
                self.observers.close(done);
            }
        }
    }

    fn panicked(&mut self, message: String) {
        // Those that were answered before are not waited for any more.
        let unanswered = std::mem::take(&mut self.applying);
        self.refuse(&unanswered);
        self.failed(format!("the host panicked while applying: {message}"), None);
    }
}

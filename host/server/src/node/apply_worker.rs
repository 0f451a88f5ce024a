//! Owns one replica's machine: applies what is committed, in order, and answers those who wait for it.

use super::{
    life::{Life, RoleChange},
    local_replica::{Observers, ReplicaShared},
    logs::log_lines,
    observe_worker::ObserveWork,
    pool::Worker,
    view::{GroupEvent, ReplicaState, SnapshotTaken, Submitted},
    waiters::{Failure, ReadTicket},
};
use crate::RequestError;
use quorate_consensus::{CommittedEntry, EntryBody, Input, LogPoint, Refusal, RequestId};
use quorate_replica::{
    CheckpointResult, EntryResult, ReadPoint, Replica,
    ports::{Call, LifecycleEvent, SnapshotInfo},
};
use quorate_vocabulary::{GroupId, MachineKind, Position};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Queries of one observer that may wait; beyond, they are refused as overload.
const QUERIES_WAITING_MAX: usize = 1024;

/// After a snapshot that failed, so many entries are applied before the next attempt.
const SNAPSHOT_RETRY_ENTRIES: u64 = 1024;

/// Where the answer to a request for a snapshot goes.
pub(super) type SnapshotReply = oneshot::Sender<Result<SnapshotTaken, RequestError>>;

/// What apply is asked to do.
pub(super) enum ApplyWork {
    /// Apply these entries.
    Entries(Vec<CommittedEntry>),
    /// Replace the state by the snapshot that was received for this point.
    Restore(LogPoint),
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
    /// A snapshot that was written in the background is on disk, or not.
    SnapshotWritten(Result<SnapshotInfo, String>),
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
    reads: Vec<(u64, ReadTicket)>,
    snapshot_replies: Vec<SnapshotReply>,
    snapshot_running: bool,
    /// After one that failed the next is not tried before this index is applied.
    snapshot_from: u64,
}

impl ApplyWorker {
    pub(super) fn new(shared: Arc<ReplicaShared>, observers: Observers, replica: Replica) -> Self {
        Self {
            shared,
            observers,
            replica: Some(replica),
            life: Life::default(),
            reads: Vec::new(),
            snapshot_replies: Vec::new(),
            snapshot_running: false,
            snapshot_from: 0,
        }
    }

    fn group(&self) -> GroupId {
        self.shared.group
    }

    fn feedback(&self, input: Input) {
        self.shared.services.inbox.feedback([input]);
    }

    fn entries(&mut self, entries: Vec<CommittedEntry>) {
        // Taken before, because a replica that has met a fault gives none.
        let before = self.callback_point();
        if let Some(last) = entries.last() {
            self.shared.history.committed(last.index);
        }
        let mut waiting = entries.into_iter();
        while let Some(entry) = waiting.next() {
            let Some(replica) = &mut self.replica else {
                self.refuse(&entry.requests);
                continue;
            };
            let CommittedEntry { index, term, body, requests } = entry;
            let time_ms = body.time_ms();
            let entry = quorate_replica::CommittedEntry { index, term, body };
            match replica.apply(&entry) {
                Ok(result) => {
                    self.publish(replica_point(self.replica.as_ref()));
                    self.answer(&requests, time_ms, result);
                    if matches!(entry.body, EntryBody::Checkpoint { .. }) {
                        tracing::debug!(group = %self.shared.info.name, index, "checkpoint applied");
                    }
                }
                Err(fault) => {
                    self.refuse(&requests);
                    self.failed(fault.to_string(), before.as_ref());
                }
            }
        }
        if let Some(replica) = &self.replica {
            let index = replica.applied().index;
            self.feedback(Input::Applied { group: self.group(), index });
            self.flush_reads();
            self.snapshot_if_due();
        }
    }

    fn publish(&self, point: Option<quorate_replica::ports::AppliedPoint>) {
        if let Some(point) = point {
            let index = point.index;
            self.shared.progress().applied = point;
            self.shared.applied.send_replace(index);
        }
    }

    fn answer(&mut self, requests: &[RequestId], time_ms: Option<u64>, result: EntryResult) {
        let EntryResult { index, commands, checkpoint, configuration } = result;
        let time_ms = time_ms.unwrap_or_default();
        let mut answers = Vec::with_capacity(requests.len());
        for (ordinal, call) in commands.into_iter().enumerate() {
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            let position = Position { index, ordinal, time_ms };
            let Call { outcome, fuel, events, logs } = call;
            log_lines(&self.shared.info, index, &logs);
            for event in events {
                // Nobody watches, most of the time.
                let _ = self.shared.events.send(GroupEvent {
                    position,
                    topic: event.topic,
                    payload: event.payload,
                });
            }
            if let Some(request) = usize::try_from(ordinal).ok().and_then(|ordinal| requests.get(ordinal)) {
                answers.push((*request, Submitted { position, outcome, fuel }));
            }
        }
        if !answers.is_empty() {
            self.shared.services.waiters.submitted_all(answers);
        }
        if let Some(configuration) = configuration {
            self.callback(LifecycleEvent::ConfigurationCommitted { index, members: configuration.members });
        }
        match checkpoint {
            Some(CheckpointResult::Taken(info)) => self.snapshot_taken(info),
            Some(CheckpointResult::Failed(failure)) => {
                tracing::warn!(group = %self.shared.info.name, index, %failure, "the plugin could not be checkpointed");
                self.snapshot_from = index + SNAPSHOT_RETRY_ENTRIES;
                self.answer_snapshots(|| Err(RequestError::SnapshotFailed { why: failure.to_string() }));
            }
            None => {}
        }
    }

    /// The commands are committed, and this replica will never say what came of them.
    fn refuse(&self, requests: &[RequestId]) {
        for request in requests {
            self.shared.services.waiters.fail(*request, Failure::Refused(Refusal::Lost));
        }
    }

    fn restore(&mut self, point: LogPoint) {
        let Some(replica) = &mut self.replica else { return };
        match replica.install_snapshot(point.index) {
            Ok(()) => {
                let applied = replica.applied().clone();
                let (index, time_ms) = (applied.index, applied.time_ms);
                self.publish(Some(applied));
                self.note_newest_snapshot();
                tracing::info!(group = %self.shared.info.name, index, "restored from a snapshot of another node");
                self.feedback(Input::Restored { group: self.group(), index, time_ms });
                self.flush_reads();
            }
            Err(fault) => self.failed(fault.to_string(), None),
        }
    }

    fn note_newest_snapshot(&self) {
        self.shared.progress().snapshot = self.shared.snapshots.latest();
    }

    fn role(&mut self, change: RoleChange) {
        for event in self.life.role_changed(change) {
            self.callback(event);
        }
        self.publish_leaders();
        if self.life.leading().is_none() && !self.snapshot_replies.is_empty() && self.is_memory() {
            // The checkpoint was proposed by a leader that is none any more.
            let (group, leader) = (self.group(), None);
            self.answer_snapshots(|| Err(RequestError::NotLeader { group, leader: leader.clone() }));
        }
    }

    fn established(&mut self, term: u64) {
        if let Some(event) = self.life.established(term, self.shared.member()) {
            self.callback(event);
            self.publish_leaders();
        }
        self.snapshot_if_due();
    }

    fn publish_leaders(&self) {
        self.shared.progress().leaders_seen = self.life.leaders_seen();
    }

    fn callback_point(&self) -> Option<ReadPoint> {
        if !self.shared.has_lifecycle {
            return None;
        }
        self.replica.as_ref().and_then(|replica| replica.read_point().ok())
    }

    fn callback(&self, event: LifecycleEvent) {
        if let Some(point) = self.callback_point() {
            self.observers.callback(ObserveWork::Callback { point, event });
        }
    }

    fn read(&mut self, index: u64, ticket: ReadTicket) {
        let Some(replica) = &self.replica else {
            return ticket.fail(Failure::Error(self.stopped()));
        };
        if replica.applied().index < index {
            self.reads.push((index, ticket));
            return;
        }
        if ticket.request.is_none() {
            let _ = ticket.reply.send(Ok(None));
            return;
        }
        match replica.read_point() {
            Ok(point) => {
                let work = ObserveWork::Query { point, ticket };
                if let Err(ObserveWork::Query { ticket, .. }) =
                    self.observers.query(work, QUERIES_WAITING_MAX)
                {
                    let queue = "the queue of the group's queries";
                    ticket.fail(Failure::Error(RequestError::Overloaded { queue }));
                }
            }
            Err(fault) => ticket.fail(Failure::Error(RequestError::QueryFailed { why: fault.to_string() })),
        }
    }

    fn flush_reads(&mut self) {
        let Some(applied) = self.replica.as_ref().map(|replica| replica.applied().index) else { return };
        if self.reads.iter().all(|(index, _)| *index > applied) {
            return;
        }
        for (index, ticket) in std::mem::take(&mut self.reads) {
            // Those that are not due yet come back to the list.
            self.read(index, ticket);
        }
    }

    fn renew_observer(&self, number: usize) {
        if let Some(replica) = &self.replica {
            self.observers.renew(number, ObserveWork::Renew(replica.observer()));
        }
    }

    fn is_memory(&self) -> bool {
        self.shared.kind == MachineKind::Memory
    }

    fn snapshot_if_due(&mut self) {
        let due = self
            .replica
            .as_ref()
            .is_some_and(|replica| replica.checkpoint_due() && replica.applied().index >= self.snapshot_from);
        if due {
            self.begin_snapshot();
        }
    }

    fn snapshot(&mut self, reply: Option<SnapshotReply>) {
        if self.replica.is_none() {
            if let Some(reply) = reply {
                let _ = reply.send(Err(self.stopped()));
            }
            return;
        }
        if self.is_memory() && self.life.leading().is_none() {
            if let Some(reply) = reply {
                let _ = reply.send(Err(RequestError::NotLeader { group: self.group(), leader: None }));
            }
            return;
        }
        self.snapshot_replies.extend(reply);
        self.begin_snapshot();
    }

    fn begin_snapshot(&mut self) {
        if self.is_memory() {
            // Raft puts one at a time into the log.
            if self.life.leading().is_some() {
                self.feedback(Input::ProposeCheckpoint { group: self.group() });
            }
            return;
        }
        if self.snapshot_running {
            return;
        }
        let Some(replica) = &mut self.replica else { return };
        match replica.snapshot() {
            Ok(Some(snapshot)) => {
                self.snapshot_running = true;
                self.shared.write_snapshot(snapshot);
            }
            Ok(None) => {
                self.note_newest_snapshot();
                let newest = self.shared.progress().snapshot.as_ref().map(taken);
                self.answer_snapshots(|| newest.ok_or_else(nothing_to_save));
            }
            Err(fault) => self.failed(fault.to_string(), None),
        }
    }

    fn snapshot_written(&mut self, written: Result<SnapshotInfo, String>) {
        self.snapshot_running = false;
        match written {
            Ok(info) => self.snapshot_taken(info),
            Err(why) => {
                // The log stays as long as it is until a later attempt.
                let applied = self.shared.progress().applied.index;
                self.snapshot_from = applied + SNAPSHOT_RETRY_ENTRIES;
                tracing::warn!(group = %self.shared.info.name, why, "a snapshot could not be written");
                self.answer_snapshots(|| Err(RequestError::SnapshotFailed { why: why.clone() }));
            }
        }
    }

    fn snapshot_taken(&mut self, info: SnapshotInfo) {
        let (index, term) = (info.header.point.index, info.header.point.term);
        let answer = taken(&info);
        tracing::debug!(group = %self.shared.info.name, index, bytes = info.bytes, "snapshot taken");
        self.shared.progress().snapshot = Some(info);
        let group = self.group();
        // A snapshot of what raft has not been told to be applied would be passed over.
        let applied = Input::Applied { group, index };
        self.shared.services.inbox.feedback([applied, Input::SnapshotTaken { group, index, term }]);
        self.answer_snapshots(|| Ok(answer));
    }

    fn answer_snapshots(&mut self, answer: impl Fn() -> Result<SnapshotTaken, RequestError>) {
        for reply in self.snapshot_replies.drain(..) {
            let _ = reply.send(answer());
        }
    }

    fn stopped(&self) -> RequestError {
        let why = self.shared.failure().unwrap_or_else(|| "it is being closed".to_owned());
        RequestError::ReplicaFailed { group: self.group(), why }
    }

    /// Stops this replica; the group goes on without it.
    fn failed(&mut self, why: String, point: Option<&ReadPoint>) {
        tracing::error!(group = %self.shared.info.name, replica = %self.shared.replica, why, "the replica has stopped");
        self.replica = None;
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

fn replica_point(replica: Option<&Replica>) -> Option<quorate_replica::ports::AppliedPoint> {
    replica.map(|replica| replica.applied().clone())
}

fn taken(info: &SnapshotInfo) -> SnapshotTaken {
    SnapshotTaken { index: info.header.point.index, bytes: info.bytes }
}

fn nothing_to_save() -> RequestError {
    RequestError::SnapshotFailed { why: "nothing has been applied yet".to_owned() }
}

impl Worker for ApplyWorker {
    type Work = ApplyWork;

    fn work(&mut self, work: ApplyWork) {
        match work {
            ApplyWork::Entries(entries) => self.entries(entries),
            ApplyWork::Restore(point) => self.restore(point),
            ApplyWork::Role(change) => self.role(change),
            ApplyWork::Established { term } => self.established(term),
            ApplyWork::Read { index, ticket } => self.read(index, ticket),
            ApplyWork::Callback(event) => self.callback(event),
            ApplyWork::RenewObserver { number } => self.renew_observer(number),
            ApplyWork::Snapshot(reply) => self.snapshot(reply),
            ApplyWork::SnapshotWritten(written) => self.snapshot_written(written),
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
                for (_, ticket) in std::mem::take(&mut self.reads) {
                    ticket.fail(Failure::Refused(Refusal::NotHere));
                }
                self.observers.close(done);
            }
        }
    }

    fn panicked(&mut self, message: String) {
        self.failed(format!("the host panicked while applying: {message}"), None);
    }
}

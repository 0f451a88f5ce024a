//! Snapshots: a memory machine's at checkpoints that its leader proposes, a store machine's in the background.

use super::{ApplyWorker, SnapshotReply};
use crate::{RequestError, node::view::SnapshotTaken};
use quorate_consensus::Input;
use quorate_replica::{
    EntryBody, Replica, StoreSnapshot,
    ports::{CallFailure, SnapshotInfo},
};
use quorate_vocabulary::{CheckpointMode, MachineKind};
use tokio::sync::oneshot;

/// After a snapshot that failed, so many entries are applied before the next attempt.
const SNAPSHOT_RETRY_ENTRIES: u64 = 1024;

impl ApplyWorker {
    pub(super) fn note_newest_snapshot(&self) {
        self.shared.progress().snapshot = self.shared.snapshots.latest();
    }

    pub(super) fn is_memory(&self) -> bool {
        self.shared.kind == MachineKind::Memory
    }

    pub(super) fn snapshot_if_due(&mut self) {
        self.snapshot_if(Replica::checkpoint_due);
    }

    pub(super) fn snapshot_if(&mut self, is_due: impl Fn(&Replica) -> bool) {
        let due = self
            .replica
            .as_ref()
            .is_some_and(|replica| is_due(replica) && replica.applied().index >= self.snapshot_from);
        if due {
            self.begin_snapshot();
        }
    }

    pub(super) fn snapshot(&mut self, reply: Option<SnapshotReply>) {
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

    pub(super) fn begin_snapshot(&mut self) {
        if self.is_memory() {
            self.propose_checkpoint();
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

    /// A follower needs a snapshot. A memory machine's is written first; a store machine's is read while it is sent.
    pub(super) fn snapshot_wanted(&mut self, index_min: u64) {
        if self.is_memory() {
            return self.snapshot(None);
        }
        self.wanted_from = Some(index_min);
        self.offer_wanted();
    }

    /// Raft may send the state as it is as soon as that is new enough.
    pub(super) fn offer_wanted(&mut self) {
        let (Some(wanted), Some(replica)) = (self.wanted_from, &self.replica) else { return };
        let (index, term) = (replica.applied().index, replica.applied().term);
        if index < wanted {
            return;
        }
        self.wanted_from = None;
        let group = self.group();
        // What raft has not been told to be applied would be passed over.
        let applied = Input::Applied { group, index };
        self.shared.services.inbox.feedback([applied, Input::SnapshotSendable { group, index, term }]);
    }

    /// Hands out the state as it is now. Nothing when there is none: whoever waits is told by that.
    pub(super) fn stream(&mut self, reply: oneshot::Sender<StoreSnapshot>) {
        let Some(replica) = &self.replica else { return };
        match replica.state_now() {
            // The transfer may have been given up meanwhile.
            Ok(Some(state)) => drop(reply.send(state)),
            Ok(None) => {}
            Err(fault) => self.failed(fault.to_string(), None),
        }
    }

    /// Raft puts one at a time into the log.
    fn propose_checkpoint(&self) {
        let is_under_way =
            self.replica.as_ref().is_some_and(|replica| replica.checkpoint_under_way().is_some());
        if self.life.leading().is_none() || is_under_way {
            return;
        }
        let group = self.group();
        self.feedback(match self.shared.checkpoint_mode() {
            CheckpointMode::Inline => Input::ProposeCheckpoint { group },
            CheckpointMode::Background => {
                Input::ProposeEntry { group, body: EntryBody::BackgroundCheckpoint { time_ms: 0 } }
            }
        });
    }

    pub(super) fn checkpoint_failed(&mut self, index: u64, failure: &CallFailure) {
        tracing::warn!(group = %self.shared.info.name, index, %failure, "the plugin could not be checkpointed");
        self.snapshot_from = index + SNAPSHOT_RETRY_ENTRIES;
        self.answer_snapshots(|| Err(RequestError::SnapshotFailed { why: failure.to_string() }));
    }

    pub(super) fn snapshot_written(&mut self, written: Result<SnapshotInfo, String>) {
        self.snapshot_running = false;
        if self.replica.is_none() {
            // Closed, or stopped: raft may have another replica of the group by now.
            return;
        }
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

    pub(super) fn snapshot_taken(&mut self, info: SnapshotInfo) {
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

    /// Raft has no use for a snapshot that another node sent.
    pub(super) fn remove_unused(&self, index: u64) {
        let group = &self.shared.info.name;
        match self.shared.snapshots.remove_unused(index) {
            Ok(()) => tracing::info!(%group, index, "raft has no use for a snapshot of another node"),
            Err(error) => tracing::warn!(%group, index, %error, "a snapshot without use cannot be removed"),
        }
    }

    pub(super) fn answer_snapshots(&mut self, answer: impl Fn() -> Result<SnapshotTaken, RequestError>) {
        for reply in self.snapshot_replies.drain(..) {
            let _ = reply.send(answer());
        }
    }
}

fn taken(info: &SnapshotInfo) -> SnapshotTaken {
    SnapshotTaken { index: info.header.point.index, bytes: info.bytes }
}

fn nothing_to_save() -> RequestError {
    RequestError::SnapshotFailed { why: "nothing has been applied yet".to_owned() }
}

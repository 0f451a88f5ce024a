//! Snapshots: received, sent, taken.

use super::Replica;
use crate::{Configuration, Effect, LogPoint, RaftMessage, RaftMessageType};
use quorate_vocabulary::ReplicaId;
use raft::{
    SnapshotStatus,
    eraftpb::{Message, SnapshotMetadata},
};

/// A snapshot that is to take the place of the machine's state.
pub(super) struct Restoring {
    pub(super) point: LogPoint,
    pub(super) configuration: Configuration,
    /// The host has been asked to load it: once the log begins with it on disk.
    pub(super) is_asked: bool,
}

/// Where the snapshot stands that came before this message, if it is one that brings it.
pub(super) fn brought_snapshot(message: &RaftMessage) -> Option<LogPoint> {
    let point = message.snapshot.as_ref().filter(|_| message.r#type() == RaftMessageType::Snapshot)?;
    Some(LogPoint { index: point.index, term: point.term })
}

/// Where the snapshot of a message stands.
pub(super) fn snapshot_point(message: &Message) -> LogPoint {
    metadata_point(message.get_snapshot().get_metadata())
}

fn metadata_point(metadata: &SnapshotMetadata) -> LogPoint {
    LogPoint { index: metadata.index, term: metadata.term }
}

impl Replica {
    /// Says of a snapshot that was brought that it is of no use, unless raft begins its log with it, or it waits for that.
    pub(super) fn tell_unless_taken(&self, point: LogPoint, effects: &mut Vec<Effect>) {
        if self.is_witness {
            // Nothing came with it.
            return;
        }
        let taken = self
            .raw
            .raft
            .raft_log
            .unstable
            .snapshot
            .as_ref()
            .map(|taken| metadata_point(taken.get_metadata()));
        let waits = self.held_snapshot.as_deref().map(snapshot_point);
        if taken != Some(point) && waits != Some(point) {
            effects.push(Effect::SnapshotUnused { group: self.group, point });
        }
    }

    /// Asks the host to load the snapshot, once the log that begins with it is on disk: the other way round, a crash
    /// between would leave a machine that is ahead of its log.
    pub(super) fn ask_to_restore(&mut self, effects: &mut Vec<Effect>) {
        if self.is_witness {
            self.witness_restored();
            return;
        }
        let Some(restoring) = &mut self.restoring else { return };
        let is_persisted = self.raw.raft.raft_log.persisted >= restoring.point.index;
        if is_persisted && !restoring.is_asked {
            restoring.is_asked = true;
            let (point, configuration) = (restoring.point, restoring.configuration.clone());
            effects.push(Effect::Restore { group: self.group, point, configuration });
        }
    }

    pub(super) fn restored(&mut self, index: u64, time_ms: u64) {
        if !self
            .restoring
            .as_ref()
            .is_some_and(|restoring| restoring.is_asked && restoring.point.index == index)
        {
            return;
        }
        let Some(restoring) = self.restoring.take() else { return };
        self.raw.advance_apply_to(index.max(self.raw.raft.raft_log.applied));
        self.applying.applied(index);
        let log = self.raw.mut_store();
        log.saw_time(time_ms);
        log.offer_snapshot(restoring.point);
    }

    pub(super) fn snapshot_sent(&mut self, to: ReplicaId, delivered: bool) {
        let status = if delivered { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(to.0, status);
    }

    /// Offers the snapshot to followers, and cuts the log behind it with a margin.
    pub(super) fn snapshot_taken(&mut self, index: u64, term: u64, effects: &mut Vec<Effect>) {
        // A snapshot is of applied state; what it covers is committed, so that cutting behind it loses nothing.
        let applied = self.applying.applied;
        if index > applied || !self.raw.mut_store().offer_snapshot(LogPoint { index, term }) {
            return;
        }
        self.snapshot_wanted = None;
        self.cut_log(effects);
    }

    /// Offers followers what can be made while it is sent. Nothing is on disk for it, and the log is not cut.
    pub(super) fn snapshot_sendable(&mut self, index: u64, term: u64) {
        if index <= self.applying.applied && self.raw.mut_store().offer_to_send(LogPoint { index, term }) {
            self.snapshot_wanted = None;
        }
    }

    fn cut_log(&mut self, effects: &mut Vec<Effect>) {
        if self.restoring.is_some() {
            return;
        }
        let margin = self.config.log_margin_entries;
        let log = self.raw.mut_store();
        let Some(snapshot) = log.snapshot_point() else { return };
        let through = snapshot.index.saturating_sub(margin);
        if through <= log.truncated().index {
            return;
        }
        let Some(truncated) = log.cut_through(through) else { return };
        let configuration = log.configuration_at(through).clone();
        effects.push(Effect::CutLog { group: self.group, truncated, configuration });
    }

    /// raft may have looked for a snapshot to send and found none: say so, once in a while.
    pub(super) fn want_snapshot(&mut self, effects: &mut Vec<Effect>) {
        let Some(index_min) = self.raw.store().take_snapshot_wanted() else { return };
        if self.snapshot_wanted.is_none_or(|(wanted, _)| wanted < index_min) {
            self.snapshot_wanted = Some((index_min, 0));
            effects.push(Effect::SnapshotWanted { group: self.group, index_min });
        }
    }
}

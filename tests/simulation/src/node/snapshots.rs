//! Snapshots: a memory machine's at checkpoints that its leader proposes, a store machine's in the background.

use super::ApplyWork;
use crate::{cluster::Simulation, disk::lock, events::Event, network::delay, planted::Bug};
use quorate_consensus::{EntryBody, Input};
use quorate_replica::ports::{SnapshotHeader, SnapshotInfo, Snapshots};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, NodeId};
use std::io::{self, Write};

/// After a checkpoint that failed, so many entries are applied before the next attempt.
const RETRY_ENTRIES: u64 = 12;

impl Simulation {
    pub(crate) fn snapshot_if_due(&mut self, id: NodeId, group: GroupId) {
        let Some(local) = self.local(id, group) else { return };
        if local.replica.checkpoint_due() && local.replica.applied().index >= local.snapshot_from {
            self.begin_snapshot(id, group);
        }
    }

    pub(crate) fn begin_snapshot(&mut self, id: NodeId, group: GroupId) {
        let after = delay(&mut self.random.disk, self.faults.disk_delay_us_max * 4);
        let life = self.node(id).life;
        let Some(local) = self.local(id, group) else { return };
        if local.kind == MachineKind::Memory {
            // Raft puts one at a time into the log.
            if local.leading.is_some() && local.replica.checkpoint_under_way().is_none() {
                let propose = match local.checkpoint_mode {
                    CheckpointMode::Inline => Input::ProposeCheckpoint { group },
                    CheckpointMode::Background => {
                        Input::ProposeEntry { group, body: EntryBody::BackgroundCheckpoint { time_ms: 0 } }
                    }
                };
                self.tell(id, [propose]);
            }
            return;
        }
        if local.writing.is_some() {
            return;
        }
        match local.replica.snapshot() {
            Ok(Some(snapshot)) => {
                local.writing = Some(snapshot);
                self.push(after, Event::SnapshotWritten { node: id, life, group });
            }
            Ok(None) => {}
            Err(fault) => self.replica_fault(id, group, &fault),
        }
    }

    /// Another thread takes up a checkpoint that has begun.
    pub(crate) fn prepare_checkpoint(&mut self, id: NodeId, group: GroupId) {
        let life = self.node(id).life;
        let Some(local) = self.local(id, group) else { return };
        let Some(work) = local.replica.background_checkpoint() else { return };
        local.preparing = Some(work);
        let after = delay(&mut self.random.disk, self.faults.disk_delay_us_max * 8);
        self.push(after, Event::CheckpointPrepared { node: id, life, group });
    }

    /// That thread has done it. What it could not do, because its checkpoint is of no use any more, is nothing to anybody.
    pub(crate) fn checkpoint_prepared(&mut self, id: NodeId, group: GroupId) {
        let Some(local) = self.local(id, group) else { return };
        let Some(work) = local.preparing.take() else { return };
        let is_under_way =
            local.replica.checkpoint_under_way().is_some_and(|(index, _)| index == work.index());
        if !is_under_way {
            return;
        }
        let handed_back = work.run().and_then(|prepared| local.replica.checkpoint_prepared(prepared));
        if let Err(fault) = handed_back {
            return self.replica_fault(id, group, &fault);
        }
        self.coverage.checkpoints_prepared += 1;
        self.propose_take_over(id, group);
    }

    pub(crate) fn propose_take_over(&mut self, id: NodeId, group: GroupId) {
        let Some(local) = self.local(id, group) else { return };
        if let Some((checkpoint, true)) = local.replica.checkpoint_under_way()
            && local.leading.is_some()
        {
            let body = EntryBody::TakeOver { time_ms: 0, checkpoint };
            self.tell(id, [Input::ProposeEntry { group, body }]);
        }
    }

    /// A store machine's snapshot is written.
    pub(crate) fn snapshot_written(&mut self, id: NodeId, group: GroupId) {
        let Some(snapshot) = self.local(id, group).and_then(|local| local.writing.take()) else { return };
        match snapshot.write() {
            Ok(info) => {
                self.coverage.store_snapshots += 1;
                self.check_snapshot(id, group, MachineKind::Store, info.header.point.index);
                self.work(id, group, ApplyWork::SnapshotWritten(Box::new(info)));
            }
            Err(fault) => self.replica_fault(id, group, &fault),
        }
    }

    pub(crate) fn check_snapshot(&mut self, id: NodeId, group: GroupId, kind: MachineKind, index: u64) {
        if let Some(snapshot) = self.local(id, group).and_then(|local| local.snapshots.get(index))
            && !self.is_excused(id, group)
        {
            self.checks.snapshot(group, &format!("node {id}"), kind, &snapshot);
        }
    }

    /// Consensus may send it, and cut the log behind it.
    pub(crate) fn snapshot_taken(&mut self, id: NodeId, group: GroupId, info: &SnapshotInfo) {
        let (index, term) = (info.header.point.index, info.header.point.term);
        // A snapshot of what raft has not been told to be applied would be passed over.
        self.tell(id, [Input::Applied { group, index }, Input::SnapshotTaken { group, index, term }]);
    }

    pub(crate) fn checkpoint_failed(&mut self, id: NodeId, group: GroupId, index: u64) {
        self.coverage.checkpoints_failed += 1;
        if let Some(local) = self.local(id, group) {
            local.snapshot_from = index + RETRY_ENTRIES;
        }
    }

    /// A bug: a memory machine is saved where the log does not say so.
    pub(crate) fn save_outside_checkpoint(&mut self, id: NodeId, group: GroupId) {
        if self.settings.bug != Some(Bug::SnapshotOutsideCheckpoint) || !self.random.work.chance(100) {
            return;
        }
        let Some(local) = self.local(id, group) else { return };
        let Some(instance) = local.plugin.as_ref().and_then(super::HeldPlugin::applying) else { return };
        let point = local.replica.applied().clone();
        let position = point.position();
        let header = SnapshotHeader {
            point,
            kind: local.kind,
            plugin: local.replica.plugin_digest(),
            state_version: local.replica.plugin().state_version(),
            tail: None,
        };
        let mut content = Kept::default();
        let saved = lock(&instance).save(position, Box::new(content.clone()));
        if matches!(saved, Ok(Ok(())))
            && let Ok(mut writer) = local.snapshots.begin(&header)
            && writer.write_all(&content.take()).is_ok()
        {
            let _ = writer.finish();
        }
    }
}

/// A sink that is read afterwards.
#[derive(Clone, Default)]
struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Kept {
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

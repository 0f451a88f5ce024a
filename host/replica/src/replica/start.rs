use crate::{
    CheckpointPolicy, ReplicaFault,
    ports::{
        ActivationRecord, AppliedPoint, Call, CallFailure, GroupInfo, GroupLimits, History, Plugin, Plugins,
        SnapshotHeader, SnapshotInfo, Snapshots, StateStore,
    },
};
use quorate_proto::entry::Configuration;
use quorate_vocabulary::{PluginDigest, Position};
use std::sync::Arc;

/// What a replica is made of.
#[derive(Clone)]
pub struct ReplicaStart {
    /// Its group.
    pub group: GroupInfo,
    /// What the plugin may use.
    pub limits: GroupLimits,
    /// The plugin the replica's state is of, as far as is known before its disk is read.
    pub plugin: Arc<dyn Plugin>,
    /// Its digest.
    pub plugin_digest: PluginDigest,
    /// The plugin the group began with.
    pub founding: PluginDigest,
    /// Other plugins: that of the state on disk, and those the group is to run later.
    pub plugins: Arc<dyn Plugins>,
    /// Where a store machine's state is; not touched for a memory machine.
    pub state: Arc<dyn StateStore>,
    /// The replica's snapshots.
    pub snapshots: Arc<dyn Snapshots>,
    /// The group's log.
    pub history: Arc<dyn History>,
    /// Where the replica began: [`AppliedPoint::initial`] with the members the group was created with, or
    /// [`AppliedPoint::joining`].
    pub initial: AppliedPoint,
    /// When checkpoints are due.
    pub checkpoints: CheckpointPolicy,
}

impl ReplicaStart {
    pub(crate) fn begins_behind(&self) -> Result<u64, ReplicaFault> {
        self.history.begins_behind().map_err(ReplicaFault::while_doing("looking where the log begins"))
    }

    pub(crate) fn header(&self, point: AppliedPoint) -> SnapshotHeader {
        SnapshotHeader {
            point,
            kind: self.plugin.kind(),
            plugin: self.plugin_digest,
            state_version: self.plugin.state_version(),
            tail: None,
        }
    }

    /// The same with another plugin.
    pub(crate) fn running(&self, digest: PluginDigest) -> Result<Self, ReplicaFault> {
        if digest == self.plugin_digest {
            return Ok(self.clone());
        }
        let plugin = self.plugins.compiled(digest).ok_or(ReplicaFault::PluginMissing { digest })?;
        Ok(Self { plugin, plugin_digest: digest, ..self.clone() })
    }

    /// The same with the plugin of the snapshot at `index`.
    pub(crate) fn for_snapshot(&self, index: u64) -> Result<Self, ReplicaFault> {
        let opened = self.snapshots.open(index);
        let (header, _) = opened.map_err(ReplicaFault::while_doing("opening a snapshot"))?;
        // One that is of another plugin than it should be is refused by whoever opens it.
        self.running(header.point.plugin(self.founding))
    }

    /// The same with the plugin of a snapshot; none when that is not of the plugin that the group ran there, as one is that
    /// was written on the way from one plugin to another, if the node went down before the way was done.
    pub(crate) fn running_snapshot(&self, header: &SnapshotHeader) -> Result<Option<Self>, ReplicaFault> {
        let point = &header.point;
        let running = self.running(point.plugin(self.founding))?;
        let is_crossing = || point.activation.as_ref().is_some_and(|last| last.index == point.index);
        let is_of_it = header.plugin == running.plugin_digest;
        Ok((is_of_it || !is_crossing()).then_some(running))
    }
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryResult {
    /// Which entry.
    pub index: u64,
    /// What came of each of its commands, or of each timer that fired, in order.
    pub commands: Vec<Call>,
    /// Those of the commands that were applied before, in order.
    pub repeats: Vec<Repeat>,
    /// What came of the checkpoint, when it was one for a memory machine.
    pub checkpoint: Option<CheckpointResult>,
    /// What came of the order to run another plugin, when it was one.
    pub activation: Option<Arc<ActivationRecord>>,
    /// The members from here on, when it changed them: for the callback `configuration-committed`.
    pub configuration: Option<Configuration>,
}

/// A command that was applied before, and was answered as it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Its place among the commands of its entry.
    pub ordinal: u32,
    /// Where it was applied.
    pub first: Position,
}

/// What came of a checkpoint, the same on every replica but for the size on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // One an entry at most, and taken apart at once.
pub enum CheckpointResult {
    /// A checkpoint is under way in the background, begun at this entry or an earlier one.
    UnderWay {
        /// Where it began.
        checkpoint: u64,
    },
    /// The state was saved, and the machine goes on from what was saved. The log may be cut behind it.
    Taken(SnapshotInfo),
    /// The plugin could not save, or not load what it saved: the machine goes on from the checkpoint before.
    Failed(CallFailure),
}

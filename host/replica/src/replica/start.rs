use crate::{
    CheckpointPolicy, ReplicaFault,
    ports::{
        AppliedPoint, Call, CallFailure, GroupInfo, GroupLimits, History, Plugin, SnapshotHeader,
        SnapshotInfo, Snapshots, StateStore,
    },
};
use quorate_proto::entry::Configuration;
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// What a replica is made of.
#[derive(Clone)]
pub struct ReplicaStart {
    /// Its group.
    pub group: GroupInfo,
    /// What the plugin may use.
    pub limits: GroupLimits,
    /// The plugin the group runs.
    pub plugin: Arc<dyn Plugin>,
    /// Its digest, for snapshots.
    pub plugin_digest: PluginDigest,
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
        SnapshotHeader { point, kind: self.plugin.kind(), plugin: self.plugin_digest, tail: None }
    }
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryResult {
    /// Which entry.
    pub index: u64,
    /// What came of each of its commands, or of each timer that fired, in order.
    pub commands: Vec<Call>,
    /// What came of the checkpoint, when it was one for a memory machine.
    pub checkpoint: Option<CheckpointResult>,
    /// The members from here on, when it changed them: for the callback `configuration-committed`.
    pub configuration: Option<Configuration>,
}

/// What came of a checkpoint, the same on every replica but for the size on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
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

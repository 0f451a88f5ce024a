use crate::{
    CheckpointPolicy, CommittedEntry, Observer, ReadPoint, ReplicaFault,
    ports::{
        AppliedPoint, Call, CallFailure, GroupInfo, GroupLimits, History, Plugin, SnapshotHeader,
        SnapshotInfo, Snapshots, StateStore, StoreView,
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
    /// Where the group began: [`AppliedPoint::initial`] with the members it was created with.
    pub initial: AppliedPoint,
    /// When checkpoints are due.
    pub checkpoints: CheckpointPolicy,
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryResult {
    /// Which entry.
    pub index: u64,
    /// What came of each of its commands, in order.
    pub commands: Vec<Call>,
    /// What came of the checkpoint, when it was one for a memory machine.
    pub checkpoint: Option<CheckpointResult>,
    /// The members from here on, when it changed them: for the callback `configuration-committed`.
    pub configuration: Option<Configuration>,
}

/// What came of a checkpoint, the same on every replica but for the size on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointResult {
    /// The state was saved, and the machine goes on from what was saved. The log may be cut behind it.
    Taken(SnapshotInfo),
    /// The plugin could not save, or not load what it saved: the machine goes on from the checkpoint before.
    Failed(CallFailure),
}

/// A replica's machine: applies the committed entries of one group, one after the other.
///
/// Owned by one worker; nothing in here is shared but through the ports.
pub struct Replica {
    start: ReplicaStart,
    applied: Arc<AppliedPoint>,
}

impl Replica {
    /// Opens a replica from its disk: from its state store or its newest snapshot, whichever has come further, or else
    /// from nothing. Entries behind [`Replica::applied`] are then to be applied again.
    pub fn open(start: ReplicaStart) -> Result<Self, ReplicaFault> {
        let applied = Arc::new(start.initial.clone());
        Ok(Self { start, applied })
    }

    /// How far it has come.
    #[must_use]
    pub fn applied(&self) -> &AppliedPoint {
        &self.applied
    }

    /// Applies the next entry. Every entry is to be handed over, those without commands as well.
    pub fn apply(&mut self, entry: &CommittedEntry) -> Result<EntryResult, ReplicaFault> {
        let _ = (entry, &self.start);
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }

    /// Replaces the state by the snapshot at `index`, which a peer sent and [`Snapshots`] holds by now.
    pub fn install_snapshot(&mut self, index: u64) -> Result<(), ReplicaFault> {
        let _ = index;
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }

    /// This moment, for observers.
    pub fn read_point(&self) -> Result<ReadPoint, ReplicaFault> {
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }

    /// A new observer.
    #[must_use]
    pub fn observer(&self) -> Observer {
        Observer {
            plugin: self.start.plugin.clone(),
            group: self.start.group.clone(),
            limits: self.start.limits.clone(),
            snapshots: self.start.snapshots.clone(),
            history: self.start.history.clone(),
        }
    }

    /// Whether so much was applied since the last checkpoint or snapshot that another one is due. For a memory machine
    /// the leader then proposes a checkpoint, and asks again when that is applied; for a store machine the node calls
    /// [`Replica::snapshot`].
    #[must_use]
    pub fn checkpoint_due(&self) -> bool {
        false
    }

    /// A snapshot of a store machine as of now, to be written by whoever has the time; none for a memory machine (propose
    /// a checkpoint) and none when nothing was applied since the newest one.
    pub fn snapshot(&mut self) -> Result<Option<StoreSnapshot>, ReplicaFault> {
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }
}

/// A snapshot of a store machine that is yet to be written. May be sent to another thread; apply goes on meanwhile.
pub struct StoreSnapshot {
    header: SnapshotHeader,
    view: Arc<dyn StoreView>,
    snapshots: Arc<dyn Snapshots>,
}

impl StoreSnapshot {
    /// What will be in it.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Writes it.
    pub fn write(self) -> Result<SnapshotInfo, ReplicaFault> {
        let _ = (&self.view, &self.snapshots);
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }
}

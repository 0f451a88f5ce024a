//! A node: its disk and clocks, which outlive it, and what runs, which does not.

mod applying;
mod disk_errors;
mod effects;
mod hosting;
mod logs;
mod observing;
mod opening;
mod shadow;
mod snapshots;
mod twins;
mod witness;

pub(crate) use hosting::ENGINE;
pub(crate) use shadow::Shadow;
pub(crate) use twins::Twins;
pub(crate) use witness::LocalWitness;

use crate::{
    clock::Clock,
    disk::{Disk, LogHistory, LogWriter, SnapshotShelf, State},
    keeping::{Barrier, ChangeUnderWay},
    machine::{Compiled, HeldPlugin},
};
use bytes::Bytes;
use quorate_catalog::CatalogHandle;
use quorate_consensus::{CommittedEntry, Input, LogPoint, RequestId, Role, Shard};
use quorate_replica::{
    Attestations, BackgroundCheckpoint, Observer, ReadPoint, Replica, StoreSnapshot,
    ports::{LifecycleEvent, SnapshotInfo},
};
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, Member, NodeId, PluginDigest, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

/// A node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// Rises whenever it goes down: what was under way before is gone.
    pub(crate) life: u64,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    /// None while it is down.
    pub(crate) running: Option<Running>,
}

/// What a crash loses.
pub(crate) struct Running {
    pub(crate) shard: Shard,
    pub(crate) inbox: Vec<Input>,
    /// A bug: replicas that were woken a second time.
    pub(crate) twins: Option<Twins>,
    /// Whether the shard is about to look into its inbox.
    pub(crate) wakes: bool,
    pub(crate) log: LogWriter,
    pub(crate) catalog: CatalogHandle,
    pub(crate) replicas: BTreeMap<GroupId, Local>,
    pub(crate) witnesses: BTreeMap<GroupId, LocalWitness>,
    /// Closed, and to be removed from the log behind all that they had to write.
    pub(crate) retiring: Vec<(GroupId, ReplicaId)>,
    /// Groups about which something is being done.
    pub(crate) busy: BTreeSet<GroupId>,
    /// Groups whose replicas here are of no use, and are not started again.
    pub(crate) failed: BTreeSet<GroupId>,
    /// Replicas that are to be replaced, and why.
    pub(crate) broken: BTreeMap<GroupId, (ReplicaId, String)>,
    /// What it asks the catalog, until that answers.
    pub(crate) barrier: Option<Barrier>,
    /// Changes of members that it is bringing about.
    pub(crate) changes: BTreeMap<GroupId, ChangeUnderWay>,
    /// The plugins that it has compiled.
    pub(crate) compiled: Compiled,
    /// Those that it is compiling.
    pub(crate) compiling: BTreeSet<PluginDigest>,
    /// Activations that it has proposed: which upgrade of the group, and when.
    pub(crate) activating: BTreeMap<GroupId, (u64, Duration)>,
    /// Groups whose replicas here the disk has failed.
    pub(crate) failed_by_disk: BTreeSet<GroupId>,
}

/// What apply is asked to do.
// Few at a time.
#[allow(clippy::large_enum_variant)]
pub(crate) enum ApplyWork {
    Entries(Vec<CommittedEntry>),
    Restore(LogPoint),
    Role { role: Role, term: u64, leader: Option<Member> },
    Established { term: u64 },
    Read { index: u64, request: RequestId },
    Callback(LifecycleEvent),
    RenewObserver,
    Snapshot,
    SnapshotWritten(Box<SnapshotInfo>),
    Unused { index: u64 },
}

/// What the observer is asked to do.
pub(crate) enum ObserveWork {
    /// A query, of a client or of nobody.
    Query {
        point: ReadPoint,
        request: Option<RequestId>,
        query: Bytes,
    },
    Callback {
        point: ReadPoint,
        event: LifecycleEvent,
    },
}

/// A replica that runs on a node.
pub(crate) struct Local {
    pub(crate) replica_id: ReplicaId,
    pub(crate) kind: MachineKind,
    /// None for the catalog.
    pub(crate) plugin: Option<HeldPlugin>,
    pub(crate) replica: Replica,
    pub(crate) observer: Observer,
    pub(crate) work: VecDeque<ApplyWork>,
    pub(crate) observing: VecDeque<ObserveWork>,
    /// Reads that wait for their index.
    pub(crate) reads: Vec<(u64, RequestId)>,
    /// What raft last said.
    pub(crate) role: Role,
    pub(crate) term: u64,
    pub(crate) established: bool,
    /// The term in which the plugin has been told that it leads.
    pub(crate) leading: Option<u64>,
    /// Whom the plugin has been told that it follows.
    pub(crate) following: Option<(ReplicaId, u64)>,
    pub(crate) writing: Option<StoreSnapshot>,
    pub(crate) checkpoint_mode: CheckpointMode,
    pub(crate) preparing: Option<BackgroundCheckpoint>,
    /// After a checkpoint that failed the next is not tried before this index.
    pub(crate) snapshot_from: u64,
    /// The last entry that was handed to apply.
    pub(crate) told: u64,
    pub(crate) attestations: Attestations,
    pub(crate) shadow: Shadow,
    pub(crate) history: Arc<LogHistory>,
    pub(crate) state: State,
    pub(crate) snapshots: SnapshotShelf,
}

impl Local {
    pub(crate) fn leads(&self) -> bool {
        self.role == Role::Leader
    }
}

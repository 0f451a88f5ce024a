use super::{
    Lives,
    spoiled::{SpoiledPlugin, Waiting},
};
use crate::{
    CheckpointPolicy, CheckpointResult, CommittedEntry, Configuration, EntryResult, Observer, Replica,
    ReplicaFault, ReplicaStart,
    ports::{AppliedPoint, GroupInfo, LifecycleEvent, NoOtherPlugins, Outcome, Snapshots},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore},
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::sync::Arc;

const GROUP: u64 = 7;
const GROUP_NAME: &str = "acme/seven";

/// The members of a group with so many replicas.
pub(super) fn configuration(replicas: u64) -> Configuration {
    let member =
        |number| Member { replica: ReplicaId(number), node: NodeId(number), role: MemberRole::Voter };
    Configuration::new((1..=replicas).map(member).collect())
}

/// One replica and its disk.
pub(super) struct One {
    start: ReplicaStart,
    pub(super) state: MemoryStore,
    snapshots: MemorySnapshots,
    history: Arc<MemoryHistory>,
    pub(super) replica: Replica,
    pub(super) observer: Observer,
    /// What will run on the apply instance.
    pub(super) waiting: Waiting,
}

impl One {
    pub(super) fn open(lives: &Lives, replicas: u64) -> Result<Self, String> {
        let (state, snapshots) = (MemoryStore::default(), MemorySnapshots::default());
        let history = Arc::new(MemoryHistory::default());
        let waiting = Waiting::default();
        let plugin = SpoiledPlugin { plugin: lives.plugin.clone(), waiting: waiting.clone() };
        let start = ReplicaStart {
            group: GroupInfo {
                id: GroupId(GROUP),
                name: GROUP_NAME.parse().map_err(|error| format!("{error}"))?,
            },
            limits: lives.limits.clone(),
            plugin: Arc::new(plugin),
            plugin_digest: lives.digest,
            founding: lives.digest,
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(state.clone()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial: AppliedPoint::initial(configuration(replicas)),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone()).map_err(|fault| fault.to_string())?;
        let observer = replica.observer();
        Ok(Self { start, state, snapshots, history, replica, observer, waiting })
    }

    pub(super) fn applied(&self) -> u64 {
        self.replica.applied().index
    }

    /// Opens it again from its disk.
    pub(super) fn reopen(&mut self) -> Result<(), ReplicaFault> {
        self.replica = Replica::open(self.start.clone())?;
        self.forget_observer();
        Ok(())
    }

    pub(super) fn rest(&mut self) {
        self.replica.rest();
        self.observer.rest();
    }

    pub(super) fn forget_observer(&mut self) {
        self.observer = self.replica.observer();
    }

    pub(super) fn apply(&mut self, entry: &CommittedEntry) -> Result<EntryResult, ReplicaFault> {
        // As its own log has it: pushed once, and not again after a restart.
        if self.history.entry(entry.index).is_none() {
            self.history.insert(entry.clone());
        }
        let result = self.replica.apply(entry)?;
        if let Some(CheckpointResult::Taken(_)) = &result.checkpoint {
            self.history.cut_through(entry.index);
        }
        Ok(result)
    }

    /// Takes a snapshot, if that is not the log's to say. Whether it did.
    pub(super) fn take_snapshot(&mut self) -> Result<bool, ReplicaFault> {
        let Some(snapshot) = self.replica.snapshot()? else { return Ok(false) };
        let info = snapshot.write()?;
        self.history.cut_through(info.header.point.index);
        Ok(true)
    }

    /// Installs the newest of another replica's snapshots, if it is ahead, and says where it then stands.
    pub(super) fn install_newest(&mut self, theirs: &MemorySnapshots) -> Result<Option<u64>, ReplicaFault> {
        let newest = theirs.newest().map_err(ReplicaFault::while_doing("listing the snapshots"))?;
        let newest = newest.map_or(0, |newest| newest.header.point.index);
        if newest <= self.applied() {
            return Ok(None);
        }
        self.snapshots.receive_newest(theirs);
        self.history.cut_through(newest);
        self.replica.install_snapshot(newest)?;
        Ok(Some(newest))
    }

    pub(super) fn snapshots(&self) -> MemorySnapshots {
        self.snapshots.clone()
    }

    pub(super) fn query(&mut self, request: &Bytes) -> Result<Outcome, ReplicaFault> {
        let point = self.replica.read_point()?;
        Ok(self.observer.query(&point, request)?.outcome)
    }

    pub(super) fn tell(&mut self, event: &LifecycleEvent) -> Result<(), ReplicaFault> {
        let point = self.replica.read_point()?;
        self.observer.lifecycle(&point, event).map(drop)
    }
}

//! One replica with a log, a store and snapshots in memory.

use bytes::Bytes;
use quorate_replica::ports::{
    AppliedPoint, Call, Callback, GroupInfo, GroupLimits, LifecycleEvent, NoOtherPlugins, Plugin,
};
use quorate_replica::testing::{MemoryHistory, MemorySnapshots, MemoryStore};
use quorate_replica::{
    CheckpointPolicy, CheckpointResult, Configuration, EntryBody, Observer, Replica, ReplicaFault,
    ReplicaStart,
};
use quorate_vocabulary::{GroupId, GroupName, Member, MemberRole, NodeId, PluginDigest, ReplicaId};
use std::sync::Arc;

/// The log's time before the first entry.
pub const TIME_MS: u64 = 1_000;
const GROUP: u64 = 7;
const TERM: u64 = 1;

/// A replica that is alone in its group.
pub struct Stage {
    start: ReplicaStart,
    replica: Replica,
    observer: Observer,
    history: Arc<MemoryHistory>,
    snapshots: MemorySnapshots,
    time_ms: u64,
}

impl Stage {
    /// A replica of a group that was just made: number 7, called `acme/seven`.
    ///
    /// # Errors
    /// When the host cannot start the plugin.
    pub fn new(
        plugin: Arc<dyn Plugin>,
        digest: PluginDigest,
        limits: GroupLimits,
    ) -> Result<Self, ReplicaFault> {
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let (history, snapshots) = (Arc::new(MemoryHistory::default()), MemorySnapshots::default());
        let start = ReplicaStart {
            group: group(),
            limits,
            plugin,
            plugin_digest: digest,
            founding: digest,
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(MemoryStore::default()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone())?;
        let observer = replica.observer();
        Ok(Self { start, replica, observer, history, snapshots, time_ms: TIME_MS })
    }

    /// The replica.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Applies the commands as one entry, a millisecond after the one before.
    ///
    /// # Errors
    /// When the host fails.
    pub fn entry(&mut self, commands: Vec<Bytes>) -> Result<Vec<Call>, ReplicaFault> {
        self.time_ms = self.time_ms.saturating_add(1);
        self.push(EntryBody::Commands { time_ms: self.time_ms, commands })
    }

    /// Lets time pass, and the timers fire that are due by then.
    ///
    /// # Errors
    /// When the host fails.
    pub fn pass(&mut self, milliseconds: u64) -> Result<Vec<Call>, ReplicaFault> {
        self.time_ms = self.time_ms.saturating_add(milliseconds);
        self.push(EntryBody::Timers { time_ms: self.time_ms })
    }

    fn push(&mut self, body: EntryBody) -> Result<Vec<Call>, ReplicaFault> {
        let entry = self.history.push(TERM, body);
        Ok(self.replica.apply(&entry)?.commands)
    }

    /// Asks a query.
    ///
    /// # Errors
    /// When the host fails.
    pub fn query(&mut self, request: &Bytes) -> Result<Call, ReplicaFault> {
        let at = self.replica.read_point()?;
        self.observer.query(&at, request)
    }

    /// Tells the plugin of its replica's life.
    ///
    /// # Errors
    /// When the host fails.
    pub fn tell(&mut self, event: &LifecycleEvent) -> Result<Callback, ReplicaFault> {
        let at = self.replica.read_point()?;
        self.observer.lifecycle(&at, event)
    }

    /// Has a memory machine save its state and go on from what it saved; nothing of a store machine.
    ///
    /// # Errors
    /// When the host fails.
    pub fn checkpoint(&mut self) -> Result<Option<CheckpointResult>, ReplicaFault> {
        let entry = self.history.push(TERM, EntryBody::Checkpoint { time_ms: self.time_ms });
        Ok(self.replica.apply(&entry)?.checkpoint)
    }

    /// What the newest checkpoint wrote.
    #[must_use]
    pub fn saved(&self) -> Option<Bytes> {
        self.snapshots.content(*self.snapshots.indexes().last()?)
    }

    /// Takes the replica down and up again, and applies what it had applied. Whether it came to the same state.
    ///
    /// # Errors
    /// When the host fails.
    pub fn restart(&mut self) -> Result<bool, ReplicaFault> {
        let applied = self.replica.applied().clone();
        self.replica = Replica::open(self.start.clone())?;
        while self.replica.applied().index < applied.index
            && let Some(entry) = self.history.entry(self.replica.applied().index + 1)
        {
            self.replica.apply(&entry)?;
        }
        self.observer = self.replica.observer();
        Ok(*self.replica.applied() == applied)
    }
}

/// The group of every rehearsal.
pub(crate) fn group() -> GroupInfo {
    GroupInfo { id: GroupId(GROUP), name: name() }
}

#[allow(clippy::expect_used, reason = "the name is a constant, and a test starts with it")]
fn name() -> GroupName {
    "acme/seven".parse().expect("a name")
}

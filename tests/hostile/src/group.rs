use bytes::Bytes;
use quorate_replica::{
    Activation, CheckpointPolicy, CheckpointResult, CommittedEntry, Configuration, EntryBody, EntryResult,
    Observer, Order, Replica, ReplicaStart,
    ports::{AppliedPoint, Call, Callback, GroupInfo, GroupLimits, LifecycleEvent, Plugin, Plugins},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore},
};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, PluginDigest, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What is compiled on the node beside the plugin that a group was founded with.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<PluginDigest, Arc<dyn Plugin>>>);

impl Plugins for Shelf {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }
}

/// One replica of a group, with its disk in memory. A fault of the host fails the test: no plugin may cause one.
pub(crate) struct Group {
    start: ReplicaStart,
    replica: Replica,
    observer: Observer,
    history: Arc<MemoryHistory>,
    store: MemoryStore,
    shelf: Arc<Shelf>,
    upgrades: u64,
}

/// What a fault of the host says, with the step that met it.
pub(crate) type Faulty<T> = Result<T, String>;

impl Group {
    pub(crate) fn open(
        id: u64,
        plugin: Arc<dyn Plugin>,
        digest: PluginDigest,
        limits: &GroupLimits,
    ) -> Faulty<Self> {
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let (history, store) = (Arc::new(MemoryHistory::default()), MemoryStore::default());
        let shelf = Arc::<Shelf>::default();
        let start = ReplicaStart {
            group: GroupInfo { id: GroupId(id), name: format!("acme/group-{id}").parse().expect("a name") },
            limits: limits.clone(),
            plugin,
            plugin_digest: digest,
            founding: digest,
            plugins: shelf.clone(),
            state: Arc::new(store.clone()),
            snapshots: Arc::new(MemorySnapshots::default()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone()).map_err(|fault| format!("opening: {fault}"))?;
        let observer = replica.observer();
        Ok(Self { start, replica, observer, history, store, shelf, upgrades: 0 })
    }

    pub(crate) fn apply(&mut self, body: EntryBody) -> Faulty<EntryResult> {
        let entry: CommittedEntry = self.history.push(1, body);
        self.replica.apply(&entry).map_err(|fault| format!("applying: {fault}"))
    }

    pub(crate) fn commands(&mut self, commands: Vec<Bytes>) -> Faulty<EntryResult> {
        // Each entry a second after the one before.
        let time_ms = 1_000 * self.replica.applied().index;
        self.apply(EntryBody::Commands { time_ms, commands })
    }

    pub(crate) fn timers(&mut self) -> Faulty<EntryResult> {
        let time_ms = 1_000 * self.replica.applied().index;
        self.apply(EntryBody::Timers { time_ms })
    }

    pub(crate) fn checkpoint(&mut self) -> Faulty<Option<CheckpointResult>> {
        let time_ms = 1_000 * self.replica.applied().index;
        Ok(self.apply(EntryBody::Checkpoint { time_ms })?.checkpoint)
    }

    /// Begins a checkpoint in the background and says where.
    pub(crate) fn begin_checkpoint(&mut self) -> Faulty<u64> {
        let time_ms = 1_000 * self.replica.applied().index;
        match self.apply(EntryBody::BackgroundCheckpoint { time_ms })?.checkpoint {
            Some(CheckpointResult::UnderWay { checkpoint }) => Ok(checkpoint),
            other => Err(format!("a checkpoint began as {other:?}")),
        }
    }

    /// Does the work of a checkpoint in the background, beside apply.
    pub(crate) fn prepare_checkpoint(&mut self) -> Faulty<()> {
        let work = self.replica.background_checkpoint().ok_or("no checkpoint is under way")?;
        let prepared = work.run().map_err(|fault| format!("in the background: {fault}"))?;
        self.replica.checkpoint_prepared(prepared).map_err(|fault| format!("handing back: {fault}"))
    }

    pub(crate) fn take_over(&mut self, checkpoint: u64) -> Faulty<Option<CheckpointResult>> {
        let time_ms = 1_000 * self.replica.applied().index;
        Ok(self.apply(EntryBody::TakeOver { time_ms, checkpoint })?.checkpoint)
    }

    /// Goes over to another plugin, if that can take on the state.
    pub(crate) fn upgrade(&mut self, plugin: Arc<dyn Plugin>, digest: PluginDigest) -> Faulty<EntryResult> {
        self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, plugin);
        self.upgrades += 1;
        let order = Order::Activate(Activation { number: self.upgrades, plugin: digest });
        let time_ms = 1_000 * self.replica.applied().index;
        self.apply(EntryBody::Order { time_ms, order })
    }

    pub(crate) fn query(&mut self, request: &Bytes) -> Faulty<Call> {
        let point = self.replica.read_point().map_err(|fault| format!("reading: {fault}"))?;
        self.observer.query(&point, request).map_err(|fault| format!("querying: {fault}"))
    }

    pub(crate) fn tell(&mut self, event: &LifecycleEvent) -> Faulty<Callback> {
        let point = self.replica.read_point().map_err(|fault| format!("reading: {fault}"))?;
        self.observer.lifecycle(&point, event).map_err(|fault| format!("telling: {fault}"))
    }

    /// Opens it again from its disk and applies what the log holds behind that.
    pub(crate) fn restart(&mut self) -> Faulty<()> {
        let last = self.replica.applied().index;
        self.replica =
            Replica::open(self.start.clone()).map_err(|fault| format!("opening again: {fault}"))?;
        self.observer = self.replica.observer();
        while self.replica.applied().index < last {
            let next = self.replica.applied().index + 1;
            let entry = self.history.entry(next).ok_or("the log lost an entry")?;
            self.replica.apply(&entry).map_err(|fault| format!("applying again: {fault}"))?;
        }
        Ok(())
    }

    pub(crate) fn applied(&self) -> &AppliedPoint {
        self.replica.applied()
    }

    pub(crate) fn pairs(&self) -> BTreeMap<Bytes, Bytes> {
        self.store.pairs()
    }
}

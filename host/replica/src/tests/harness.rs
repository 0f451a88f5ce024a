//! A replica of a native plugin with a disk in memory, and short words for tests.

use crate::{
    CheckpointPolicy, CheckpointResult, CommittedEntry, Configuration, EntryBody, EntryResult, Observer,
    Replica, ReplicaFault, ReplicaStart,
    ports::{AppliedPoint, Call, GroupInfo, GroupLimits, Outcome, Plugin, Plugins, TrapKind},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore, NativePlugin},
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub(super) const FUEL: u64 = 1_000;
pub(super) const MEMORY_BYTES: u64 = 1_000;

pub(super) fn limits() -> GroupLimits {
    GroupLimits {
        fuel_per_command: FUEL,
        fuel_per_query: FUEL,
        memory_bytes_max: MEMORY_BYTES,
        command_bytes_max: 64,
        reply_bytes_max: 100,
        event_bytes_max: 100,
        timers_max: 3,
        timer_delay_ms_min: 10,
        ..GroupLimits::default()
    }
}

pub(super) fn configuration(replicas: u64) -> Configuration {
    let member =
        |number| Member { replica: ReplicaId(number), node: NodeId(number), role: MemberRole::Voter };
    Configuration::new((1..=replicas).map(member).collect())
}

/// Plugins that are compiled on a node.
#[derive(Default)]
pub(super) struct Shelf(Mutex<BTreeMap<PluginDigest, Arc<dyn Plugin>>>);

impl Shelf {
    pub(super) fn put(&self, digest: PluginDigest, plugin: impl Plugin + 'static) {
        self.0.lock().expect("no test panics with it").insert(digest, Arc::new(plugin));
    }
}

impl Plugins for Shelf {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        self.0.lock().expect("no test panics with it").get(&digest).cloned()
    }
}

/// One replica and its disk.
pub(super) struct Host {
    pub(super) kind: MachineKind,
    pub(super) state: MemoryStore,
    pub(super) snapshots: MemorySnapshots,
    pub(super) history: Arc<MemoryHistory>,
    /// What else is compiled on its node.
    pub(super) plugins: Arc<Shelf>,
    pub(super) replica: Replica,
    pub(super) observer: Observer,
}

impl Host {
    pub(super) fn new(kind: MachineKind) -> Self {
        Self::with_history(kind, Arc::default())
    }

    pub(super) fn with_history(kind: MachineKind, history: Arc<MemoryHistory>) -> Self {
        let (state, snapshots) = (MemoryStore::default(), MemorySnapshots::default());
        let plugins = Arc::<Shelf>::default();
        let start = start(kind, &state, &snapshots, &history, &plugins);
        let replica = Replica::open(start).expect("an empty disk opens");
        let observer = replica.observer();
        Self { kind, state, snapshots, history, plugins, replica, observer }
    }

    pub(super) fn start(&self) -> ReplicaStart {
        start(self.kind, &self.state, &self.snapshots, &self.history, &self.plugins)
    }

    /// Opens the replica again from its disk and applies what it lacks.
    pub(super) fn restart(&mut self) -> Vec<EntryResult> {
        self.reopen().expect("its own disk opens");
        self.catch_up()
    }

    pub(super) fn reopen(&mut self) -> Result<(), ReplicaFault> {
        self.replica = Replica::open(self.start())?;
        self.observer = self.replica.observer();
        Ok(())
    }

    /// Applies what the log holds and the replica has not applied.
    pub(super) fn catch_up(&mut self) -> Vec<EntryResult> {
        let mut results = Vec::new();
        while let Some(entry) = self.history.entry(self.replica.applied().index + 1) {
            results.push(self.replica.apply(&entry).expect("no fault"));
        }
        results
    }

    pub(super) fn append(&mut self, body: EntryBody) -> EntryResult {
        let entry = self.history.push(1, body);
        self.replica.apply(&entry).expect("no fault")
    }

    /// Applies these commands as one entry.
    pub(super) fn apply(&mut self, commands: &[&str]) -> Vec<Call> {
        self.append(entry_of(commands)).commands
    }

    pub(super) fn apply_one(&mut self, command: &str) -> Call {
        let mut calls = self.apply(&[command]);
        calls.pop().expect("one command has one outcome")
    }

    /// Lets the timers fire that are due at this time.
    pub(super) fn fire(&mut self, time_ms: u64) -> Vec<Call> {
        self.append(EntryBody::Timers { time_ms }).commands
    }

    pub(super) fn checkpoint(&mut self) -> CheckpointResult {
        let result = self.append(EntryBody::Checkpoint { time_ms: 0 });
        result.checkpoint.expect("a memory machine says what came of a checkpoint")
    }

    pub(super) fn query(&mut self, request: &str) -> Call {
        let point = self.replica.read_point().expect("no fault");
        self.observer.query(&point, &Bytes::copy_from_slice(request.as_bytes())).expect("no fault")
    }

    pub(super) fn get(&mut self, name: &str) -> String {
        text(&self.query(&format!("get {name}")))
    }
}

fn start(
    kind: MachineKind,
    state: &MemoryStore,
    snapshots: &MemorySnapshots,
    history: &Arc<MemoryHistory>,
    plugins: &Arc<Shelf>,
) -> ReplicaStart {
    ReplicaStart {
        group: GroupInfo { id: GroupId(7), name: "acme/numbers".parse().expect("a name") },
        limits: limits(),
        plugin: Arc::new(NativePlugin::new(kind)),
        plugin_digest: PluginDigest::of(b"native"),
        founding: PluginDigest::of(b"native"),
        plugins: plugins.clone(),
        state: Arc::new(state.clone()),
        snapshots: Arc::new(snapshots.clone()),
        history: history.clone(),
        initial: AppliedPoint::initial(configuration(3)),
        checkpoints: CheckpointPolicy::default(),
    }
}

pub(super) fn entry_of(commands: &[&str]) -> EntryBody {
    let commands = commands.iter().map(|command| Bytes::copy_from_slice(command.as_bytes())).collect();
    EntryBody::Commands { time_ms: 5, commands }
}

pub(super) fn committed(index: u64, body: EntryBody) -> CommittedEntry {
    CommittedEntry { index, term: 1, body }
}

/// The reply, as text.
#[track_caller]
pub(super) fn text(call: &Call) -> String {
    match &call.outcome {
        Outcome::Reply(reply) => String::from_utf8(reply.to_vec()).expect("text"),
        other => panic!("{other:?} is no reply"),
    }
}

pub(super) fn trap_kind(call: &Call) -> Option<TrapKind> {
    match &call.outcome {
        Outcome::Trapped(trap) => Some(trap.kind),
        Outcome::Reply(_) | Outcome::Rejection(_) | Outcome::Frozen | Outcome::Session(_) => None,
    }
}

pub(super) const BOTH: [MachineKind; 2] = [MachineKind::Memory, MachineKind::Store];

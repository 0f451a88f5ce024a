//! One replica with a log, a store and snapshots in memory.

use super::{Plugin, plugin};
use bytes::Bytes;
use quorate_replica::ports::{
    AppliedPoint, Call, Callback, GroupInfo, GroupLimits, LifecycleEvent, NoOtherPlugins, Outcome, Trap,
};
use quorate_replica::testing::{MemoryHistory, MemorySnapshots, MemoryStore};
use quorate_replica::{
    CheckpointPolicy, CheckpointResult, Configuration, EntryBody, Observer, Replica, ReplicaStart,
};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::sync::Arc;

pub(crate) struct Running {
    start: ReplicaStart,
    pub(crate) replica: Replica,
    observer: Observer,
    history: Arc<MemoryHistory>,
    pub(crate) snapshots: MemorySnapshots,
    time_ms: u64,
}

impl Running {
    pub(crate) fn start(folder: &str) -> Self {
        Self::start_with(folder, GroupLimits::default())
    }

    pub(crate) fn start_with(folder: &str, limits: GroupLimits) -> Self {
        let Plugin { compiled, checked, .. } = plugin(folder);
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let (history, snapshots) = (Arc::new(MemoryHistory::default()), MemorySnapshots::default());
        let start = ReplicaStart {
            group: GroupInfo { id: GroupId(7), name: "acme/seven".parse().unwrap() },
            limits,
            plugin: compiled,
            plugin_digest: checked.digest,
            founding: checked.digest,
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(MemoryStore::default()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone()).unwrap();
        let observer = replica.observer();
        Self { start, replica, observer, history, snapshots, time_ms: 1_000 }
    }

    /// Applies the commands as one entry.
    pub(crate) fn entry<Command: Into<Bytes>>(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<Call> {
        let commands = commands.into_iter().map(Into::into).collect();
        self.time_ms += 1;
        let entry = self.history.push(1, EntryBody::Commands { time_ms: self.time_ms, commands });
        self.replica.apply(&entry).unwrap().commands
    }

    pub(crate) fn apply(&mut self, command: impl Into<Bytes>) -> Call {
        self.entry([command.into()]).remove(0)
    }

    /// Lets time pass, and the timers fire that are due by then.
    pub(crate) fn pass(&mut self, milliseconds: u64) -> Vec<Call> {
        self.time_ms += milliseconds;
        let entry = self.history.push(1, EntryBody::Timers { time_ms: self.time_ms });
        self.replica.apply(&entry).unwrap().commands
    }

    pub(crate) fn query(&mut self, request: impl Into<Bytes>) -> Call {
        let at = self.replica.read_point().unwrap();
        self.observer.query(&at, &request.into()).unwrap()
    }

    pub(crate) fn tell(&mut self, event: &LifecycleEvent) -> Callback {
        let at = self.replica.read_point().unwrap();
        self.observer.lifecycle(&at, event).unwrap()
    }

    pub(crate) fn checkpoint(&mut self) -> CheckpointResult {
        let entry = self.history.push(1, EntryBody::Checkpoint { time_ms: self.time_ms });
        self.replica.apply(&entry).unwrap().checkpoint.expect("a memory machine has checkpoints")
    }

    /// The replica as after a restart of its node.
    pub(crate) fn restart(mut self) -> Self {
        let applied = self.replica.applied().clone();
        self.replica = Replica::open(self.start.clone()).unwrap();
        while self.replica.applied().index < applied.index {
            let entry = self.history.entry(self.replica.applied().index + 1).unwrap();
            self.replica.apply(&entry).unwrap();
        }
        assert_eq!(*self.replica.applied(), applied, "what was replayed came to the same");
        self.observer = self.replica.observer();
        self
    }
}

#[track_caller]
pub(crate) fn reply(call: &Call) -> &str {
    match &call.outcome {
        Outcome::Reply(reply) => str::from_utf8(reply).unwrap(),
        other => panic!("expected a reply, found {other:?}"),
    }
}

#[track_caller]
pub(crate) fn rejection(call: &Call) -> &str {
    match &call.outcome {
        Outcome::Rejection(rejection) => str::from_utf8(rejection).unwrap(),
        other => panic!("expected a rejection, found {other:?}"),
    }
}

#[track_caller]
pub(crate) fn trap(call: &Call) -> &Trap {
    match &call.outcome {
        Outcome::Trapped(trap) => trap,
        other => panic!("expected a trap, found {other:?}"),
    }
}

//! A replica that applies as fast as it can, on ports in memory: all that is on a command's way between the log and the disk.

use bytes::Bytes;
use quorate_replica::{
    CheckpointPolicy, CommittedEntry, Configuration, EntryBody, EntryResult, Replica, ReplicaStart,
    ports::{AppliedPoint, GroupInfo, GroupLimits, NoOtherPlugins, Outcome, Plugin},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore},
};
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, PluginDigest, ReplicaId};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How many different keys the commands of a store machine begin with.
const KEYS: usize = 1_000;

pub(super) struct Driver {
    replica: Replica,
    history: Arc<MemoryHistory>,
    next: u64,
}

/// The group of all drivers.
pub(super) fn group() -> GroupInfo {
    GroupInfo { id: GroupId(7), name: "bench/machine".parse().expect("a name") }
}

impl Driver {
    pub(super) fn new(plugin: Arc<dyn Plugin>) -> Self {
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let history = Arc::<MemoryHistory>::default();
        let replica = Replica::open(ReplicaStart {
            group: group(),
            limits: GroupLimits::default(),
            plugin,
            plugin_digest: PluginDigest::of(b"bench"),
            founding: PluginDigest::of(b"bench"),
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(MemoryStore::default()),
            snapshots: Arc::new(MemorySnapshots::default()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        });
        let replica = replica.expect("it opens");
        let next = replica.applied().index + 1;
        Self { replica, history, next }
    }

    fn entry(&mut self, body: EntryBody) -> CommittedEntry {
        let entry = CommittedEntry { index: self.next, term: 1, body };
        self.next += 1;
        entry
    }

    pub(super) fn apply(&mut self, body: EntryBody) -> EntryResult {
        let entry = self.entry(body);
        // A memory machine that trapped is made again by the log.
        self.history.insert(entry.clone());
        self.replica.apply(&entry).expect("no fault")
    }

    /// Applies so many entries of these commands, and says what one command took.
    pub(super) fn per_command(&mut self, entries: usize, commands: &[Bytes]) -> Duration {
        let bodies = || EntryBody::Commands { time_ms: 1_000, commands: commands.to_vec() };
        let entries: Vec<_> = (0..entries).map(|_| self.entry(bodies())).collect();
        let begun = Instant::now();
        for entry in &entries {
            let result = self.replica.apply(entry).expect("no fault");
            let replied = |outcome: &Outcome| matches!(outcome, Outcome::Reply(_));
            assert!(result.commands.iter().all(|call| replied(&call.outcome)), "{:?}", result.commands);
        }
        begun.elapsed() / u32::try_from(entries.len() * commands.len()).expect("fewer")
    }
}

/// So many commands of so many bytes, each with a key of its own at its beginning.
pub(super) fn commands(count: usize, bytes: usize) -> Vec<Bytes> {
    let command = |number: usize| {
        let mut command = format!("k{:07}", number * 7 % KEYS).into_bytes();
        command.resize(bytes, b'x');
        command.into()
    };
    (0..count).map(command).collect()
}

/// An entry of one command.
pub(super) fn one(command: impl Into<Bytes>) -> EntryBody {
    EntryBody::Commands { time_ms: 1_000, commands: vec![command.into()] }
}

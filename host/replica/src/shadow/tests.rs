use super::{ShadowFailure, ShadowLimits, ShadowReport, ShadowRun};
use crate::{
    CheckpointPolicy, CommittedEntry, Configuration, EntryBody, Order, Replica, ReplicaStart, SessionCommand,
    Ticket,
    ports::{AppliedPoint, GroupInfo, GroupLimits, NoOtherPlugins, Outcome, Plugin},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore, NativePlugin},
};
use quorate_proto::entry::Activation;
use quorate_vocabulary::{
    GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, ReplicaId, SessionId,
};
use std::sync::Arc;

const LIMITS: ShadowLimits =
    ShadowLimits { entries_max: 1_000, bytes_max: 1 << 20, fuel_max: u64::MAX, differences_max: 2 };
const BOTH: [MachineKind; 2] = [MachineKind::Memory, MachineKind::Store];

struct Group {
    start: ReplicaStart,
    history: Arc<MemoryHistory>,
    replica: Replica,
}

impl Group {
    fn new(kind: MachineKind) -> Self {
        let (history, digest) = (Arc::new(MemoryHistory::default()), PluginDigest::of(b"native"));
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let start = ReplicaStart {
            group: GroupInfo { id: GroupId(9), name: "test/group".parse().expect("a name") },
            limits: GroupLimits::default(),
            plugin: Arc::new(NativePlugin::new(kind)),
            plugin_digest: digest,
            founding: digest,
            plugins: Arc::new(NoOtherPlugins),
            state: Arc::new(MemoryStore::default()),
            snapshots: Arc::new(MemorySnapshots::default()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone()).expect("an empty disk opens");
        Self { start, history, replica }
    }

    fn append(&mut self, body: EntryBody) -> CommittedEntry {
        let entry = self.history.push(1, body);
        self.replica.apply(&entry).expect("no fault");
        entry
    }

    fn apply(&mut self, commands: &[&str]) -> u64 {
        let commands = commands.iter().map(|command| command.as_bytes().to_vec().into()).collect();
        self.append(EntryBody::Commands { time_ms: 5, commands }).index
    }

    fn snapshot(&mut self) -> u64 {
        if self.replica.kind() == MachineKind::Memory {
            return self.append(EntryBody::Checkpoint { time_ms: 5 }).index;
        }
        let taken = self.replica.snapshot().expect("no fault").expect("something was applied");
        taken.write().expect("no fault").header.point.index
    }

    fn shadow(&self, next: NativePlugin, limits: ShadowLimits) -> Result<ShadowReport, ShadowFailure> {
        let run = ShadowRun {
            start: self.start.clone(),
            base: self.start.snapshots.newest().expect("no fault"),
            next: Arc::new(next) as Arc<dyn Plugin>,
            next_digest: PluginDigest::of(b"next"),
            last: self.replica.applied().index,
            idle_activations: Vec::new(),
        };
        run.run(limits, &mut || true)
    }
}

#[test]
fn equal_code_answers_the_same_from_the_founding_and_from_a_snapshot() {
    for kind in BOTH {
        let mut group = Group::new(kind);
        group.apply(&["add a 1", "trap", "add a 2"]);
        group.append(EntryBody::Attest { time_ms: 6 });
        group.apply(&["get a", "add a 1"]);
        let report = group.shadow(NativePlugin::new(kind), LIMITS).expect("no failure");
        assert_eq!((report.from, report.entries, report.commands, report.differing), (1, 3, 5, 0));
        let from = group.snapshot();
        let last = group.apply(&["add a 1", "trap", "add a 1"]);
        let digest = group.replica.applied().digest;
        let report = group.shadow(NativePlugin::new(kind), LIMITS).expect("no failure");
        assert!(report.is_equal(), "{report:?}");
        assert_eq!((report.from, report.through, report.entries, report.commands), (from, last, 1, 3));
        assert_eq!(group.replica.applied().digest, digest, "the group is as it was");
    }
}

#[test]
fn commands_of_sessions_are_done_once_in_a_copy_as_well() {
    for kind in BOTH {
        let mut group = Group::new(kind);
        let session = SessionId { term: 1, number: 1 };
        let later = SessionId { number: 2, ..session };
        let once = |session, sequence| SessionCommand::Once {
            ticket: Ticket { session, sequence, answered_below: 0 },
            command: b"add a 1".as_slice().into(),
        };
        let open = || SessionCommand::Open { timeout_ms: 60_000 };
        let append = |group: &mut Group, commands| {
            group.append(EntryBody::SessionCommands { time_ms: 5, commands });
        };
        append(&mut group, vec![open(), once(session, 1)]);
        group.snapshot();
        // One that the snapshot holds, and one that is opened behind it.
        append(&mut group, vec![once(session, 1), open(), once(later, 1)]);
        append(&mut group, vec![once(later, 1), once(session, 2)]);
        let report = group.shadow(NativePlugin::new(kind), LIMITS).expect("it runs");
        assert!(report.is_equal() && report.commands == 5, "{report:?}");
        // The other one begins with ten times as much: the repeat of what the snapshot holds is the same, and all else is not.
        let report = group.shadow(NativePlugin::with_state_version(kind, 1), LIMITS).expect("it runs");
        let first =
            report.differences.first().map(|difference| (difference.ordinal, difference.command.clone()));
        assert_eq!(first, Some((2, Some(b"add a 1".as_slice().into()))), "{report:?}");
        assert_eq!(report.differing, 3, "{report:?}");
    }
}

#[test]
fn the_first_differences_are_told_and_all_are_counted() {
    for kind in BOTH {
        let mut group = Group::new(kind);
        group.apply(&["add a 1"]);
        group.snapshot();
        // The next version multiplies what it finds by ten.
        let index = group.apply(&["add b 1", "add a 1"]);
        group.apply(&["add a 1", "add a 1"]);
        let report = group.shadow(NativePlugin::with_state_version(kind, 2), LIMITS).expect("no failure");
        assert_eq!((report.commands, report.differing, report.differences.len()), (4, 3, 2), "{report:?}");
        let first = &report.differences[0];
        assert_eq!((first.index, first.ordinal), (index, 1));
        assert_eq!(first.command.as_deref(), Some(b"add a 1".as_slice()));
        assert_eq!(first.before, Some(Outcome::Reply("2".into())));
        assert_eq!(first.after, Some(Outcome::Reply("11".into())));
    }
}

#[test]
fn a_migration_that_fails_is_told() {
    for kind in BOTH {
        let mut group = Group::new(kind);
        group.apply(&["add a 1", "break-migrate"]);
        group.snapshot();
        group.apply(&["add a 1"]);
        let report = group.shadow(NativePlugin::with_state_version(kind, 2), LIMITS).expect("no failure");
        assert!(!report.is_equal());
        assert!(report.activation_failure.expect("it broke").contains("broken as asked"));
        assert_eq!(report.entries, 0);
    }
}

#[test]
fn what_is_too_long_is_stopped_and_another_activation_refused() {
    let mut group = Group::new(MachineKind::Store);
    for _ in 0..3 {
        group.apply(&["add a 1"]);
    }
    let next = || NativePlugin::new(MachineKind::Store);
    for limits in [
        ShadowLimits { entries_max: 2, ..LIMITS },
        ShadowLimits { bytes_max: 30, ..LIMITS },
        ShadowLimits { fuel_max: 1, ..LIMITS },
    ] {
        let report = group.shadow(next(), limits).expect("no failure");
        assert!(report.stopped.is_some() && (1..3).contains(&report.entries), "{report:?}");
    }
    let plugin = PluginDigest::of(b"native");
    let order = Order::Activate(Activation { number: 1, plugin });
    let index = group.append(EntryBody::Order { time_ms: 5, order }).index;
    let failure = group.shadow(next(), LIMITS).expect_err("it would compare another plugin");
    assert!(matches!(failure, ShadowFailure::Activated { index: at } if at == index), "{failure}");
}

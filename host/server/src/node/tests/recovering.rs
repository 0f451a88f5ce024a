//! A replica's way back from its disk, wherever the process ended.

use crate::node::{
    local_replica::write_durably,
    opening::{OpenError, Recovered, ReplicaSpec, recover},
};
use bytes::Bytes;
use quorate_consensus::{
    Configuration, Effect, HardState, Input, LogEntry, LogPoint, Now, Shard, ShardConfig,
};
use quorate_replica::{
    CheckpointPolicy, CommittedEntry, EntryBody, ReplicaFault,
    ports::{AppliedPoint, GroupInfo, GroupLimits, Outcome, Snapshots, StateStore},
    testing::NativePlugin,
};
use quorate_storage::{DataFolder, IncomingSnapshot, NewReplica, NodeIdentity, RaftBatch, StoredReplica};
use quorate_vocabulary::{
    CheckpointMode, GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, ReplicaId,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

const GROUP: GroupId = GroupId(7);
/// Where the snapshot of the other node stands.
const SENT: LogPoint = LogPoint { index: 8, term: 2 };
/// How often a disk is copied anew because something changed meanwhile.
const ATTEMPTS_MAX: u32 = 1_000;
const BOTH: [MachineKind; 2] = [MachineKind::Memory, MachineKind::Store];

fn members() -> Vec<Member> {
    let member =
        |number| Member { replica: ReplicaId(number), node: NodeId(number), role: MemberRole::Voter };
    [1, 2, 3].map(member).to_vec()
}

fn spec(kind: MachineKind) -> ReplicaSpec {
    ReplicaSpec {
        info: GroupInfo { id: GROUP, name: "acme/numbers".parse().expect("a name") },
        limits: GroupLimits::default(),
        checkpoint_mode: CheckpointMode::Inline,
        plugin: Arc::new(NativePlugin::new(kind)),
        plugin_digest: PluginDigest::of(b"native"),
        founding: PluginDigest::of(b"native"),
        plugins: Arc::new(quorate_replica::ports::NoOtherPlugins),
        initial: AppliedPoint::initial(Configuration::new(members())),
    }
}

/// The entry at an index: what is added is 1 in the first term and 10 later. The one at the snapshot is a checkpoint.
fn entry(index: u64, term: u64) -> CommittedEntry {
    let body = if (LogPoint { index, term }) == SENT {
        EntryBody::Checkpoint { time_ms: 5 }
    } else {
        let command = if term == 1 { "add a 1" } else { "add a 10" };
        EntryBody::Commands { time_ms: 5, commands: vec![Bytes::from_static(command.as_bytes())] }
    };
    CommittedEntry { index, term, body }
}

/// The disk of a node.
struct Disk {
    root: TempDir,
    kind: MachineKind,
}

impl Disk {
    /// With a replica whose log has the entries at these points.
    fn with_log(kind: MachineKind, log: &[(u64, u64)]) -> (Self, DataFolder) {
        let disk = Self { root: TempDir::new().expect("a folder"), kind };
        let folder = disk.open();
        let mut batch = RaftBatch::new();
        batch.create(NewReplica::bootstrap(GROUP, ReplicaId(1), members()));
        let stored = log.iter().map(|(index, term)| {
            let entry = entry(*index, *term);
            LogEntry { index: *index, term: *term, data: entry.body.encode() }
        });
        batch.append(GROUP, stored.collect());
        folder.raft().write(batch).expect("written");
        (disk, folder)
    }

    fn open(&self) -> DataFolder {
        let identity = NodeIdentity { cluster: "test".to_owned(), node: NodeId(1) };
        DataFolder::open(self.root.path().join("data"), identity).expect("a data folder")
    }

    /// As a process that is killed now leaves it.
    fn crash(&self) -> Self {
        // RocksDB removes files in the background: a copy is of one moment only if nothing came or went meanwhile.
        for _ in 0..ATTEMPTS_MAX {
            let before = listing(self.root.path()).ok();
            let copy = Self { root: TempDir::new().expect("a folder"), kind: self.kind };
            if copy_folder(self.root.path(), copy.root.path()).is_ok()
                && before.is_some()
                && listing(self.root.path()).ok() == before
            {
                return copy;
            }
        }
        panic!("the files never rest")
    }

    fn recover(&self) -> Result<Recovered, OpenError> {
        recover(&self.open(), spec(self.kind), CheckpointPolicy::default())
    }

    /// Opens what is here, has raft take it up as well, and says how far it is and what it holds.
    fn comes_back(&self) -> (u64, String) {
        let Recovered { stored, replica, .. } = self.recover().expect("its own disk opens");
        let applied = replica.applied().clone();
        let point = replica.read_point().expect("no fault");
        let got = replica.observer().query(&point, &Bytes::from_static(b"get a")).expect("no fault").outcome;
        let Outcome::Reply(reply) = got else { panic!("no reply but {got:?}") };
        taken_up(stored, applied.index);
        (applied.index, String::from_utf8(reply.to_vec()).expect("text"))
    }
}

fn taken_up(stored: StoredReplica, applied: u64) {
    let mut shard = Shard::new(ShardConfig::new(NodeId(1), 1)).expect("it fits");
    let mut effects = Vec::new();
    let open = Input::Open(Box::new(stored.into_start(applied, 0)));
    shard.step(Now::default(), &mut vec![open], &mut effects);
    let wrong = |effect: &Effect| matches!(effect, Effect::ReplicaFailed { .. } | Effect::Restore { .. });
    assert!(!effects.iter().any(wrong), "{effects:?}");
    assert_eq!(shard.status(GROUP).expect("it is open").applied, applied);
}

/// Every file below a folder with its size, in order; none while files come and go.
fn listing(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if metadata.is_dir() {
            found.extend(listing(&path)?);
        } else {
            found.push((path, metadata.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Applies these entries, and takes a snapshot behind the last.
fn apply(folder: &DataFolder, kind: MachineKind, entries: &[(u64, u64)], snapshot: bool) -> Recovered {
    let mut recovered = recover(folder, spec(kind), CheckpointPolicy::default()).expect("it opens");
    for (index, term) in entries {
        recovered.disk.history.committed(*index);
        recovered.replica.apply(&entry(*index, *term)).expect("no fault");
    }
    if snapshot && kind == MachineKind::Store {
        let snapshot = recovered.replica.snapshot().expect("no fault").expect("something is new");
        snapshot.write().expect("no fault");
    }
    recovered
}

/// Another node, which has the entries of the cluster and a snapshot.
fn sender(kind: MachineKind) -> (Disk, DataFolder) {
    let log: Vec<_> = (2..=8).map(|index| (index, if index <= 5 { 1 } else { 2 })).collect();
    let (disk, folder) = Disk::with_log(kind, &log);
    drop(apply(&folder, kind, &log, true));
    (disk, folder)
}

fn begin_to_receive(to: &DataFolder, from: &DataFolder) -> IncomingSnapshot {
    let file = from.snapshots(GROUP).expect("snapshots").send(SENT.index).expect("the snapshot");
    let snapshots = to.snapshots(GROUP).expect("snapshots");
    snapshots.receive(&file.manifest(), file.total_bytes()).expect("it is taken")
}

fn receive_rest(mut incoming: IncomingSnapshot, from: &DataFolder) {
    let mut file = from.snapshots(GROUP).expect("snapshots").send(SENT.index).expect("the snapshot");
    let bytes = file.read_at(incoming.received_bytes(), usize::MAX).expect("read");
    incoming.write(incoming.received_bytes(), &bytes).expect("written");
    incoming.finish().expect("whole");
}

/// Begins the log behind the snapshot, as raft asks for when it takes one.
fn begin_log_behind(folder: &DataFolder) {
    let mut batch = RaftBatch::new();
    batch.restore(GROUP, SENT, Configuration::new(members()));
    batch.set_hard_state(GROUP, HardState { term: 2, vote: None, commit: SENT.index });
    folder.raft().write(batch).expect("written");
}

#[test]
fn a_crash_at_any_step_of_installing_a_snapshot_comes_back_before_or_behind_it() {
    for kind in BOTH {
        let (_sender_disk, sender) = sender(kind);
        let before = if kind == MachineKind::Store { (5, "4".to_owned()) } else { (1, "0".to_owned()) };
        let behind = (SENT.index, "24".to_owned());
        // What this node has behind entry 5 was never committed: it is too short, or is of another leader.
        for log_end in [5, 9] {
            let log: Vec<_> = (2..=log_end).map(|index| (index, 1)).collect();
            let (disk, folder) = Disk::with_log(kind, &log);
            let mut recovered = apply(&folder, kind, &log[..4], false);
            assert_eq!(disk.crash().comes_back(), before, "{kind}: nothing came");

            let mut incoming = begin_to_receive(&folder, &sender);
            assert_eq!(disk.crash().comes_back(), before, "{kind}: it was announced");
            incoming.write(0, &[]).expect("nothing is written");
            receive_rest(incoming, &sender);
            assert_eq!(disk.crash().comes_back(), before, "{kind}: it came, and the log is not told");

            begin_log_behind(&folder);
            assert_eq!(disk.crash().comes_back(), behind, "{kind}: the log begins behind it");
            if kind == MachineKind::Store {
                let load = recovered.disk.state.begin_load().expect("begun");
                assert_eq!(disk.crash().comes_back(), behind, "{kind}: it is being loaded");
                drop(load);
            }
            recovered.replica.install_snapshot(SENT.index).expect("no fault");
            let after = disk.crash();
            assert_eq!(after.comes_back(), behind, "{kind}: it is loaded");
            let next = entry(SENT.index + 1, 2);
            after.recover().expect("it opens").replica.apply(&next).expect("it goes on from there");
        }
    }
}

#[test]
fn a_snapshot_that_came_of_what_the_log_holds_is_used() {
    for kind in BOTH {
        let (_sender_disk, sender) = sender(kind);
        let log: Vec<_> = (2..=9).map(|index| (index, if index <= 5 { 1 } else { 2 })).collect();
        let (disk, folder) = Disk::with_log(kind, &log);
        drop(apply(&folder, kind, &log[..4], false));
        receive_rest(begin_to_receive(&folder, &sender), &sender);
        assert_eq!(disk.crash().comes_back(), (SENT.index, "24".to_owned()), "{kind}");
    }
}

/// A node that has cut its log behind its snapshot, after a power failure that took all of the state that was not
/// synced.
fn cut_and_without_state() -> Disk {
    let (disk, folder) = sender(MachineKind::Store);
    let mut batch = RaftBatch::new();
    batch.cut(GROUP, SENT, Configuration::new(members()));
    folder.raft().write(batch).expect("written");
    let after = disk.crash();
    let state = after.root.path().join("data").join("state");
    for file in fs::read_dir(state).expect("a listing") {
        let path = file.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::write(path, []).expect("emptied");
        }
    }
    after
}

#[test]
fn a_state_that_a_power_failure_took_comes_back_from_the_snapshot() {
    assert_eq!(cut_and_without_state().comes_back(), (SENT.index, "24".to_owned()));
}

#[test]
fn a_state_that_is_lost_with_its_snapshot_is_told_and_nothing_is_made_up() {
    let disk = cut_and_without_state();
    fs::remove_dir_all(disk.root.path().join("data").join("snapshots").join(GROUP.to_string()))
        .expect("gone");
    let error = disk.recover().err().expect("entries up to 8 are nowhere");
    let expected =
        matches!(error, OpenError::Replica(ReplicaFault::StateBehindLog { applied: 1, begins_behind: 8 }));
    assert!(expected && error.lasts(), "{error}");
}

#[test]
fn a_snapshot_is_not_taken_before_the_state_is_as_durable() {
    let log: Vec<_> = (2..=5).map(|index| (index, 1)).collect();
    let (_disk, folder) = Disk::with_log(MachineKind::Store, &log);
    let mut recovered = apply(&folder, MachineKind::Store, &log[..2], false);
    let mut snapshot = || recovered.replica.snapshot().expect("no fault").expect("something is new");
    let (first, again) = (snapshot(), snapshot());
    let state = recovered.disk.state.clone();
    assert_eq!(write_durably(first, &state).map(|info| info.header.point.index), Ok(3));
    // Now the state cannot be made durable any more.
    folder.state(GROUP, ReplicaId(99)).expect("another one's");
    write_durably(again, &state).expect_err("the log must not be cut");
    assert!(recovered.disk.snapshots.newest().expect("no fault").is_some());
}

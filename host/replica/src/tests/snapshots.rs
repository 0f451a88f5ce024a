use super::harness::{BOTH, Host, entry_of, text};
use crate::{
    CheckpointPolicy, EntryBody, ReplicaFault, ReplicaStart,
    ports::{Snapshots, StateStore},
    testing::MemoryStore,
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::sync::Arc;

/// A snapshot of the replica as it stands, by the way of its kind.
pub(super) fn take(host: &mut Host) -> u64 {
    match host.kind {
        MachineKind::Memory => drop(host.checkpoint()),
        MachineKind::Store => {
            let snapshot = host.replica.snapshot().expect("no fault").expect("something is new");
            snapshot.write().expect("no fault");
        }
    }
    host.snapshots.newest().expect("no fault").expect("just taken").header.point.index
}

#[test]
fn a_state_that_ends_before_its_log_begins_is_refused() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        for _ in 0..5 {
            host.apply(&["add a 1"]);
        }
        host.history.cut_through(4);
        host.state = MemoryStore::default();
        let fault = host.reopen().expect_err("entries 2 to 4 are nowhere");
        assert!(matches!(fault, ReplicaFault::StateBehindLog { applied: 1, begins_behind: 4 }), "{fault}");
        host.history = Arc::default();
        host.reopen().expect("the log has everything");
    }
}

#[test]
fn a_snapshot_of_a_store_is_of_the_moment_it_was_asked_for() {
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1", "add b 1"]);
    let snapshot = host.replica.snapshot().expect("no fault").expect("something is new");
    assert_eq!(snapshot.header().point, *host.replica.applied());
    host.apply(&["add a 1", "remove b"]);
    let info = snapshot.write().expect("no fault");
    assert_eq!(info.header.point.index, 2);
    let mut other = Host::new(MachineKind::Store);
    assert_eq!(other.snapshots.receive_newest(&host.snapshots), Some(2));
    other.replica.install_snapshot(2).expect("no fault");
    assert_eq!((other.get("a"), other.get("b")), ("1".into(), "1".into()));
}

#[test]
fn nothing_new_needs_no_snapshot_and_a_memory_machine_has_checkpoints() {
    let mut host = Host::new(MachineKind::Store);
    assert!(host.replica.snapshot().expect("no fault").is_none(), "nothing was applied");
    host.apply(&["add a 1"]);
    take(&mut host);
    assert!(host.replica.snapshot().expect("no fault").is_none(), "nothing is new");
    host.append(EntryBody::Empty);
    assert!(host.replica.snapshot().expect("no fault").is_some());
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    assert!(host.replica.snapshot().expect("no fault").is_none());
}

#[test]
fn an_installed_snapshot_replaces_everything_and_goes_on_like_the_sender() {
    for kind in BOTH {
        let (mut sender, mut receiver) = (Host::new(kind), Host::new(kind));
        receiver.apply(&["add stale 1", "add a 5"]);
        sender.apply(&["add a 1", "trap", "take 500"]);
        sender.apply(&["add b 1"]);
        let index = take(&mut sender);
        receiver.snapshots.receive_newest(&sender.snapshots);
        receiver.replica.install_snapshot(index).expect("no fault");
        assert_eq!(receiver.replica.applied(), sender.replica.applied(), "{kind}");
        assert_eq!((receiver.get("stale"), receiver.get("a")), ("0".into(), "1".into()), "{kind}");
        let entry = sender.history.push(1, entry_of(&["take 600", "trap", "add a 1"]));
        receiver.history.cut_through(index);
        receiver.history.insert(entry.clone());
        let sent = sender.replica.apply(&entry).expect("no fault");
        assert_eq!(receiver.replica.apply(&entry).expect("no fault"), sent, "{kind}");
        assert_eq!(receiver.replica.applied(), sender.replica.applied(), "{kind}");
    }
}

#[test]
fn an_old_snapshot_is_not_installed_over_a_newer_state() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let index = take(&mut host);
        host.apply(&["add a 1"]);
        let applied = host.replica.applied().clone();
        host.replica.install_snapshot(index).expect("no fault");
        assert_eq!((host.replica.applied().clone(), host.get("a")), (applied, "2".into()), "{kind}");
    }
}

#[test]
fn a_state_that_lost_more_than_the_log_holds_is_loaded_from_the_snapshot() {
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1"]);
    host.state.flush();
    host.apply(&["add a 1", "add b 1"]);
    let index = take(&mut host);
    host.history.cut_through(index);
    host.apply(&["add a 1"]);
    let applied = host.replica.applied().clone();
    host.state.crash();
    host.restart();
    assert_eq!(*host.replica.applied(), applied);
    assert_eq!((host.get("a"), host.get("b")), ("3".into(), "1".into()));
}

#[test]
fn a_load_that_was_broken_off_is_begun_again() {
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1"]);
    take(&mut host);
    drop(host.state.begin_load().expect("no fault"));
    assert_eq!(host.state.applied().expect("no fault"), None);
    host.restart();
    assert_eq!(host.get("a"), "1");
    // Without a snapshot there is only the beginning, and the log.
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1"]);
    drop(host.state.begin_load().expect("no fault"));
    host.restart();
    assert_eq!(host.get("a"), "1");
}

#[test]
fn a_damaged_snapshot_of_a_store_stops_the_replica() {
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1"]);
    let index = take(&mut host);
    let mut content = host.snapshots.content(index).expect("just taken").to_vec();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    host.snapshots.replace_content(index, content.into());
    let mut other = Host::new(MachineKind::Store);
    other.snapshots.receive_newest(&host.snapshots);
    let fault = other.replica.install_snapshot(index).expect_err("one bit is wrong");
    assert!(fault.to_string().contains("damaged"), "{fault}");
    assert!(matches!(
        other.replica.apply(&host.history.entry(2).expect("2")),
        Err(ReplicaFault::Stopped { .. })
    ));
    assert_eq!(other.state.applied().expect("no fault"), None, "half a state is no state");
}

#[test]
fn a_received_snapshot_that_the_plugin_refuses_stops_the_replica() {
    let mut sender = Host::new(MachineKind::Memory);
    sender.apply(&["add a 1"]);
    let index = take(&mut sender);
    sender.snapshots.replace_content(index, Bytes::from_static(b"nonsense"));
    let mut receiver = Host::new(MachineKind::Memory);
    receiver.snapshots.receive_newest(&sender.snapshots);
    let fault = receiver.replica.install_snapshot(index).expect_err("nonsense");
    assert!(matches!(fault, ReplicaFault::Snapshot { .. }), "{fault}");
}

#[test]
fn a_snapshot_of_another_plugin_or_kind_is_refused() {
    for (kind, other_kind) in
        [(MachineKind::Memory, MachineKind::Store), (MachineKind::Store, MachineKind::Memory)]
    {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let index = take(&mut host);
        let mut other = Host::new(other_kind);
        other.snapshots.receive_newest(&host.snapshots);
        let fault = other.replica.install_snapshot(index).expect_err("of another kind");
        assert!(matches!(fault, ReplicaFault::SnapshotOfOther { .. }), "{fault}");

        let mut start = host.start();
        start.plugin_digest = PluginDigest::of(b"another plugin");
        start.founding = start.plugin_digest;
        start.state = Arc::new(MemoryStore::default());
        let fault = crate::Replica::open(start).err().expect("of another plugin");
        assert!(matches!(fault, ReplicaFault::SnapshotOfOther { .. }), "{fault}");
    }
}

#[test]
fn growth_is_counted_from_the_newest_snapshot_over_a_restart() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        take(&mut host);
        for _ in 0..4 {
            host.apply(&["add a 1"]);
        }
        host.reopen().expect("its own disk opens");
        let mut start = host.start();
        start.checkpoints.entries_max = 4;
        let mut replica = crate::Replica::open(start).expect("its own disk opens");
        while let Some(entry) = host.history.entry(replica.applied().index + 1) {
            assert!(!replica.checkpoint_due(), "{kind}");
            replica.apply(&entry).expect("no fault");
        }
        assert!(replica.checkpoint_due(), "{kind}");
    }
}

#[test]
fn a_large_state_is_saved_less_often() {
    // The state is larger than three bytes, and the bound for one of a byte is two entries.
    let policy = CheckpointPolicy {
        entries_max: 2,
        bytes_max: 1,
        bytes_percent_of_state: 100,
        stretch_max: 3,
        ..CheckpointPolicy::default()
    };
    for kind in BOTH {
        for (is_saved, due_after) in [(false, 2), (true, 6)] {
            let mut host = Host::new(kind);
            if is_saved {
                host.apply(&["add a 1"]);
                take(&mut host);
            }
            let mut replica = crate::Replica::open(ReplicaStart { checkpoints: policy, ..host.start() })
                .expect("its own disk opens");
            let due = (1..=10).find(|_| {
                replica.apply(&host.history.push(1, EntryBody::Empty)).expect("no fault");
                replica.checkpoint_due()
            });
            assert_eq!(due, Some(due_after), "{kind}");
        }
    }
}

#[test]
fn a_text_reply_survives_a_snapshot_of_many_blocks() {
    let mut host = Host::new(MachineKind::Store);
    for entry in 0..60 {
        let commands: Vec<String> =
            (0..100).map(|name| format!("add name-{entry:03}-{name:03} {name}")).collect();
        host.apply(&commands.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let index = take(&mut host);
    let mut other = Host::new(MachineKind::Store);
    other.snapshots.receive_newest(&host.snapshots);
    other.replica.install_snapshot(index).expect("no fault");
    assert_eq!(other.state.pairs(), host.state.pairs());
    assert_eq!(text(&other.query("sum")), (60 * 4950).to_string());
}

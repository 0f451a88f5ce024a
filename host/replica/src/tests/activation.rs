//! Another plugin from one entry on.

use super::harness::{BOTH, Host, entry_of, text};
use crate::{
    Activation, EntryBody, EntryResult, Order, ReplicaFault,
    ports::{ActivationRecord, ActivePlugin, AppliedPoint, SnapshotHeader, Snapshots},
    testing::NativePlugin,
};
use quorate_vocabulary::{MachineKind, PluginDigest};

fn digest(version: u32) -> PluginDigest {
    PluginDigest::of(format!("version {version}").as_bytes())
}

fn activate(number: u64, plugin: PluginDigest) -> EntryBody {
    EntryBody::Order { time_ms: 7, order: Order::Activate(Activation { number, plugin }) }
}

/// A host on whose node these versions of the state are compiled.
fn host(kind: MachineKind, versions: &[u32]) -> Host {
    let host = Host::new(kind);
    for version in versions {
        host.plugins.put(digest(*version), NativePlugin::with_state_version(kind, *version));
    }
    // The one that it began with, for who opens it later.
    host.plugins.put(PluginDigest::of(b"native"), NativePlugin::new(kind));
    host
}

fn record(result: &EntryResult) -> &ActivationRecord {
    result.activation.as_deref().expect("an order to run another plugin has an outcome")
}

/// Opens what is on the disk once more, and what a snapshot brings to a new disk: both stand where the first one does.
fn is_the_same_everywhere(host: &mut Host) {
    let applied = host.replica.applied().clone();
    let plugin = host.replica.plugin_digest();
    host.restart();
    assert_eq!(*host.replica.applied(), applied);
    assert_eq!(host.replica.plugin_digest(), plugin);

    let mut again = Host::with_history(host.kind, host.history.clone());
    again.plugins = host.plugins.clone();
    again.reopen().expect("an empty disk opens");
    again.catch_up();
    assert_eq!(*again.replica.applied(), applied, "from the first entry on");

    if host.kind == MachineKind::Store {
        let taken = host.replica.snapshot().expect("no fault").expect("something was applied");
        taken.write().expect("no fault");
    }
    let newest = host.snapshots.newest().expect("no fault");
    if let Some(newest) = newest {
        let mut new = Host::new(host.kind);
        new.plugins = host.plugins.clone();
        new.reopen().expect("an empty disk opens");
        new.snapshots.receive_newest(&host.snapshots);
        new.replica.install_snapshot(newest.header.point.index).expect("the plugin is compiled");
        for entry in (newest.header.point.index + 1..).map_while(|index| host.history.entry(index)) {
            new.history.insert(entry.clone());
            new.replica.apply(&entry).expect("no fault");
        }
        assert_eq!(*new.replica.applied(), applied, "from a snapshot on");
        assert_eq!(new.replica.plugin_digest(), plugin);
    }
}

#[test]
fn the_next_plugin_goes_on_with_the_state() {
    for kind in BOTH {
        let mut host = host(kind, &[0]);
        host.apply(&["add a 1", "trap"]);
        let result = host.append(activate(1, digest(0)));
        assert_eq!(record(&result).failure, None);
        assert_eq!(result.checkpoint.is_some(), kind == MachineKind::Memory, "a checkpoint as well");
        assert_eq!(host.replica.plugin_digest(), digest(0));
        let applied = host.replica.applied();
        assert_eq!(applied.active, Some(ActivePlugin { plugin: digest(0), state_version: 0 }));
        assert_eq!(text(&host.apply_one("add a 1")), "2", "nothing is migrated");
        assert_eq!(host.get("a"), "2", "the observer follows");
        is_the_same_everywhere(&mut host);
    }
}

#[test]
fn a_state_of_another_version_is_migrated() {
    for kind in BOTH {
        let mut host = host(kind, &[2, 3]);
        host.apply(&["add a 1"]);
        assert_eq!(record(&host.append(activate(1, digest(2)))).failure, None);
        assert_eq!((host.get("a"), host.get("migrated-from")), ("10".into(), "0".into()));
        host.apply(&["add a 1", "trap"]);
        assert_eq!(record(&host.append(activate(2, digest(3)))).failure, None);
        assert_eq!((host.get("a"), host.get("migrated-from")), ("110".into(), "2".into()));
        is_the_same_everywhere(&mut host);
    }
}

#[test]
fn where_the_next_plugin_fails_the_one_before_goes_on() {
    let breaks: [(&str, u32, &str); 4] = [
        ("break-migrate", 2, "broken as asked"),
        ("refuse-migrate", 2, "refused as asked"),
        ("break-save", 0, "broken as asked"),
        ("break-load", 0, "broken as asked"),
    ];
    for kind in BOTH {
        for (command, version, why) in breaks {
            if kind == MachineKind::Store && version == 0 {
                continue;
            }
            let mut host = host(kind, &[version]);
            host.apply(&["add a 1", command]);
            let result = host.append(activate(1, digest(version)));
            let failure = record(&result).failure.clone().expect("it is broken");
            assert!(failure.contains(why), "{failure}");
            assert_eq!(host.replica.plugin_digest(), PluginDigest::of(b"native"));
            assert_eq!(host.replica.applied().active, None);
            assert_eq!(text(&host.apply_one("add a 1")), "2", "{command}");
            assert_eq!(host.get("migrated-from"), "0");
            host.apply(&["mend", "remove break-migrate", "remove refuse-migrate"]);
            is_the_same_everywhere(&mut host);
        }
    }
}

#[test]
fn a_plugin_that_cannot_take_the_state_over_is_not_asked() {
    for kind in BOTH {
        let mut host = host(kind, &[0, 2]);
        let other = match kind {
            MachineKind::Memory => MachineKind::Store,
            MachineKind::Store => MachineKind::Memory,
        };
        host.plugins.put(PluginDigest::of(b"other"), NativePlugin::new(other));
        let result = host.append(activate(1, PluginDigest::of(b"other")));
        let failure = record(&result).failure.clone().expect("of another kind");
        assert!(failure.contains("machine"), "{failure}");

        assert_eq!(record(&host.append(activate(2, digest(2)))).failure, None);
        host.apply(&["add a 1"]);
        let result = host.append(activate(3, digest(0)));
        let failure = record(&result).failure.clone().expect("it knows no versions");
        assert!(failure.contains("its state has version 0, the group's has version 2"), "{failure}");
        assert_eq!(host.replica.plugin_digest(), digest(2));
        assert_eq!(text(&host.apply_one("add a 1")), "2");
        is_the_same_everywhere(&mut host);
    }
}

#[test]
fn a_number_that_is_not_above_the_last_does_nothing() {
    for kind in BOTH {
        let mut host = host(kind, &[0, 2]);
        host.append(activate(3, digest(0)));
        let before = host.replica.applied().activation.clone();
        for number in [3, 2] {
            let result = host.append(activate(number, digest(2)));
            assert!(record(&result).failure.is_some());
            assert_eq!(host.replica.plugin_digest(), digest(0));
            assert_eq!(host.replica.applied().activation, before);
        }
        is_the_same_everywhere(&mut host);
    }
}

#[test]
fn a_replica_waits_for_a_plugin_that_is_not_compiled() {
    for kind in BOTH {
        let mut host = host(kind, &[0]);
        host.apply(&["add a 1"]);
        host.append(activate(1, digest(0)));
        host.apply(&["add a 1"]);

        let mut late = Host::with_history(kind, host.history.clone());
        let order = activate(1, digest(0));
        assert_eq!(late.replica.lacks_for(&order), Some(digest(0)));
        assert_eq!(late.replica.lacks_for(&entry_of(&["add a 1"])), None);
        // Its disk is of a plugin that is not there.
        late.state = host.state.clone();
        late.snapshots = host.snapshots.clone();
        let fault = late.reopen().expect_err("it needs the second version");
        assert!(matches!(fault, ReplicaFault::PluginMissing { digest: lacks } if lacks == digest(0)));
        late.plugins = host.plugins.clone();
        late.reopen().expect("now it is there");
        late.catch_up();
        assert_eq!(late.replica.applied(), host.replica.applied());
    }
}

/// The node went down after the plugin before had saved and before the next one was done.
#[test]
fn a_crash_on_the_way_from_one_plugin_to_the_next_leaves_nothing_behind() {
    let kind = MachineKind::Memory;
    let mut host = host(kind, &[2]);
    host.apply(&["add a 1"]);
    host.append(activate(1, digest(2)));
    let applied = host.replica.applied().clone();

    let mut crashed = Host::with_history(kind, host.history.clone());
    crashed.plugins = host.plugins.clone();
    let header = SnapshotHeader {
        point: AppliedPoint { ..applied.clone() },
        kind,
        plugin: PluginDigest::of(b"native"),
        state_version: 0,
        tail: None,
    };
    let mut half = crashed.snapshots.begin(&header).expect("no fault");
    std::io::Write::write_all(&mut half, b"a 1\n").expect("no fault");
    half.finish().expect("no fault");
    crashed.restart();
    assert_eq!(*crashed.replica.applied(), applied);
    assert_eq!(crashed.get("a"), "10");
}

/// A checkpoint in the background that had begun is given up where the plugin changes, and goes on where it does not.
#[test]
fn an_activation_comes_into_the_midst_of_a_checkpoint_in_the_background() {
    for (fails, trap_between) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut host = host(MachineKind::Memory, &[2]);
        host.apply(&["add a 1"]);
        host.append(EntryBody::BackgroundCheckpoint { time_ms: 7 });
        let checkpoint = host.replica.applied().index;
        host.apply(&[if fails { "refuse-migrate" } else { "add a 1" }]);
        if trap_between {
            host.apply(&["trap"]);
        }
        let result = host.append(activate(1, digest(2)));
        assert_eq!(record(&result).failure.is_some(), fails);
        host.apply(&["add b 1"]);
        let taken = host.append(EntryBody::TakeOver { time_ms: 8, checkpoint }).checkpoint;
        assert_eq!(taken.is_some(), fails, "{taken:?}");
        host.apply(&["add b 1", "trap", "add b 1"]);
        assert_eq!(host.get("b"), "3");
        is_the_same_everywhere(&mut host);
    }
}

/// What a frozen group refused is not done by an instance that is made again from a snapshot with a tail.
#[test]
fn a_checkpoint_in_the_background_of_a_frozen_group_holds_what_was_done() {
    let mut host = host(MachineKind::Memory, &[0]);
    host.append(EntryBody::Order { time_ms: 7, order: Order::FreezeAfter { traps: 1 } });
    host.apply(&["add a 1", "timer 20 50"]);
    host.append(EntryBody::BackgroundCheckpoint { time_ms: 7 });
    let checkpoint = host.replica.applied().index;
    host.apply(&["add a 1", "trap", "add a 1"]);
    host.fire(1_000);
    host.append(EntryBody::TakeOver { time_ms: 8, checkpoint });
    host.append(EntryBody::Order { time_ms: 9, order: Order::Unfreeze });
    host.apply(&["add a 1", "trap"]);
    host.append(EntryBody::Order { time_ms: 9, order: Order::Unfreeze });
    assert_eq!(text(&host.apply_one("add a 1")), "4");
    assert_eq!(host.fire(2_000).len(), 1);
    is_the_same_everywhere(&mut host);
}

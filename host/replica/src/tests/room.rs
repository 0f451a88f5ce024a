//! A node that has no room for an instance, at every moment in turn: the entry is done later, and all comes out the same.

use super::harness::{BOTH, Host, entry_of};
use crate::{
    Activation, CheckpointResult, EntryBody, EntryResult, Order, Replica,
    ports::{GroupInfo, GroupLimits, HostFault, Instance, Plugin},
    testing::NativePlugin,
};
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many instances were asked for, and which of them finds no room.
#[derive(Default)]
struct Room {
    asked: AtomicU64,
    refused: AtomicU64,
}

/// A plugin on a node that lacks room once.
struct Cramped {
    plugin: NativePlugin,
    room: Arc<Room>,
}

impl Plugin for Cramped {
    fn kind(&self) -> MachineKind {
        self.plugin.kind()
    }

    fn has_lifecycle(&self) -> bool {
        self.plugin.has_lifecycle()
    }

    fn has_timers(&self) -> bool {
        self.plugin.has_timers()
    }

    fn state_version(&self) -> u32 {
        self.plugin.state_version()
    }

    fn migrates(&self) -> bool {
        self.plugin.migrates()
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        let asked = self.room.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if asked == self.room.refused.load(Ordering::Relaxed) {
            return Err(HostFault::no_room("as many live as may"));
        }
        self.plugin.start(group, limits)
    }
}

fn next_version() -> PluginDigest {
    PluginDigest::of(b"next")
}

/// One of everything that makes an instance.
fn log(kind: MachineKind) -> Vec<EntryBody> {
    let mut log = vec![
        entry_of(&["add a 1", "timer 2 20", "trap", "add a 2", "burn 990", "add b 1"]),
        entry_of(&["burn 500", "burn 600", "trap", "trap"]),
        EntryBody::Timers { time_ms: 100 },
    ];
    if kind == MachineKind::Memory {
        // The first entry is the second of its log.
        let checkpoint = 8;
        log.extend([
            EntryBody::Checkpoint { time_ms: 101 },
            entry_of(&["add a 3", "trap", "add a 4"]),
            entry_of(&["break-load", "mend", "trap"]),
            EntryBody::BackgroundCheckpoint { time_ms: 102 },
            entry_of(&["add c 1", "trap"]),
            EntryBody::TakeOver { time_ms: 103, checkpoint },
            entry_of(&["add a 5", "break-load"]),
            EntryBody::Checkpoint { time_ms: 104 },
            entry_of(&["mend", "add a 6"]),
        ]);
    }
    log.push(EntryBody::Order {
        time_ms: 105,
        order: Order::Activate(Activation { number: 1, plugin: next_version() }),
    });
    log.push(entry_of(&["add a 7", "trap", "add a 8"]));
    log
}

/// A replica on a node where the instance of this number finds no room.
fn host(kind: MachineKind, refused: u64) -> (Host, Arc<Room>) {
    let room = Arc::<Room>::default();
    let cramped = |plugin| Cramped { plugin, room: room.clone() };
    let mut host = Host::new(kind);
    host.plugins.put(next_version(), cramped(NativePlugin::with_state_version(kind, 1)));
    host.plugins.put(PluginDigest::of(b"native"), cramped(NativePlugin::new(kind)));
    let mut start = host.start();
    start.plugin = Arc::new(cramped(NativePlugin::new(kind)));
    // Without an instance at first, as after a sleep.
    host.replica = Replica::open(start).expect("an empty disk opens");
    host.replica.rest();
    room.asked.store(0, Ordering::Relaxed);
    room.refused.store(refused, Ordering::Relaxed);
    (host, room)
}

#[test]
fn an_entry_that_finds_no_room_is_applied_later_as_if_it_came_then() {
    for kind in BOTH {
        let (mut roomy, room) = host(kind, 0);
        let results: Vec<_> = log(kind).into_iter().map(|body| roomy.append(body)).collect();
        let taken = |result: &&EntryResult| matches!(result.checkpoint, Some(CheckpointResult::Taken(_)));
        // One that apply waits for, one in the background, and that of the next version; a fourth does not load.
        let checkpoints = if kind == MachineKind::Memory { 3 } else { 0 };
        assert_eq!(results.iter().filter(taken).count(), checkpoints);
        let expected = roomy.replica.applied().clone();
        let instances = room.asked.load(Ordering::Relaxed);
        assert!(instances > 6, "{instances}");
        for refused in 1..=instances {
            let (mut host, room) = host(kind, refused);
            let mut refusals = 0;
            for (body, expected) in log(kind).into_iter().zip(&results) {
                let entry = host.history.push(1, body);
                let result = match host.replica.apply(&entry) {
                    Err(fault) => {
                        assert!(fault.is_no_room(), "{fault}");
                        assert_eq!(host.replica.applied().index, entry.index - 1);
                        refusals += 1;
                        host.replica.apply(&entry).expect("there is room")
                    }
                    Ok(result) => result,
                };
                assert_eq!(result.commands, expected.commands, "{kind}, {refused}: {entry:?}");
                assert_eq!(result.checkpoint, expected.checkpoint, "{kind}, {refused}");
            }
            assert_eq!(refusals, 1, "{kind}: {refused} of {instances}");
            assert!(room.asked.load(Ordering::Relaxed) > instances, "something was done again");
            assert_eq!(*host.replica.applied(), expected, "{kind}: {refused} of {instances}");
            assert_eq!(host.snapshots.indexes(), roomy.snapshots.indexes());
            host.restart();
            assert_eq!(*host.replica.applied(), expected, "and from its disk");
        }
    }
}

#[test]
fn a_snapshot_that_finds_no_room_is_installed_later() {
    let mut other = Host::new(MachineKind::Memory);
    other.apply(&["add a 1"]);
    other.checkpoint();
    let (mut host, _) = host(MachineKind::Memory, 1);
    host.snapshots.receive_newest(&other.snapshots);
    let index = other.replica.applied().index;
    let fault = host.replica.install_snapshot(index).expect_err("there is no room");
    assert!(fault.is_no_room(), "{fault}");
    host.replica.install_snapshot(index).expect("there is room");
    assert_eq!(host.replica.applied(), other.replica.applied());
}

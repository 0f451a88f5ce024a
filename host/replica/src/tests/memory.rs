use super::harness::{FUEL, Host, MEMORY_BYTES, entry_of, text, trap_kind};
use crate::{
    CheckpointPolicy, CheckpointResult, EntryBody, Replica, ReplicaFault, ReplicaStart,
    ports::{CallFailure, TrapKind},
    testing::MemoryHistory,
};
use quorate_vocabulary::MachineKind;
use std::sync::Arc;

fn host() -> Host {
    Host::new(MachineKind::Memory)
}

fn is_taken(result: &CheckpointResult) -> bool {
    matches!(result, CheckpointResult::Taken(_))
}

#[test]
fn the_apply_instance_lives_from_checkpoint_to_checkpoint() {
    let mut host = host();
    let half = format!("take {}", MEMORY_BYTES / 2 + 1);
    assert_eq!(trap_kind(&host.apply_one(&half)), None);
    assert_eq!(trap_kind(&host.apply_one(&half)), Some(TrapKind::OutOfMemory), "the memory is still taken");
    assert!(is_taken(&host.checkpoint()));
    assert_eq!(trap_kind(&host.apply_one(&half)), None, "a fresh instance has it again");
}

#[test]
fn a_checkpoint_saves_the_state_and_goes_on_from_it() {
    let mut host = host();
    host.apply(&["add a 1", "add b 2"]);
    let CheckpointResult::Taken(info) = host.checkpoint() else { panic!("nothing is in its way") };
    assert_eq!(info.header.point, *host.replica.applied());
    assert_eq!(host.snapshots.content(info.header.point.index), Some("a 1\nb 2\n".into()));
    assert_eq!(text(&host.apply_one("add a 1")), "2");
}

#[test]
fn a_trap_rebuilds_from_the_checkpoint_and_the_entries_since() {
    let mut host = host();
    host.apply(&["add a 1"]);
    host.checkpoint();
    host.history.cut_through(host.replica.applied().index);
    host.apply(&["add a 10"]);
    host.append(EntryBody::Empty);
    let calls = host.apply(&["add a 100", "trap", "trap", "add a 1000"]);
    assert_eq!(text(&calls[3]), "1111");
    assert_eq!(host.get("a"), "1111");
    assert_eq!(host.get("trapped"), "0");
}

#[test]
fn a_rebuilt_instance_burns_what_the_first_one_would_have() {
    let mut trapping = host();
    trapping.apply(&["add a 1", "add b 1"]);
    let with = trapping.apply(&["add a 1", "trap", "add a 1"]);
    let mut other = host();
    other.apply(&["add a 1", "add b 1"]);
    let without = other.apply(&["add a 1", "add a 1"]);
    assert_eq!([&with[0], &with[2]], [&without[0], &without[1]]);
}

#[test]
fn a_command_that_ran_out_on_the_apply_instance_is_not_tried_again() {
    let mut host = host();
    host.apply_one("take 1");
    let call = host.apply_one(&format!("take {MEMORY_BYTES}"));
    assert_eq!(trap_kind(&call), Some(TrapKind::OutOfMemory), "every replica's instance has taken that byte");
    assert_eq!(call.fuel, FUEL);
}

#[test]
fn a_restart_from_nothing_comes_to_the_same() {
    let mut host = host();
    let first: Vec<_> = [
        entry_of(&["add a 1", "trap"]),
        EntryBody::Empty,
        entry_of(&["trap", "add a 1", "reply 101", "add b 1"]),
    ]
    .into_iter()
    .map(|body| host.append(body))
    .collect();
    let applied = host.replica.applied().clone();
    assert_eq!(host.restart(), first);
    assert_eq!(*host.replica.applied(), applied);
}

#[test]
fn a_restart_from_a_checkpoint_comes_to_the_same() {
    let mut host = host();
    host.apply(&["add a 1", "take 600", "add b 1"]);
    host.checkpoint();
    host.history.cut_through(host.replica.applied().index);
    let later =
        [host.append(entry_of(&["take 600", "add a 1"])), host.append(entry_of(&["take 600", "add a 1"]))];
    assert_eq!(trap_kind(&later[1].commands[0]), Some(TrapKind::OutOfMemory));
    let applied = host.replica.applied().clone();
    assert_eq!(host.restart(), later);
    assert_eq!(*host.replica.applied(), applied);
}

#[test]
fn a_checkpoint_whose_save_traps_leaves_the_machine_on_the_one_before() {
    let mut host = host();
    host.apply(&["add a 1"]);
    assert!(is_taken(&host.checkpoint()));
    let good = host.replica.applied().index;
    host.apply(&["add a 1", "break-save"]);
    let failed = host.checkpoint();
    assert!(matches!(failed, CheckpointResult::Failed(CallFailure::Trapped(_))), "{failed:?}");
    assert_eq!(host.snapshots.indexes(), [good]);
    let calls = host.apply(&["add a 1", "mend"]);
    assert_eq!(text(&calls[0]), "3");
    let applied = host.replica.applied().clone();
    host.restart();
    assert_eq!(*host.replica.applied(), applied, "a replica that restarts fails the same checkpoint");
    assert!(is_taken(&host.checkpoint()));
}

#[test]
fn a_checkpoint_that_does_not_load_is_discarded() {
    let mut host = host();
    host.apply(&["add a 1", "break-load"]);
    let failed = host.checkpoint();
    assert!(matches!(failed, CheckpointResult::Failed(CallFailure::Refused(_))), "{failed:?}");
    assert_eq!(host.snapshots.indexes(), []);
    assert_eq!(text(&host.apply_one("add a 1")), "2");
    let applied = host.replica.applied().clone();
    host.restart();
    assert_eq!(*host.replica.applied(), applied);
}

#[test]
fn a_snapshot_left_by_a_crash_in_a_failing_checkpoint_is_discarded_at_opening() {
    let mut host = host();
    host.apply(&["add a 1"]);
    host.checkpoint();
    let good = host.replica.applied().index;
    host.apply(&["break-load"]);
    // The node went down when the snapshot was finished and not yet found to be unloadable.
    let point = crate::ports::AppliedPoint { index: good + 2, ..host.replica.applied().clone() };
    write_snapshot(&host.start(), point, b"a 1\nbreak-load 1\n");
    assert_eq!(host.snapshots.indexes(), [good, good + 2]);
    host.reopen().expect("the older one loads");
    assert_eq!((host.replica.applied().index, host.snapshots.indexes()), (good, vec![good]));
    host.catch_up();
    assert_eq!(host.get("a"), "1");
}

fn write_snapshot(start: &ReplicaStart, point: crate::ports::AppliedPoint, content: &[u8]) {
    let mut writer = start.snapshots.begin(&start.header(point)).expect("no fault");
    std::io::Write::write_all(&mut writer, content).expect("no fault");
    writer.finish().expect("no fault");
}

#[test]
fn failed_and_taken_checkpoints_differ_in_the_digest() {
    let digest = |commands: &[&str]| {
        let mut host = host();
        host.apply(commands);
        let before = host.replica.applied().digest;
        host.checkpoint();
        (before, host.replica.applied().digest)
    };
    // Both replies are empty, so the entries before are the same to the digest.
    let (mended, broken) = (digest(&["mend"]), digest(&["break-save"]));
    assert_eq!(mended.0, broken.0);
    assert_ne!(mended.1, broken.1);
}

#[test]
fn entries_that_come_out_otherwise_when_applied_again_stop_the_replica() {
    let mut host = host();
    host.apply(&["add a 1"]);
    // Another log than the one that was applied: as good as a plugin that is not deterministic.
    let other = Arc::new(MemoryHistory::default());
    other.push(1, entry_of(&["add a 2"]));
    let mut replica = Replica::open(ReplicaStart { history: other, ..host.start() }).expect("nothing yet");
    let entry = host.history.entry(2).expect("just appended");
    replica.apply(&entry).expect("no fault");
    let trapping = host.history.push(1, entry_of(&["trap", "add a 1"]));
    let fault = replica.apply(&trapping).expect_err("the second command needs the instance again");
    assert!(matches!(fault, ReplicaFault::Diverged { base: 1, index: 3 }), "{fault}");
}

#[test]
fn a_log_that_lacks_entries_stops_the_replica_that_needs_them() {
    let mut host = host();
    host.apply(&["add a 1"]);
    host.history.cut_through(2);
    assert_eq!(trap_kind(&host.apply_one("trap")), Some(TrapKind::Instruction), "nothing is needed yet");
    let next = host.history.push(1, entry_of(&["add a 1"]));
    let fault = host.replica.apply(&next).expect_err("entry 2 is gone");
    assert!(matches!(fault, ReplicaFault::Host { .. }) && fault.to_string().contains("entry 2"), "{fault}");
}

#[test]
fn checkpoints_are_due_by_entries_commands_bytes_and_repeated_commands() {
    let never = CheckpointPolicy {
        entries_max: u64::MAX,
        commands_max: u64::MAX,
        bytes_max: u64::MAX,
        bytes_percent_of_state: 50,
        stretch_max: 1,
        repeated_commands_max: u64::MAX,
        timed_entries_min: u64::MAX,
    };
    let due_after = |policy: CheckpointPolicy, commands: &[&str]| -> Option<u64> {
        let host = host();
        let mut replica = Replica::open(ReplicaStart { checkpoints: policy, ..host.start() }).expect("empty");
        assert!(!replica.checkpoint_due(), "nothing was applied yet");
        for count in 1..=10 {
            let entry = host.history.push(1, entry_of(commands));
            replica.apply(&entry).expect("no fault");
            if replica.checkpoint_due() {
                let entry = host.history.push(1, EntryBody::Checkpoint { time_ms: 5 });
                replica.apply(&entry).expect("no fault");
                assert!(!replica.checkpoint_due(), "it was just taken");
                return Some(count);
            }
        }
        None
    };
    assert_eq!(due_after(never, &["add a 1", "trap"]), None);
    assert_eq!(due_after(CheckpointPolicy { entries_max: 3, ..never }, &["add a 1"]), Some(3));
    assert_eq!(due_after(CheckpointPolicy { commands_max: 3, ..never }, &["add a 1", "add a 1"]), Some(2));
    assert_eq!(due_after(CheckpointPolicy { bytes_max: 15, ..never }, &["add a 1"]), Some(3));
    let repeated = CheckpointPolicy { repeated_commands_max: 3, ..never };
    assert_eq!(due_after(repeated, &["add a 1"]), None, "nothing is repeated without a trap");
    // The second entry repeats one command, the third two.
    assert_eq!(due_after(repeated, &["add a 1", "trap"]), Some(3));
}

#[test]
fn when_time_has_passed_fewer_entries_are_enough_and_none_never_are() {
    for (min, entries) in [(0, 1), (1, 1), (3, 3)] {
        let host = host();
        let policy = CheckpointPolicy { timed_entries_min: min, ..CheckpointPolicy::default() };
        let mut replica = Replica::open(ReplicaStart { checkpoints: policy, ..host.start() }).expect("empty");
        for applied in 0..entries {
            assert!(!replica.checkpoint_due_by_time(), "{applied} entries, and {min} are wanted");
            replica.apply(&host.history.push(1, entry_of(&["add a 1"]))).expect("no fault");
        }
        assert!(replica.checkpoint_due_by_time());
        replica.apply(&host.history.push(1, EntryBody::Checkpoint { time_ms: 5 })).expect("no fault");
        assert!(!replica.checkpoint_due_by_time(), "nothing is new behind the checkpoint");
    }
}

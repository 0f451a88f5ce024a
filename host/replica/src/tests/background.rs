//! Checkpoints in the background of memory machines.

use super::harness::{FUEL, Host, MEMORY_BYTES, text, trap_kind};
use crate::{
    CheckpointResult, EntryBody, PreparedCheckpoint,
    ports::{Call, Snapshots, TrapKind},
};
use quorate_vocabulary::MachineKind;

fn host() -> Host {
    Host::new(MachineKind::Memory)
}

/// Begins a checkpoint and says where.
fn begin(host: &mut Host) -> u64 {
    let result = host.append(EntryBody::BackgroundCheckpoint { time_ms: 7 });
    assert_eq!(result.checkpoint, Some(CheckpointResult::UnderWay { checkpoint: result.index }));
    result.index
}

fn prepare(host: &mut Host) -> PreparedCheckpoint {
    let work = host.replica.background_checkpoint().expect("one is under way");
    assert!(host.replica.background_checkpoint().is_none(), "it is given out once");
    work.run().expect("no fault")
}

fn take_over(host: &mut Host, checkpoint: u64) -> Option<CheckpointResult> {
    host.append(EntryBody::TakeOver { time_ms: 9, checkpoint }).checkpoint
}

/// The index of the snapshot.
#[track_caller]
fn taken(result: Option<CheckpointResult>) -> u64 {
    match result {
        Some(CheckpointResult::Taken(info)) => info.header.point.index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_go_on_while_a_checkpoint_is_prepared() {
    let mut host = host();
    host.apply(&["add a 1", "add b 2"]);
    let checkpoint = begin(&mut host);
    let work = host.replica.background_checkpoint().expect("one is under way");
    host.apply(&["add a 10"]);
    let prepared = work.run().expect("no fault");
    host.apply(&["add a 100"]);
    assert_eq!(host.replica.checkpoint_under_way(), Some((checkpoint, false)));
    host.replica.checkpoint_prepared(prepared).expect("no fault");
    assert_eq!(host.replica.checkpoint_under_way(), Some((checkpoint, true)));
    host.apply(&["add a 1000"]);
    assert_eq!(host.snapshots.indexes(), [0; 0], "no entry has named it yet");
    let index = taken(take_over(&mut host, checkpoint));
    assert_eq!((index, host.snapshots.indexes()), (host.replica.applied().index, vec![index]));
    assert_eq!(host.replica.checkpoint_under_way(), None);
    host.history.cut_through(index);
    assert_eq!(host.get("a"), "1111");
    assert_eq!(text(&host.apply_one("add a 1")), "1112");
    let before = host.replica.applied().clone();
    host.restart();
    assert_eq!((host.get("a"), host.get("b")), ("1112".to_owned(), "2".to_owned()));
    assert_eq!(host.replica.applied(), &before);
}

#[test]
fn until_it_is_taken_over_a_restart_goes_back_to_the_checkpoint_before() {
    let mut host = host();
    host.apply(&["add a 1"]);
    let CheckpointResult::Taken(first) = host.checkpoint() else { panic!("nothing is in its way") };
    let checkpoint = begin(&mut host);
    let prepared = prepare(&mut host);
    host.replica.checkpoint_prepared(prepared).expect("no fault");
    host.reopen().expect("it opens");
    assert_eq!(host.replica.applied().index, first.header.point.index);
    assert_eq!(host.snapshots.indexes(), [first.header.point.index]);
    host.catch_up();
    assert_eq!(host.replica.checkpoint_under_way(), Some((checkpoint, false)), "it begins again");
}

/// Applies these and takes over, on a replica that prepares in time, on one that does not, and on one that restarts behind it:
/// what the last command burns and says must be the same.
fn last_call(before: &[&str], between: &[&[&str]], last: &str) -> (Option<CheckpointResult>, Call) {
    let run = |prepares: bool, restarts: bool| {
        let mut host = host();
        host.apply(before);
        let checkpoint = begin(&mut host);
        for (place, commands) in between.iter().enumerate() {
            if prepares && place == between.len() / 2 {
                let prepared = prepare(&mut host);
                host.replica.checkpoint_prepared(prepared).expect("no fault");
            }
            host.apply(commands);
        }
        let result = take_over(&mut host, checkpoint);
        if restarts {
            host.restart();
        }
        (result, host.apply_one(last), host.replica.applied().clone())
    };
    let law = run(true, false);
    for (prepares, restarts) in [(false, false), (true, true), (false, true)] {
        assert_eq!(run(prepares, restarts), law, "prepares: {prepares}, restarts: {restarts}");
    }
    (law.0, law.1)
}

#[test]
fn commands_that_trapped_behind_the_checkpoint_are_left_out() {
    let (result, call) = last_call(
        &["add a 1", "trap"],
        &[&["add a 1", "trap", "add a 1"], &["trap"], &["add a 1"]],
        "add a 0",
    );
    taken(result);
    assert_eq!(text(&call), "4");
}

#[test]
fn the_successor_has_the_memory_of_one_that_was_loaded() {
    let most = format!("take {}", MEMORY_BYTES - 10);
    let (result, call) = last_call(&[&most], &[&["add a 1"]], "take 100");
    taken(result);
    assert_eq!(trap_kind(&call), None, "what was taken before the checkpoint is free again");
    let (_, call) = last_call(&["add a 1"], &[&[&most]], "take 100");
    assert_eq!(trap_kind(&call), Some(TrapKind::OutOfMemory), "what was taken behind it is not");
}

#[test]
fn a_plugin_that_cannot_save_or_load_goes_on_from_where_it_was() {
    for breaks in ["break-save", "break-load"] {
        let (result, call) = last_call(&["add a 1", breaks], &[&["add a 1"], &["mend"]], "add a 1");
        assert!(matches!(result, Some(CheckpointResult::Failed(_))), "{breaks}: {result:?}");
        assert_eq!(text(&call), "3");
    }
}

#[test]
fn a_successor_on_which_a_command_traps_does_not_take_over() {
    // What fits the budget of the apply instance, and not that of one that was loaded at the checkpoint.
    let refused = (1..20).find_map(|count| {
        let before = vec!["add a 1"; count];
        let burns = (0..200).rev().map(|less| format!("burn {}", FUEL - less));
        let mut fits = burns.filter(|burns| {
            let mut host = host();
            host.apply(&before);
            begin(&mut host);
            trap_kind(&host.apply_one(burns)).is_none()
        });
        // The largest that does.
        let burns = fits.by_ref().last()?;
        match last_call(&before, &[&[&burns]], "add b 1") {
            (Some(CheckpointResult::Failed(failure)), call) => Some((failure.to_string(), text(&call))),
            _ => None,
        }
    });
    let (failure, reply) = refused.expect("their heaps differ");
    assert!(failure.contains("entry 4"), "{failure}");
    assert_eq!(reply, "1", "the group goes on");
}

#[test]
fn one_checkpoint_is_under_way_at_a_time_and_one_that_waits_makes_it_needless() {
    let mut host = host();
    let checkpoint = begin(&mut host);
    let again = host.append(EntryBody::BackgroundCheckpoint { time_ms: 7 });
    assert_eq!(again.checkpoint, Some(CheckpointResult::UnderWay { checkpoint }));
    assert_eq!(take_over(&mut host, again.index), None, "that one never began");
    let prepared = prepare(&mut host);
    let CheckpointResult::Taken(inline) = host.checkpoint() else { panic!("nothing is in its way") };
    host.replica.checkpoint_prepared(prepared).expect("too late, and no fault");
    assert_eq!(take_over(&mut host, checkpoint), None);
    assert_eq!(host.snapshots.indexes(), [inline.header.point.index]);
}

#[test]
fn a_store_machine_has_no_use_for_it() {
    let mut host = Host::new(MachineKind::Store);
    let result = host.append(EntryBody::BackgroundCheckpoint { time_ms: 7 });
    assert_eq!(result.checkpoint, None);
    assert_eq!(take_over(&mut host, result.index), None);
    assert_eq!(text(&host.apply_one("add a 1")), "1");
}

#[test]
fn a_snapshot_whose_tail_is_damaged_is_refused() {
    let mut host = host();
    host.apply(&["add a 1"]);
    let checkpoint = begin(&mut host);
    host.apply(&["add a 1", "trap"]);
    let index = taken(take_over(&mut host, checkpoint));
    let whole = host.snapshots.content(index).expect("just taken");
    let info = host.snapshots.newest().expect("no fault").expect("just taken");
    let saved = usize::try_from(info.header.tail.expect("a tail").saved_bytes).expect("small");
    assert!(whole.len() > saved, "the entry behind the checkpoint is in it");
    let mut long = whole.to_vec();
    long.push(0);
    let mut large = whole.to_vec();
    large[saved..saved + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for content in [whole.slice(..whole.len() - 1), whole.slice(..saved + 2), long.into(), large.into()] {
        host.snapshots.replace_content(index, content);
        let refused = host.reopen().expect_err("it is damaged").to_string();
        assert!(refused.contains("tail"), "{refused}");
    }
    host.snapshots.replace_content(index, whole);
    host.reopen().expect("it is whole again");
}

/// A peer's snapshot has come, and the log begins with it: what the replica applied before is not in it any more.
fn log_begins_with_snapshot(host: &mut Host) -> u64 {
    let mut peer = Host::with_history(MachineKind::Memory, host.history.clone());
    peer.catch_up();
    let CheckpointResult::Taken(info) = peer.checkpoint() else { panic!("nothing is in its way") };
    let index = info.header.point.index;
    host.snapshots.receive_newest(&peer.snapshots).expect("it has one");
    host.history.cut_through(index);
    index
}

#[test]
fn a_checkpoint_is_dropped_whose_entries_a_snapshot_has_taken_the_place_of() {
    let mut host = host();
    host.apply(&["add a 1", "add b 2"]);
    begin(&mut host);
    let work = host.replica.background_checkpoint().expect("one is under way");
    host.apply(&["add a 10"]);
    let index = log_begins_with_snapshot(&mut host);
    let prepared = work.run().expect("that it cannot be made is no fault");
    host.replica.checkpoint_prepared(prepared).expect("no fault");
    assert_eq!(host.replica.checkpoint_under_way(), None);
    host.replica.install_snapshot(index).expect("no fault");
    assert_eq!(host.get("a"), "11");
    assert_eq!(text(&host.apply_one("add a 1")), "12");
}

#[test]
fn a_successor_is_dropped_that_can_follow_no_more() {
    let mut host = host();
    host.apply(&["add a 1", "add b 2"]);
    begin(&mut host);
    let prepared = prepare(&mut host);
    host.apply(&["add a 10"]);
    let index = log_begins_with_snapshot(&mut host);
    host.replica.checkpoint_prepared(prepared).expect("that it cannot follow is no fault");
    assert_eq!(host.replica.checkpoint_under_way(), None);
    host.replica.install_snapshot(index).expect("no fault");
    assert_eq!(host.get("a"), "11");
}

#[test]
fn a_log_that_lacks_what_it_should_hold_is_a_fault() {
    let mut host = host();
    host.apply(&["add a 1"]);
    let CheckpointResult::Taken(_) = host.checkpoint() else { panic!("nothing is in its way") };
    begin(&mut host);
    let work = host.replica.background_checkpoint().expect("one is under way");
    // Not cut: gone.
    host.history.lose(host.replica.applied().index);
    assert!(work.run().is_err());
}

use super::kit::{Guest, Run as _, apply, at, query, reply, trapped};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Call, EmptyView, GroupLimits, Instance, LifecycleEvent, Outcome, TrapKind},
};
use std::sync::Arc;

/// Sets timers 7 and 8, and cancels 8, in every call that may.
const SETS: &str =
    "(call $set-timer (i64.const 7) (i64.const 5000)) (call $set-timer (i64.const 8) (i64.const 1))
    (call $cancel-timer (i64.const 8))";
const OK: &str = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))";

fn fire(instance: &mut dyn Instance, id: u64) -> Call {
    instance.fired(at(10), id, Overlay::empty()).expect("no fault").0
}

#[test]
fn what_a_command_sets_and_cancels_comes_with_its_reply() {
    for guest in [Guest::store(), Guest::memory()] {
        let guest = guest.apply(&format!("{SETS} (call $ok (i32.const 0) (i32.const 0))")).timers(OK);
        let call = apply(guest.start().as_mut(), b"");
        assert_eq!(call.timers, [(7, Some(5_000)), (8, None)].into());
        assert!(call.fuel > 3_000, "each is paid for: {}", call.fuel);
    }
}

#[test]
fn what_rejects_or_traps_sets_nothing_and_the_next_call_begins_with_nothing() {
    let rejecting = format!("{SETS} (call $err (i32.const 0) (i32.const 0))");
    let guest = Guest::store().apply(&rejecting).timers(OK);
    let mut instance = guest.start();
    assert!(apply(instance.as_mut(), b"").timers.is_empty());
    assert!(fire(instance.as_mut(), 1).timers.is_empty());
    let guest = Guest::store().apply(&format!("{SETS} unreachable")).timers(OK);
    assert!(apply(guest.start().as_mut(), b"").timers.is_empty());
}

#[test]
fn a_timer_that_fires_is_told_where_it_stands_and_may_do_what_a_command_may() {
    let guest = Guest::store().timers(&format!(
        "(i64.store (i32.const 512) (local.get $index))
        (i32.store (i32.const 520) (local.get $ordinal))
        (i64.store (i32.const 528) (local.get $time))
        (i64.store (i32.const 536) (local.get $id))
        (call $emit (i32.const 0) (i32.const 0) (i32.const 512) (i32.const 32))
        (call $put (i32.const 512) (i32.const 8) (i32.const 0) (i32.const 0))
        {SETS} {OK}"
    ));
    let mut instance = guest.start();
    let (call, mut overlay) = instance.fired(at(10), 99, Overlay::empty()).expect("no fault");
    assert_eq!(call.outcome, Outcome::Reply(Bytes::new()));
    let numbers: Vec<u64> = call.events[0]
        .payload
        .chunks(8)
        .map(|chunk| u64::from_le_bytes(chunk.try_into().expect("8 bytes")))
        .collect();
    assert_eq!(numbers, [10, 0, 1_000, 99]);
    assert_eq!(call.timers.len(), 2);
    overlay.keep_command();
    assert_eq!(overlay.into_changes().keys.len(), 1);
}

#[test]
fn a_timer_may_reject_and_trap_and_is_held_to_the_fuel_of_a_command() {
    let rejecting = Guest::store().timers("(call $err (i32.const 0) (i32.const 3))");
    assert_eq!(fire(rejecting.start().as_mut(), 1).outcome, Outcome::Rejection(vec![0; 3].into()));
    let limits = GroupLimits { reply_bytes_max: 2, fuel_per_command: 50_000, ..GroupLimits::default() };
    let call = fire(rejecting.start_with(&limits).as_mut(), 1);
    assert_eq!((trapped(&call).0, call.fuel), (TrapKind::LimitExceeded, 50_000));
    let endless = Guest::memory().timers("(loop $again (br $again)) unreachable");
    let mut instance = endless.start_with(&limits);
    let call = fire(instance.as_mut(), 1);
    assert_eq!((trapped(&call).0, call.fuel), (TrapKind::OutOfFuel, 50_000));
    assert!(instance.fired(at(11), 1, Overlay::empty()).is_err(), "the instance is spent");
}

#[test]
fn timers_are_changed_by_commands_and_timers_alone() {
    for body in [SETS, "(call $cancel-timer (i64.const 1))"] {
        let asked =
            Guest::store().query(&format!("{body} (call $ok (i32.const 0) (i32.const 0))")).timers(OK);
        let call = query(asked.start().as_mut(), b"");
        assert_eq!(trapped(&call).0, TrapKind::NotAllowed, "a query");
        let told = Guest::store().lifecycle(body).timers(OK);
        let event = LifecycleEvent::LeaderStart { term: 1 };
        let callback = told.start().lifecycle(at(10), &event, Arc::new(EmptyView)).expect("no fault");
        assert_eq!(callback.failure.expect("a trap").kind, TrapKind::NotAllowed, "a callback");
        let saved = Guest::memory().save(&format!("{body} {OK}")).timers(OK);
        let saved = saved.start().save(at(10), Box::new(std::io::sink())).expect("no fault");
        assert!(saved.expect_err("a trap").to_string().contains("may not be called in save"));
    }
}

#[test]
fn a_command_that_changes_more_timers_than_the_group_allows_traps() {
    let limits = GroupLimits { timers_max: 2, ..GroupLimits::default() };
    let guest = Guest::store()
        .apply(
            "(loop $again
                (call $cancel-timer (i64.load8_u (local.get $ptr)))
                (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
                (br_if $again (local.tee $len (i32.sub (local.get $len) (i32.const 1)))))
            (call $ok (i32.const 0) (i32.const 0))",
        )
        .timers(OK);
    reply(apply(guest.start_with(&limits).as_mut(), b"aab"));
    let call = apply(guest.start_with(&limits).as_mut(), b"abc");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded);
}

#[test]
fn a_plugin_says_whether_it_has_timers() {
    let plugin = |guest: Guest| guest.compile().checked().has_timers;
    assert!(plugin(Guest::store().timers(OK)) && plugin(Guest::memory().timers(OK)));
    assert!(!plugin(Guest::store()));
    let mut instance = Guest::store().start();
    assert!(instance.fired(at(10), 1, Overlay::empty()).is_err(), "never called of one without");
}

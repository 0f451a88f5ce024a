use super::kit::{Guest, Run as _, at, engine};
use quorate_replica::{
    Overlay,
    ports::{CallFailure, EmptyView, GroupLimits, Plugin, TrapKind},
};
use std::{io::Cursor, sync::Arc};

const OK: &str = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))";

fn overlay(limits: &GroupLimits) -> Overlay {
    Overlay::for_migration(Arc::new(EmptyView), limits)
}

/// What a store machine's migration comes to.
fn migrated(guest: &Guest, limits: &GroupLimits) -> (Result<(), CallFailure>, Overlay) {
    let mut instance = guest.start_with(limits);
    instance.migrate_store(at(10), 3, overlay(limits)).expect("no fault")
}

fn trap_kind(result: &Result<(), CallFailure>) -> Option<TrapKind> {
    match result {
        Err(CallFailure::Trapped(trap)) => Some(trap.kind),
        _ => None,
    }
}

#[test]
fn a_plugin_says_which_version_of_the_state_it_keeps() {
    let plain = Guest::store().compile();
    assert_eq!((plain.state_version(), plain.migrates()), (0, false));
    let second = Guest::store().upgrade("(i32.const 7)", OK).compile();
    assert_eq!((second.state_version(), second.migrates()), (7, true));
}

#[test]
fn one_that_cannot_say_its_version_is_refused() {
    for body in ["unreachable", "(loop $for_ever (br $for_ever)) unreachable"] {
        let bytes = Guest::store().upgrade(body, OK).bytes();
        let refusal = engine().compile(&bytes).expect_err("it does not say");
        assert!(refusal.to_string().contains("state-version"), "{refusal}");
    }
}

#[test]
fn a_store_machine_writes_its_store_when_it_migrates_and_knows_from_which_version() {
    let guest = Guest::store().upgrade(
        "(i32.const 7)",
        "(i32.store (i32.const 64) (local.get $from))
        (call $put (i32.const 64) (i32.const 1) (i32.const 64) (i32.const 4))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
    );
    let (result, store) = migrated(&guest, &GroupLimits::default());
    assert_eq!(result, Ok(()));
    let value = store.get(&[3]).expect("no fault").expect("it was put");
    assert_eq!(value.as_ref(), [3, 0, 0, 0]);
}

#[test]
fn a_memory_machine_reads_what_was_saved_when_it_migrates() {
    let guest = Guest::memory().upgrade(
        "(i32.const 7)",
        "(call $read (i32.const 4) (i32.const 64))
        (if (i32.ne (i32.load (i32.load (i32.const 64))) (i32.const 0x64636261)) (then unreachable))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
    );
    let migrate = |saved: &'static [u8]| {
        let mut instance = guest.start();
        instance.migrate_memory(at(10), 0, Box::new(Cursor::new(saved))).expect("no fault")
    };
    assert_eq!(migrate(b"abcd"), Ok(()));
    assert_eq!(trap_kind(&migrate(b"efgh")), Some(TrapKind::Instruction));
}

#[test]
fn a_migration_has_budgets_of_its_own_and_may_refuse() {
    let limits = GroupLimits {
        fuel_per_command: 10_000,
        fuel_per_migration: 200_000,
        changed_bytes_per_command_max: 1,
        changed_bytes_per_migration_max: 100,
        ..GroupLimits::default()
    };
    let puts = |bytes: u32| {
        let body = format!(
            "(call $put (i32.const 64) (i32.const 1) (i32.const 64) (i32.const {bytes}))
            (local.set $i (i32.const 10000))
            (loop $burn (br_if $burn (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            {OK}"
        );
        Guest::store().upgrade("(i32.const 7)", &body)
    };
    assert_eq!(migrated(&puts(99), &limits).0, Ok(()), "more than a command may");
    assert_eq!(trap_kind(&migrated(&puts(100), &limits).0), Some(TrapKind::LimitExceeded));
    let endless = Guest::store().upgrade("(i32.const 7)", "(loop $for_ever (br $for_ever)) unreachable");
    assert_eq!(trap_kind(&migrated(&endless, &limits).0), Some(TrapKind::OutOfFuel));
    let refusing = Guest::store().upgrade(
        "(i32.const 7)",
        "(i32.store (i32.const 64) (i32.const 0x6f6e))
        (call $answer (i32.const 1) (i32.const 64) (i32.const 2))",
    );
    assert_eq!(migrated(&refusing, &limits).0, Err(CallFailure::Refused("no".into())));
}

#[test]
fn a_migration_does_nothing_but_migrate() {
    for call in [
        "(call $emit (i32.const 64) (i32.const 1) (i32.const 64) (i32.const 1))",
        "(call $propose (i32.const 64) (i32.const 1))",
        "(call $set-timer (i64.const 1) (i64.const 1))",
    ] {
        let body = format!("(i32.store8 (i32.const 64) (i32.const 97)) {call} {OK}");
        let guest = Guest::store().upgrade("(i32.const 7)", &body);
        let result = migrated(&guest, &GroupLimits::default()).0;
        assert_eq!(trap_kind(&result), Some(TrapKind::NotAllowed), "{call}: {result:?}");
    }
}

use super::kit::{BrokenView, Guest, MapView, Run as _, apply, at, data, query, reply, trapped};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Call, GroupLimits, Outcome, StoreChanges, StoreView, TrapKind},
};
use std::sync::Arc;

const FRUIT: &[(&str, &str)] =
    &[("apple", "red"), ("banana", "yellow"), ("cherry", "dark"), ("damson", "blue")];

fn run(guest: &Guest, view: Arc<dyn StoreView>, command: &'static [u8]) -> (Call, StoreChanges) {
    let overlay = Overlay::new(view, &GroupLimits::default());
    let (call, mut overlay) =
        guest.start().apply(at(10), &Bytes::from_static(command), overlay).expect("no fault");
    overlay.keep_command();
    (call, overlay.into_changes())
}

/// Answers with the value of the key, or rejects.
fn getter() -> Guest {
    let body = "(call $get (local.get $ptr) (local.get $len) (i32.const 64))
        (if (result i32) (i32.load8_u (i32.const 64))
            (then (call $ok (i32.load (i32.const 68)) (i32.load (i32.const 72))))
            (else (call $err (i32.const 0) (i32.const 0))))";
    Guest::store().apply(body).query(body)
}

#[test]
fn get_finds_what_is_there() {
    assert_eq!(reply(run(&getter(), MapView::of(FRUIT), b"banana").0), "yellow");
    let (call, _) = run(&getter(), MapView::of(FRUIT), b"elder");
    assert_eq!(call.outcome, Outcome::Rejection(Bytes::new()));
}

#[test]
fn an_empty_value_is_not_a_missing_one() {
    assert_eq!(reply(run(&getter(), MapView::of(&[("key", "")]), b"key").0), "");
}

#[test]
fn put_and_delete_come_back_in_the_overlay() {
    let guest = Guest::store().module(&data(512, "newapple")).apply(
        "(call $put (i32.const 512) (i32.const 3) (local.get $ptr) (local.get $len))
        (call $delete (i32.const 515) (i32.const 5))
        (call $get (i32.const 512) (i32.const 3) (i32.const 64))
        (call $ok (i32.load (i32.const 68)) (i32.load (i32.const 72)))",
    );
    let (call, changes) = run(&guest, MapView::of(FRUIT), b"value");
    assert_eq!(reply(call), "value", "a command reads its own writes");
    let keys: Vec<_> = changes.keys.into_iter().collect();
    assert_eq!(keys, [("apple".into(), None), ("new".into(), Some("value".into()))]);
}

#[test]
fn delete_range_removes_what_is_in_it() {
    let guest = Guest::store().module(&data(512, "bd")).apply(
        "(call $delete-range (i32.const 512) (i32.const 1) (local.get $len) (i32.const 513) (i32.const 1))
        (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 0)
            (i32.const 64))
        (call $ok_u64 (i64.load32_u (i32.const 68)))",
    );
    let (call, changes) = run(&guest, MapView::of(FRUIT), b"x");
    assert_eq!(reply(call).as_ref(), 2_u64.to_le_bytes(), "apple and damson are left");
    assert_eq!(
        (changes.removed[0].start.as_ref(), changes.removed[0].end.as_deref()),
        (&b"b"[..], Some(&b"d"[..]))
    );
    let (call, changes) = run(&guest, MapView::of(FRUIT), b"");
    assert_eq!(reply(call).as_ref(), 1_u64.to_le_bytes(), "without an end, all behind");
    assert_eq!(changes.removed[0].end, None);
}

/// Scans all with limit and direction from the command, and answers with the first pair's key and value.
fn scanner() -> Guest {
    let body = "(call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.load8_u (local.get $ptr)) (i32.load8_u offset=1 (local.get $ptr)) (i32.const 64))
        (if (i32.eqz (i32.load (i32.const 68))) (then (return (call $err (i32.const 0) (i32.const 0)))))
        (local.set $i (i32.load (i32.const 64)))
        (memory.copy (i32.const 128) (i32.load (local.get $i)) (i32.load offset=4 (local.get $i)))
        (i32.store8 (i32.add (i32.const 128) (i32.load offset=4 (local.get $i))) (i32.const 0x3d))
        (memory.copy (i32.add (i32.const 129) (i32.load offset=4 (local.get $i)))
            (i32.load offset=8 (local.get $i)) (i32.load offset=12 (local.get $i)))
        (call $ok (i32.const 128)
            (i32.add (i32.const 1) (i32.add (i32.load offset=4 (local.get $i)) (i32.load offset=12 (local.get $i)))))";
    Guest::store().apply(body).query(body)
}

#[test]
fn scan_gives_pairs_from_either_end() {
    assert_eq!(reply(run(&scanner(), MapView::of(FRUIT), b"\x02\x00").0), "apple=red");
    assert_eq!(reply(run(&scanner(), MapView::of(FRUIT), b"\x02\x01").0), "damson=blue");
    let (call, _) = run(&scanner(), MapView::of(FRUIT), b"\x00\x00");
    assert!(matches!(call.outcome, Outcome::Rejection(_)), "a limit of none gives none");
}

#[test]
fn scan_stops_at_a_mebibyte() {
    let big = Bytes::from(vec![1; 600 << 10]);
    let view = MapView(["a", "b", "c"].map(|key| (Bytes::from(key), big.clone())).into());
    let guest = Guest::store().apply(
        "(call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 0)
            (i32.const 64))
        (call $ok_u64 (i64.load32_u (i32.const 68)))",
    );
    let (call, _) = run(&guest, Arc::new(view), b"");
    assert!(call.fuel > 600 << 10, "what is copied is paid for");
    assert_eq!(reply(call).as_ref(), 1_u64.to_le_bytes());
}

#[test]
fn a_rejection_and_a_trap_hand_the_overlay_back() {
    let guest = Guest::store().apply(
        "(call $put (local.get $ptr) (local.get $len) (local.get $ptr) (local.get $len))
        (if (i32.eq (local.get $len) (i32.const 1)) (then unreachable))
        (call $err (i32.const 0) (i32.const 0))",
    );
    for command in [&b"x"[..], b"xy"] {
        let overlay = Overlay::new(MapView::of(&[]), &GroupLimits::default());
        let (_, mut overlay) =
            guest.start().apply(at(10), &Bytes::from_static(command), overlay).expect("no fault");
        overlay.drop_command();
        assert!(overlay.into_changes().is_empty());
    }
}

#[test]
fn a_query_reads_the_store() {
    let mut instance = getter().start();
    let call = instance.query(at(10), &Bytes::from("cherry"), MapView::of(FRUIT)).expect("no fault");
    assert_eq!(reply(call), "dark");
    let call = instance.query(at(10), &Bytes::from("cherry"), MapView::of(&[("cherry", "pink")]));
    assert_eq!(reply(call.expect("no fault")), "pink", "each query has the view it is given");
}

#[test]
fn a_query_cannot_write() {
    let writes = [
        ("store.put", "(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))"),
        ("store.delete", "(call $delete (i32.const 0) (i32.const 1))"),
        (
            "store.delete-range",
            "(call $delete-range (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
    ];
    for (name, write) in writes {
        let guest = Guest::store().query(&format!("{write} (call $ok (i32.const 0) (i32.const 0))"));
        let call = query(guest.start().as_mut(), b"");
        let expected = format!("{name} may not be called in query, which never changes state");
        assert_eq!(trapped(&call), (TrapKind::NotAllowed, expected.as_str()));
    }
}

#[test]
fn a_lifecycle_callback_reads_and_cannot_write() {
    use quorate_replica::ports::LifecycleEvent::Shutdown;
    let reader = Guest::store().module(&data(512, "apple")).lifecycle(
        "(call $get (i32.const 512) (i32.const 5) (i32.const 64))
        (call $log (i32.const 2) (i32.load (i32.const 68)) (i32.load (i32.const 72)))",
    );
    let callback = reader.start().lifecycle(at(10), &Shutdown, MapView::of(FRUIT)).expect("no fault");
    assert_eq!(callback.logs[0].message, "red");
    let writer = Guest::store().lifecycle("(call $delete (i32.const 512) (i32.const 5))");
    let callback = writer.start().lifecycle(at(10), &Shutdown, MapView::of(FRUIT)).expect("no fault");
    assert_eq!(callback.failure.expect("a trap").kind, TrapKind::NotAllowed);
}

#[test]
fn a_broken_disk_is_a_fault_and_no_outcome() {
    let limits = GroupLimits::default();
    for (guest, command) in [(getter(), &b"key"[..]), (scanner(), b"\x01\x00")] {
        let overlay = Overlay::new(Arc::new(BrokenView), &limits);
        let mut instance = guest.start();
        let fault =
            instance.apply(at(10), &Bytes::from_static(command), overlay).expect_err("the disk is gone");
        assert_eq!(fault.to_string(), "the disk is gone");
        let fault = guest
            .start()
            .query(at(10), &Bytes::from_static(command), Arc::new(BrokenView))
            .expect_err("gone");
        assert_eq!(fault.to_string(), "the disk is gone");
        let fault = instance.query(at(10), &Bytes::new(), Arc::new(BrokenView)).expect_err("spent");
        assert!(fault.to_string().contains("again"), "{fault}");
    }
}

/// Puts a key of so many bytes with a value of so many, from the first two bytes of the command.
fn putter() -> Guest {
    Guest::store().apply(
        "(call $put (i32.const 0) (i32.load8_u (local.get $ptr)) (i32.const 0) (i32.load8_u offset=1 (local.get $ptr)))
        (call $put (i32.const 1) (i32.load8_u (local.get $ptr)) (i32.const 0) (i32.load8_u offset=1 (local.get $ptr)))
        (call $ok (i32.const 0) (i32.const 0))",
    )
}

#[test]
fn keys_and_values_and_their_sum_over_the_limits_trap() {
    let limits = GroupLimits {
        key_bytes_max: 10,
        value_bytes_max: 20,
        changed_bytes_per_command_max: 50,
        ..GroupLimits::default()
    };
    let outcome = |command: &'static [u8]| {
        let overlay = Overlay::new(MapView::of(&[]), &limits);
        let command = Bytes::from_static(command);
        putter().start_with(&limits).apply(at(10), &command, overlay).expect("no fault").0
    };
    reply(outcome(&[10, 15]));
    for (command, what) in
        [(&[11, 1], "a key"), (&[1, 21], "a value"), (&[10, 16], "what the command changes")]
    {
        let call = outcome(command);
        let (kind, message) = trapped(&call);
        assert_eq!(kind, TrapKind::LimitExceeded);
        assert!(message.starts_with(what), "{message}");
        assert_eq!(call.fuel, limits.fuel_per_command, "a trap costs the whole budget");
    }
}

#[test]
fn a_get_with_a_long_key_traps() {
    let limits = GroupLimits { key_bytes_max: 3, ..GroupLimits::default() };
    let overlay = Overlay::new(MapView::of(FRUIT), &limits);
    let command = Bytes::from("cherry");
    let (call, _) = getter().start_with(&limits).apply(at(10), &command, overlay).expect("no fault");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded);
    let call = getter().start_with(&limits).query(at(10), &command, MapView::of(FRUIT)).expect("no fault");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded, "queries are held to it as well");
}

#[test]
fn a_loop_of_reads_ends() {
    let guest = Guest::store().apply(
        "(loop $again (call $get (i32.const 0) (i32.const 1) (i32.const 64)) (br $again)) unreachable",
    );
    let call = apply(guest.start().as_mut(), b"");
    assert_eq!(trapped(&call).0, TrapKind::OutOfFuel);
}

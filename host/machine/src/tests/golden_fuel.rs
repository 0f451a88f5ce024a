//! What every kind of call of fixed components burns, to the unit.
//!
//! Replicas agree on outcomes only where they count fuel alike, so these numbers are part of what a group relies on.

use super::kit::{Guest, MapView, Run as _, Sink, at, data, group};
use crate::{fuel, instance::WasmInstance};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{GroupLimits, Instance, LifecycleEvent, Outcome},
};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::io::Cursor;

const ON_CHANGE: &str = "fuel is counted otherwise than before, so commands that just fitted their budget may trap now, and \
    the other way round. If an update of the engine or a change of its settings or costs did that on purpose: see that \
    the engine's fingerprint has changed with it (raise COSTS_VERSION for costs), so that no group runs on both; write \
    the new numbers here; and say in the changelog that outcomes near the limits of fuel change. If not: find what did";

const BUDGET: u64 = 1_000_000_000;

/// Counts to a thousand, with branches and numbers of every width.
const WORK: &str = "(local.set $i (i32.const 1000))
    (loop $again
        (i64.store (i32.const 512) (i64.add (i64.load (i32.const 512)) (i64.mul (i64.extend_i32_u (local.get $i)) (i64.const 31))))
        (f64.store (i32.const 520) (f64.sqrt (f64.convert_i32_u (local.get $i))))
        (if (i32.and (local.get $i) (i32.const 1)) (then (memory.fill (i32.const 528) (i32.const 7) (i32.const 16))))
        (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))";
const EFFECTS: &str = "(call $log (i32.const 2) (i32.const 600) (i32.const 5))
    (call $emit (i32.const 600) (i32.const 5) (i32.const 600) (i32.const 5))
    (drop (call $random))
    (call $group (i32.const 64))
    (call $set-timer (i64.const 7) (i64.const 5000))
    (call $cancel-timer (i64.const 8))";
const READS: &str = "(call $get (i32.const 600) (i32.const 5) (i32.const 64))
    (call $scan (i32.const 600) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 0) (i32.const 64))";
const WRITES: &str = "(call $put (i32.const 600) (i32.const 5) (i32.const 600) (i32.const 5))
    (call $delete (i32.const 600) (i32.const 5))
    (call $delete-range (i32.const 600) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0))";
const PROPOSES: &str =
    "(if (i32.or (i32.eq (local.get $which) (i32.const 0)) (i32.eq (local.get $which) (i32.const 4)))
        (then (call $propose (i32.const 600) (i32.const 5))))
    (call $log (i32.const 2) (i32.const 600) (local.get $count))";
const OK: &str = "(call $ok (i32.const 600) (i32.const 5))";
const DONE: &str = "(call $answer (i32.const 0) (i32.const 0) (i32.const 0))";

/// "hello" for whoever needs a few bytes, and something to do at the start.
fn module() -> String {
    let hello = data(600, "hello");
    format!("{hello} (func $begin (local $i i32) {WORK}) (start $begin)")
}

fn store_guest() -> Guest {
    Guest::store()
        .module(&module())
        .apply(&format!("{EFFECTS} {READS} {WRITES} {WORK} {OK}"))
        .query(&format!("{READS} {WORK} {OK}"))
        .lifecycle(&format!("{READS} {PROPOSES}"))
        .timers(&format!("{EFFECTS} {WRITES} {DONE}"))
}

fn memory_guest() -> Guest {
    Guest::memory()
        .module(&module())
        .apply(&format!("{EFFECTS} {WORK} {OK}"))
        .query(&format!("{WORK} {OK}"))
        .save(&format!("{WORK} (call $write (i32.const 512) (i32.const 32)) {DONE}"))
        .load(&format!("(call $read (i32.const 32) (i32.const 64)) {WORK} {DONE}"))
        .lifecycle(PROPOSES)
        .timers(&format!("{EFFECTS} {DONE}"))
}

fn limits() -> GroupLimits {
    GroupLimits {
        fuel_per_command: BUDGET,
        fuel_per_query: BUDGET,
        fuel_per_callback: BUDGET,
        fuel_per_snapshot: BUDGET,
        ..GroupLimits::default()
    }
}

fn events() -> Vec<LifecycleEvent> {
    let member = |replica, role| Member { replica: ReplicaId(replica), node: NodeId(1), role };
    vec![
        LifecycleEvent::LeaderStart { term: 5 },
        LifecycleEvent::LeaderStop { term: 6 },
        LifecycleEvent::StartFollowing { leader: ReplicaId(2), term: 7 },
        LifecycleEvent::StopFollowing { leader: ReplicaId(3), term: 8 },
        LifecycleEvent::ConfigurationCommitted {
            index: 9,
            members: vec![member(1, MemberRole::Voter), member(2, MemberRole::Learner)],
        },
        LifecycleEvent::Error { message: "disk".into() },
        LifecycleEvent::Shutdown,
    ]
}

/// What each call of one instance burns, by name.
fn burnt(guest: &Guest) -> Vec<(String, u64)> {
    let view = || MapView::of(&[("hello", "world"), ("help", "me")]);
    let mut instance = guest.compile().start_measured(&group(), &limits());
    let mut burnt = vec![("start".to_owned(), fuel::START - instance.fuel_left())];
    let mut note = |name: &str, instance: &WasmInstance| {
        burnt.push((name.to_owned(), BUDGET - instance.fuel_left()));
    };
    // The second finds the memory as the first has left it.
    for name in ["first command", "second command"] {
        let overlay = Overlay::new(view(), &limits());
        let (call, _) = instance.apply(at(10), &Bytes::from_static(b"command"), overlay).expect("no fault");
        assert_eq!(call.outcome, Outcome::Reply("hello".into()), "{name}");
        note(name, &instance);
        assert_eq!(call.fuel, BUDGET - instance.fuel_left(), "what is reported is what is burnt");
    }
    let (call, _) = instance.fired(at(11), 7, Overlay::new(view(), &limits())).expect("no fault");
    assert_eq!(call.outcome, Outcome::Reply(Bytes::new()));
    note("timer", &instance);
    let call = instance.query(at(11), &Bytes::from_static(b"request"), view()).expect("no fault");
    assert_eq!(call.outcome, Outcome::Reply("hello".into()));
    note("query", &instance);
    for event in events() {
        let callback = instance.lifecycle(at(11), &event, view()).expect("no fault");
        assert_eq!(callback.failure, None, "{event:?}");
        let name = format!("{event:?}");
        note(name.split(' ').next().unwrap_or_default(), &instance);
    }
    burnt
}

fn as_before(found: &[(String, u64)], expected: &[(&str, u64)]) {
    let found: Vec<_> = found.iter().map(|(name, fuel)| (name.as_str(), *fuel)).collect();
    assert_eq!(found, expected, "{ON_CHANGE}");
}

#[test]
fn a_store_machine_burns_what_it_always_did() {
    as_before(
        &burnt(&store_guest()),
        &[
            ("start", 33_011),
            ("first command", 45_782),
            ("second command", 45_782),
            ("timer", 8_011),
            ("query", 37_787),
            ("LeaderStart", 6_974),
            ("LeaderStop", 5_866),
            ("StartFollowing", 5_866),
            ("StopFollowing", 5_866),
            ("ConfigurationCommitted", 7_012),
            ("Error", 5_888),
            ("Shutdown", 5_866),
        ],
    );
}

#[test]
fn a_memory_machine_burns_what_it_always_did() {
    as_before(
        &burnt(&memory_guest()),
        &[
            ("start", 33_011),
            ("first command", 37_701),
            ("second command", 37_701),
            ("timer", 4_677),
            ("query", 33_040),
            ("LeaderStart", 2_227),
            ("LeaderStop", 1_119),
            ("StartFollowing", 1_119),
            ("StopFollowing", 1_119),
            ("ConfigurationCommitted", 2_265),
            ("Error", 1_141),
            ("Shutdown", 1_119),
        ],
    );
}

#[test]
fn saving_and_loading_burn_what_they_always_did() {
    let plugin = memory_guest().compile();
    let mut instance = plugin.start_measured(&group(), &limits());
    let sink = Sink::default();
    instance.save(at(20), Box::new(sink.clone())).expect("no fault").expect("it saves");
    let save = BUDGET - instance.fuel_left();
    let saved = sink.0.lock().expect("not poisoned").clone();
    assert_eq!(saved.len(), 32);
    let mut instance = plugin.start_measured(&group(), &limits());
    instance.load(at(20), Box::new(Cursor::new(saved))).expect("no fault").expect("it loads");
    let load = BUDGET - instance.fuel_left();
    as_before(&[("save".to_owned(), save), ("load".to_owned(), load)], &[("save", 33_153), ("load", 33_171)]);
}

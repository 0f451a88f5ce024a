use super::harness::{BOTH, FUEL, Host, MEMORY_BYTES, entry_of, limits, text, trap_kind};
use crate::{
    Observer, ReadPoint, ReplicaFault,
    ports::{LifecycleEvent, Outcome, TrapKind},
};
use bytes::Bytes;
use quorate_vocabulary::MachineKind;

fn ask(observer: &mut Observer, point: &ReadPoint, request: &'static str) -> String {
    text(&observer.query(point, &Bytes::from_static(request.as_bytes())).expect("no fault"))
}

#[test]
fn a_query_sees_what_was_applied_and_changes_nothing() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        assert_eq!(host.get("a"), "0", "{kind}");
        host.apply(&["add a 1"]);
        assert_eq!(host.get("a"), "1", "{kind}");
        let applied = host.replica.applied().clone();
        assert!(matches!(host.query("add a 1").outcome, Outcome::Rejection(_)), "{kind}");
        assert_eq!((host.get("a"), host.replica.applied()), ("1".into(), &applied), "{kind}");
    }
}

#[test]
fn queries_do_not_show_in_what_commands_burn() {
    for kind in BOTH {
        let (mut quiet, mut asked) = (Host::new(kind), Host::new(kind));
        for _ in 0..5 {
            for request in ["sum", "take 300", "trap", "burn 2000"] {
                asked.query(request);
            }
            assert_eq!(
                quiet.apply(&["add a 1", "take 150"]),
                asked.apply(&["add a 1", "take 150"]),
                "{kind}"
            );
        }
        assert_eq!(quiet.replica.applied(), asked.replica.applied(), "{kind}");
    }
}

#[test]
fn a_query_that_traps_spoils_neither_the_replica_nor_the_next_query() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        assert_eq!(trap_kind(&host.query("trap")), Some(TrapKind::Instruction), "{kind}");
        let call = host.query(&format!("burn {FUEL}"));
        assert_eq!((trap_kind(&call), call.fuel), (Some(TrapKind::OutOfFuel), FUEL), "{kind}");
        assert_eq!(host.get("a"), "1", "{kind}");
    }
}

#[test]
fn a_request_over_the_limit_is_not_handed_over() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        let call = host.query(&format!("get {}", "a".repeat(64)));
        assert_eq!(trap_kind(&call), Some(TrapKind::LimitExceeded), "{kind}");
    }
}

#[test]
fn a_store_machine_is_seen_as_of_the_read_point() {
    let mut host = Host::new(MachineKind::Store);
    host.apply(&["add a 1"]);
    let point = host.replica.read_point().expect("no fault");
    host.apply(&["add a 1"]);
    assert_eq!(ask(&mut host.observer, &point, "get a"), "1");
    let mut another = host.replica.observer();
    assert_eq!(ask(&mut another, &point, "get a"), "1");
    assert_eq!(host.get("a"), "2");
}

#[test]
fn a_memory_observer_follows_over_entries_checkpoints_and_traps() {
    let mut host = Host::new(MachineKind::Memory);
    for round in 1..=5_u32 {
        host.apply(&["add a 1", "trap", "add a 1"]);
        assert_eq!(host.get("a"), (4 * round - 2).to_string());
        host.checkpoint();
        host.history.cut_through(host.replica.applied().index);
        host.apply(&["trap", "add a 2", "reply 101"]);
        assert_eq!(host.get("a"), (4 * round).to_string());
        assert_eq!(host.get("replied"), "0");
    }
}

#[test]
fn a_memory_observer_never_goes_back() {
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    let early = host.replica.read_point().expect("no fault");
    host.apply(&["add a 1"]);
    assert_eq!(host.get("a"), "2");
    assert_eq!(ask(&mut host.observer, &early, "get a"), "2", "later than asked for is fresh enough");
    let mut another = host.replica.observer();
    assert_eq!(ask(&mut another, &early, "get a"), "1");
    assert_eq!(early.applied().index, 2);
}

#[test]
fn an_observer_that_used_up_its_memory_is_made_anew() {
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    text(&host.query(&format!("take {}", MEMORY_BYTES - 10)));
    // The apply instance has room for this, the observer has not.
    text(&host.apply_one("take 100"));
    assert_eq!(host.get("a"), "1");
}

#[test]
fn an_observer_asked_for_a_moment_that_is_gone_says_so() {
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    host.checkpoint();
    let base = host.replica.applied().index;
    let point = host.replica.read_point().expect("no fault");
    host.apply(&["add a 1"]);
    host.checkpoint();
    crate::ports::Snapshots::discard(&host.snapshots, base).expect("no fault");
    let request = Bytes::from_static(b"get a");
    let fault = host.observer.query(&point, &request).expect_err("its snapshot is gone");
    assert!(matches!(fault, ReplicaFault::Behind { index } if index == base), "{fault}");
    assert_eq!(host.get("a"), "2");
}

#[test]
fn an_observer_whose_entries_were_cut_off_says_so() {
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    assert_eq!(host.get("a"), "1");
    host.apply(&["add a 1"]);
    let point = host.replica.read_point().expect("no fault");
    host.checkpoint();
    host.history.cut_through(host.replica.applied().index);
    let fault = host.observer.query(&point, &Bytes::from_static(b"get a")).expect_err("entry 3 is gone");
    assert!(matches!(fault, ReplicaFault::Behind { index: 3 }), "{fault}");
    assert_eq!(host.get("a"), "2");
}

#[test]
fn a_missing_log_is_a_fault_when_nothing_newer_explains_it() {
    let mut host = Host::new(MachineKind::Memory);
    host.apply(&["add a 1"]);
    host.history.cut_through(2);
    let point = host.replica.read_point().expect("no fault");
    let fault = host.observer.query(&point, &Bytes::from_static(b"get a")).expect_err("entry 2 is gone");
    assert!(matches!(fault, ReplicaFault::Host { .. }), "{fault}");
}

#[test]
fn callbacks_run_beside_and_their_proposals_are_handed_back() {
    for kind in BOTH {
        let (mut quiet, mut told) = (Host::new(kind), Host::new(kind));
        for host in [&mut quiet, &mut told] {
            host.apply(&["add a 1"]);
        }
        let point = told.replica.read_point().expect("no fault");
        let event = LifecycleEvent::LeaderStart { term: 3 };
        let callback = told.observer.lifecycle(&point, &event).expect("no fault");
        assert_eq!(callback.proposals, [Bytes::from_static(b"add leaders 3")], "{kind}");
        assert!(callback.logs[0].message.contains("with 1 numbers"), "{kind}: {callback:?}");
        let callback = told.observer.lifecycle(&point, &LifecycleEvent::Shutdown).expect("no fault");
        assert!(callback.proposals.is_empty(), "{kind}");
        assert_eq!(quiet.apply(&["add a 1"]), told.apply(&["add a 1"]), "{kind}");
        assert_eq!(quiet.replica.applied(), told.replica.applied(), "{kind}");
    }
}

#[test]
fn a_callback_that_traps_spoils_nothing() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add break-lifecycle 1"]);
        let point = host.replica.read_point().expect("no fault");
        let event = LifecycleEvent::LeaderStart { term: 3 };
        let callback = host.observer.lifecycle(&point, &event).expect("no fault");
        assert_eq!(callback.failure.expect("it was asked to").kind, TrapKind::Instruction, "{kind}");
        assert!(callback.proposals.is_empty(), "{kind}");
        assert_eq!(host.get("break-lifecycle"), "1", "{kind}");
        assert_eq!(text(&host.apply_one("add a 1")), "1", "{kind}");
    }
}

#[test]
fn a_query_under_its_own_budget_is_charged_that_when_it_traps() {
    let mut host = Host::new(MachineKind::Memory);
    let mut start = host.start();
    start.limits = crate::ports::GroupLimits { fuel_per_query: 50, ..limits() };
    host.replica = crate::Replica::open(start).expect("empty");
    host.observer = host.replica.observer();
    let call = host.query("sum");
    assert_eq!((trap_kind(&call), call.fuel), (Some(TrapKind::OutOfFuel), 50));
    host.append(entry_of(&["add a 1"]));
}

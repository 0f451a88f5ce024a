//! Plugins that misbehave, and what an author or operator gets to see of it.

use crate::replica::{Running, rejection, reply, trap};
use quorate_replica::CheckpointResult;
use quorate_replica::ports::{GroupLimits, LifecycleEvent, LogLevel, TrapKind};

const FAULTY: &str = "plugins/faulty";

#[test]
fn the_words_of_a_panic_are_in_the_log() {
    let mut faulty = Running::start(FAULTY);
    let call = faulty.apply("panic all is lost");
    trap(&call);
    assert_eq!(call.logs.len(), 1);
    assert_eq!(call.logs[0].level, LogLevel::Error);
    let message = &call.logs[0].message;
    assert!(message.starts_with("panicked at faulty/src/fault.rs:"), "{message}");
    assert!(message.ends_with(": all is lost"), "{message}");
}

#[test]
fn each_fault_traps_as_its_kind_and_leaves_the_state_as_it_was() {
    let limits = GroupLimits { fuel_per_command: 20_000_000, ..GroupLimits::default() };
    let mut faulty = Running::start_with(FAULTY, limits);
    assert_eq!(reply(&faulty.apply("set before")), "ok");
    for (command, kind) in [
        ("set-and after trap", TrapKind::Instruction),
        ("set-and after panic oh", TrapKind::Instruction),
        ("set-and after spin", TrapKind::OutOfFuel),
        ("set-and after allocate 2000000000", TrapKind::OutOfMemory),
    ] {
        assert_eq!(trap(&faulty.apply(command)).kind, kind, "{command}");
        assert_eq!(reply(&faulty.query("get")), "before", "{command}");
    }
    trap(&faulty.apply("recurse"));
    trap(&faulty.apply("huge-reply 100000000"));
    assert_eq!(reply(&faulty.apply("set-and after log 3")), "3");
    assert_eq!(reply(&faulty.query("get")), "after");
}

#[test]
fn a_query_that_misbehaves_leaves_the_replica_at_work() {
    let mut faulty = Running::start(FAULTY);
    faulty.apply("set text");
    for request in ["trap", "spin", "recurse", "panic oh", "allocate 2000000000"] {
        trap(&faulty.query(request));
        assert_eq!(reply(&faulty.query("get")), "text", "{request}");
    }
}

#[test]
fn it_tells_what_the_host_tells_it() {
    let mut faulty = Running::start(FAULTY);
    assert_eq!(reply(&faulty.apply("group")), "7 acme/seven");
    let calls = faulty.entry(["position", "time", "position", "random", "random"]);
    assert_eq!(reply(&calls[0]), "3 0");
    assert_eq!(reply(&calls[1]), "1002");
    assert_eq!(reply(&calls[2]), "3 2");
    assert_ne!(reply(&calls[3]), reply(&calls[4]));
    let call = faulty.apply("emit topic a payload");
    assert_eq!((call.events[0].topic.as_str(), &call.events[0].payload[..]), ("topic", &b"a payload"[..]));
}

#[test]
fn the_observer_remembers_its_callbacks_and_the_state_does_not() {
    let mut faulty = Running::start(FAULTY);
    faulty.tell(&LifecycleEvent::LeaderStart { term: 2 });
    faulty.tell(&LifecycleEvent::LeaderStop { term: 2 });
    faulty.tell(&LifecycleEvent::Shutdown);
    assert_eq!(reply(&faulty.query("lifecycle")), "leader-start 2\nleader-stop 2\nshutdown");
    assert_eq!(reply(&faulty.query("noted")), "");
}

#[test]
fn a_callback_that_traps_spoils_nothing() {
    let mut faulty = Running::start(FAULTY);
    faulty.apply("on-leader-start trap");
    faulty.apply("set text");
    let callback = faulty.tell(&LifecycleEvent::LeaderStart { term: 2 });
    assert_eq!(callback.failure.unwrap().kind, TrapKind::Instruction);
    assert_eq!(reply(&faulty.query("get")), "text");
    assert_eq!(reply(&faulty.apply("set more")), "ok");
}

#[test]
fn a_checkpoint_that_fails_says_why_and_the_group_goes_on() {
    let mut faulty = Running::start(FAULTY);
    faulty.apply("set text");
    faulty.apply("on-save reject no room");
    let CheckpointResult::Failed(failure) = faulty.checkpoint() else { panic!("it cannot save") };
    assert!(failure.to_string().contains("no room"), "{failure}");
    assert_eq!(reply(&faulty.query("get")), "text");
    assert!(rejection(&faulty.apply("dance")).starts_with("unknown `dance`"));
}

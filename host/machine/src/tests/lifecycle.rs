use super::kit::{Guest, Run as _, at, data, group, small};
use crate::Engine;
use quorate_replica::ports::{Callback, EmptyView, GroupLimits, LifecycleEvent, Plugin, TrapKind};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::sync::Arc;

fn call(guest: &Guest, event: &LifecycleEvent) -> Callback {
    guest.start().lifecycle(at(10), event, Arc::new(EmptyView)).expect("no fault")
}

/// Logs which callback it is, in letters that tell its parameters: `which`, then `a`, `b` and `count` from '0'.
fn teller() -> Guest {
    Guest::store().lifecycle(
        "(i32.store8 (i32.const 512) (i32.add (i32.const 48) (local.get $which)))
        (i32.store8 (i32.const 513) (i32.add (i32.const 48) (i32.wrap_i64 (local.get $a))))
        (i32.store8 (i32.const 514) (i32.add (i32.const 48) (i32.wrap_i64 (local.get $b))))
        (i32.store8 (i32.const 515) (i32.add (i32.const 48) (local.get $count)))
        (call $log (i32.const 2) (i32.const 512) (i32.const 4))",
    )
}

#[test]
fn every_event_reaches_its_callback() {
    let member = |replica, role| Member { replica: ReplicaId(replica), node: NodeId(1), role };
    let members =
        vec![member(1, MemberRole::Voter), member(2, MemberRole::Learner), member(3, MemberRole::Voter)];
    let events = [
        (LifecycleEvent::LeaderStart { term: 5 }, "0500"),
        (LifecycleEvent::LeaderStop { term: 6 }, "1600"),
        (LifecycleEvent::StartFollowing { leader: ReplicaId(2), term: 7 }, "2270"),
        (LifecycleEvent::StopFollowing { leader: ReplicaId(3), term: 8 }, "3380"),
        (LifecycleEvent::ConfigurationCommitted { index: 9, members }, "4912"),
        (LifecycleEvent::Error { message: "disk".into() }, "5004"),
        (LifecycleEvent::Shutdown, "6000"),
    ];
    for (event, expected) in events {
        let callback = call(&teller(), &event);
        assert_eq!(callback.failure, None);
        assert_eq!(callback.logs[0].message, expected, "{event:?}");
    }
}

/// Proposes "hi" as often as the term says.
fn proposer() -> Guest {
    Guest::store().module(&data(512, "hi")).lifecycle(
        "(loop $again
            (call $propose (i32.const 512) (i32.const 2))
            (br_if $again (i64.gt_s (local.tee $a (i64.sub (local.get $a) (i64.const 1))) (i64.const 0))))",
    )
}

#[test]
fn a_leader_proposes() {
    let callback = call(&proposer(), &LifecycleEvent::LeaderStart { term: 2 });
    assert_eq!(callback.proposals, ["hi", "hi"]);
}

#[test]
fn who_does_not_lead_may_not_propose() {
    let events = [
        LifecycleEvent::LeaderStop { term: 1 },
        LifecycleEvent::StartFollowing { leader: ReplicaId(2), term: 1 },
        LifecycleEvent::StopFollowing { leader: ReplicaId(2), term: 1 },
        LifecycleEvent::Error { message: String::new() },
        LifecycleEvent::Shutdown,
    ];
    for event in events {
        let callback = call(&proposer(), &event);
        assert_eq!(callback.failure.expect("a trap").kind, TrapKind::NotAllowed, "{event:?}");
        assert!(callback.proposals.is_empty());
    }
}

#[test]
fn too_many_or_too_long_proposals_trap_and_none_is_made() {
    let limits = GroupLimits { proposals_per_callback_max: 3, ..GroupLimits::default() };
    let start = |limits: &GroupLimits, term| {
        let event = LifecycleEvent::LeaderStart { term };
        proposer().start_with(limits).lifecycle(at(10), &event, Arc::new(EmptyView)).expect("no fault")
    };
    assert_eq!(start(&limits, 3).proposals.len(), 3);
    let callback = start(&limits, 4);
    assert_eq!(callback.failure.expect("a trap").kind, TrapKind::LimitExceeded);
    assert!(callback.proposals.is_empty());
    let limits = GroupLimits { command_bytes_max: 1, ..GroupLimits::default() };
    assert_eq!(start(&limits, 1).failure.expect("a trap").kind, TrapKind::LimitExceeded);
}

#[test]
fn a_plugin_without_lifecycle_is_told_nothing() {
    assert_eq!(call(&Guest::store(), &LifecycleEvent::Shutdown), Callback::default());
}

#[test]
fn a_callback_has_a_budget_of_its_own() {
    let limits = GroupLimits { fuel_per_callback: 10_000, ..GroupLimits::default() };
    let guest = Guest::store().lifecycle("(loop $again (br $again))");
    let callback = guest
        .start_with(&limits)
        .lifecycle(at(10), &LifecycleEvent::Shutdown, Arc::new(EmptyView))
        .expect("no fault");
    assert_eq!(callback.failure.expect("a trap").kind, TrapKind::OutOfFuel);
}

#[test]
fn the_watchdog_ends_a_callback_as_a_trap() {
    let engine = Engine::new(&small()).expect("starts");
    let guest = Guest::store().lifecycle("(loop $again (br $again))");
    let plugin = engine.compile(&guest.bytes()).expect("compiles");
    let limits = GroupLimits { fuel_per_callback: u64::MAX >> 1, ..GroupLimits::default() };
    let callback = super::traps::while_ticking(&engine, || {
        let mut instance = plugin.start(&group(), &limits).expect("starts");
        instance.lifecycle(at(10), &LifecycleEvent::Shutdown, Arc::new(EmptyView)).expect("no fault")
    });
    assert_eq!(callback.failure.expect("a trap").kind, TrapKind::Watchdog);
}

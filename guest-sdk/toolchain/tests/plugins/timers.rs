//! Timers of both kinds of plugin, on the real engine.

use crate::replica::{Running, rejection, reply, trap};
use quorate_replica::CheckpointResult;
use quorate_replica::ports::{GroupLimits, Outcome, TrapKind};

fn timers(running: &Running) -> Vec<(u64, u64)> {
    running.applied().timers.iter().collect()
}

#[test]
fn a_lease_ends_by_a_timer_and_the_lock_goes_to_the_next() {
    let mut lock = Running::start("plugins/lock");
    let calls = lock.entry(["acquire a ada 1000", "acquire a ben 1000 60000", "acquire a cid 1000"]);
    assert_eq!(reply(&calls[0]), "held 1 2001");
    assert_eq!(reply(&calls[1]), "waiting 1");
    assert_eq!(rejection(&calls[2]), "a is held by ada until 2001");
    assert_eq!(timers(&lock), [(0, 2001)]);
    assert!(lock.pass(999).is_empty());
    let calls = lock.pass(1);
    let events: Vec<_> = calls[0].events.iter().map(|event| event.topic.as_str()).collect();
    assert_eq!(events, ["expired", "granted"]);
    assert!(calls[0].fuel > 0);
    let mut lock = lock.restart();
    assert_eq!(reply(&lock.query("holder a")), "ben 2 3001");
    assert_eq!(timers(&lock), [(0, 3001)]);
    assert_eq!(reply(&lock.apply("release a 2")), "ok");
    assert!(timers(&lock).is_empty());
}

#[test]
fn messages_come_back_by_a_timer_and_as_many_as_may_at_once_fit_the_default_limits() {
    let mut queue = Running::start("plugins/queue");
    for _ in 0..3 {
        let calls = queue.entry((0..50).map(|number| format!("enqueue jobs {number} 5000")));
        assert!(calls.iter().all(|call| matches!(call.outcome, Outcome::Reply(_))));
    }
    assert_eq!(reply(&queue.query("depth jobs")), "ready 0 hidden 150 dead 0");
    let calls = queue.pass(5000);
    assert_eq!(calls[0].events.len(), 100);
    let share = GroupLimits::default().fuel_per_command / calls[0].fuel;
    assert!(share > 4, "{} of fuel", calls[0].fuel);
    assert_eq!(queue.pass(9).len(), 0);
    assert_eq!(queue.pass(1).len(), 1);
    assert_eq!(reply(&queue.query("depth jobs")), "ready 150 hidden 0 dead 0");
    assert_eq!(reply(&queue.apply("dequeue jobs 1000")), "1 1 0");
    assert_eq!(reply(&queue.apply("ack jobs 1 1")), "ok");
}

#[test]
fn as_many_leases_as_may_end_at_once_fit_the_default_limits() {
    let mut lock = Running::start("plugins/lock");
    for number in 0..110 {
        let calls = lock.entry([
            format!("acquire n{number} ada 50000"),
            format!("acquire n{number} ben 60000 60000"),
            format!("acquire n{number} cid 60000 100"),
        ]);
        assert!(calls.iter().all(|call| matches!(call.outcome, Outcome::Reply(_))));
    }
    // First those who give up, some while the others are still being put in.
    let mut gave_up = 0;
    while gave_up < 110 {
        gave_up += lock.pass(150).iter().map(|call| call.events.len()).sum::<usize>();
    }
    let calls = lock.pass(50_000);
    assert_eq!(calls[0].events.len(), 200, "each lease that ends gives the lock to the next");
    let share = GroupLimits::default().fuel_per_command / calls[0].fuel;
    assert!(share > 4, "{} of fuel", calls[0].fuel);
}

#[test]
fn a_memory_machine_fires_the_same_again_after_a_restart_and_a_checkpoint() {
    let mut faulty = Running::start("plugins/faulty");
    faulty.entry(["set-timer 1 100", "set-timer 2 200", "set-timer 3 300"]);
    assert_eq!(faulty.pass(100)[0].events[0].payload, "1");
    faulty.apply("set-and x trap");
    assert!(matches!(faulty.checkpoint(), CheckpointResult::Taken(_)));
    assert_eq!(faulty.pass(100).len(), 1);
    let mut faulty = faulty.restart();
    assert_eq!(timers(&faulty), [(3, 1301)]);
    assert_eq!(faulty.pass(100).len(), 1);
    assert_eq!(reply(&faulty.query("noted")), "timer 1\ntimer 2\ntimer 3");
}

#[test]
fn a_timer_that_misbehaves_is_answered_as_a_command_is() {
    let limits = GroupLimits { fuel_per_command: 20_000_000, ..GroupLimits::default() };
    for (fault, kind) in [
        ("trap", TrapKind::Instruction),
        ("spin", TrapKind::OutOfFuel),
        ("allocate 2000000000", TrapKind::OutOfMemory),
        ("huge-rejection 5000000", TrapKind::LimitExceeded),
    ] {
        let mut faulty = Running::start_with("plugins/faulty", limits.clone());
        faulty.apply(format!("on-timer {fault}"));
        faulty.apply("set-timer 1 100");
        let calls = faulty.pass(100);
        assert_eq!(trap(&calls[0]).kind, kind, "{fault}");
        assert_eq!(calls[0].fuel, limits.fuel_per_command, "{fault}");
        assert!(timers(&faulty).is_empty(), "{fault}");
        assert_eq!(reply(&faulty.apply("set after")), "ok", "{fault}");
        let _ = faulty.restart();
    }
    let mut faulty = Running::start("plugins/faulty");
    faulty.entry(["on-timer reject no", "set-timer 1 100"]);
    assert_eq!(rejection(&faulty.pass(100)[0]), "no");
}

#[test]
fn a_command_past_the_timers_of_its_group_traps() {
    let limits = GroupLimits { timers_max: 1, ..GroupLimits::default() };
    let mut faulty = Running::start_with("plugins/faulty", limits);
    let calls = faulty.entry(["set-timer 1 100", "set-timer 2 100", "cancel-timer 1", "set-timer 2 100"]);
    assert_eq!(trap(&calls[1]).kind, TrapKind::LimitExceeded);
    assert_eq!(reply(&calls[3]), "ok");
    assert_eq!(timers(&faulty), [(2, 1101)]);
}

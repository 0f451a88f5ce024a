use super::kit::{Guest, Run as _, apply, at, group, query, reply, small, trapped};
use crate::{Engine, EngineConfig};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{EmptyView, GroupLimits, Outcome, Plugin, TrapKind},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Runs something while the engine's clock goes round as fast as it can.
pub(super) fn while_ticking<T>(engine: &Engine, run: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                engine.tick();
                std::thread::yield_now();
            }
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn an_instruction_that_traps_is_named() {
    let cases = [
        ("unreachable", "wasm `unreachable` instruction executed"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0))) unreachable", "integer divide by zero"),
        ("(drop (i32.load (i32.const -4))) unreachable", "out of bounds memory access"),
        ("(drop (i32.trunc_f64_s (f64.const nan))) unreachable", "invalid conversion to integer"),
    ];
    for (body, message) in cases {
        let call = apply(Guest::store().apply(body).start().as_mut(), b"");
        assert_eq!(trapped(&call), (TrapKind::Instruction, message));
        assert_eq!(call.fuel, GroupLimits::default().fuel_per_command, "a trap costs the whole budget");
    }
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let call = apply(Guest::store().apply("(loop $again (br $again)) unreachable").start().as_mut(), b"");
    assert_eq!(trapped(&call), (TrapKind::OutOfFuel, "it burnt all the fuel the group gives a call"));
    assert_eq!(call.fuel, GroupLimits::default().fuel_per_command);
}

#[test]
fn a_query_has_a_budget_of_its_own() {
    let limits = GroupLimits { fuel_per_query: 12_345, ..GroupLimits::default() };
    let guest = Guest::store().query("(loop $again (br $again)) unreachable");
    let call = query(guest.start_with(&limits).as_mut(), b"");
    assert_eq!((trapped(&call).0, call.fuel), (TrapKind::OutOfFuel, 12_345));
}

#[test]
fn endless_recursion_overflows_the_stack() {
    let guest = Guest::store()
        .module(
            "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))",
        )
        .apply("(call $deeper (i32.const 0))");
    let call = apply(guest.start().as_mut(), b"");
    assert_eq!(trapped(&call).0, TrapKind::StackOverflow);
}

#[test]
fn loops_of_host_calls_end() {
    let calls = [
        "(call $group (i32.const 64))",
        "(call $log (i32.const 2) (i32.const 0) (i32.const 60000))",
        "(drop (call $random))",
    ];
    for host_call in calls {
        let guest = Guest::store().apply(&format!("(loop $again {host_call} (br $again)) unreachable"));
        let limits = GroupLimits { fuel_per_command: 10_000_000, ..GroupLimits::default() };
        let call = apply(guest.start_with(&limits).as_mut(), b"");
        // `group` allocates its name anew each time; with the guest's allocator that ends in either way.
        assert!(matches!(trapped(&call).0, TrapKind::OutOfFuel | TrapKind::OutOfMemory), "{host_call}");
        assert!(call.logs.len() <= 64);
    }
}

#[test]
fn a_reply_over_the_limit_traps() {
    let limits = GroupLimits { reply_bytes_max: 4, ..GroupLimits::default() };
    assert_eq!(reply(apply(Guest::store().start_with(&limits).as_mut(), b"1234")), "1234");
    let mut instance = Guest::store().start_with(&limits);
    let call = apply(instance.as_mut(), b"12345");
    assert_eq!(trapped(&call), (TrapKind::LimitExceeded, "the answer has 5 bytes, and the group allows 4"));
    assert_eq!(call.fuel, limits.fuel_per_command);
    assert!(instance.apply(at(11), &Bytes::new(), Overlay::empty()).is_err(), "the instance is spent");
    let rejecting = Guest::store().query("(call $err (local.get $ptr) (local.get $len))");
    let call = query(rejecting.start_with(&limits).as_mut(), b"12345");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded, "rejections and queries are held to it as well");
}

#[test]
fn copying_too_much_in_one_call_traps() {
    let limits = GroupLimits { host_call_bytes_max: 64 << 10, ..GroupLimits::default() };
    let log = |bytes: u32| {
        let body = format!(
            "(call $log (i32.const 2) (i32.const 0) (i32.const {bytes})) (call $ok (i32.const 0) (i32.const 0))"
        );
        apply(Guest::store().pages(2).apply(&body).start_with(&limits).as_mut(), b"")
    };
    reply(log(65_536));
    let call = log(65_537);
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded);
    let answer = Guest::store().pages(2).apply("(call $ok (i32.const 0) (i32.const 65537))");
    let call = apply(answer.start_with(&limits).as_mut(), b"");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded, "what is answered is copied as well");
}

#[test]
fn breaking_the_component_abi_is_a_trap() {
    let bodies = [
        // A list outside of the memory, an answer at an odd address, an answer that is neither ok nor err.
        "(call $ok (i32.const 65535) (i32.const 2))",
        "(i32.const 17)",
        "(call $answer (i32.const 2) (i32.const 0) (i32.const 0))",
        "(i32.const -4)",
    ];
    for body in bodies {
        let call = apply(Guest::store().apply(body).start().as_mut(), b"");
        let (kind, message) = trapped(&call);
        assert_eq!(kind, TrapKind::Instruction, "{body}: {message}");
    }
}

#[test]
fn text_that_is_not_utf8_is_a_trap() {
    let guest = Guest::store().module(r#"(data (i32.const 512) "\ff\fe")"#).apply(
        "(call $log (i32.const 2) (i32.const 512) (i32.const 2)) (call $ok (i32.const 0) (i32.const 0))",
    );
    assert_eq!(trapped(&apply(guest.start().as_mut(), b"")).0, TrapKind::Instruction);
}

#[test]
fn a_level_that_is_none_is_a_trap() {
    let guest = Guest::store().apply(
        "(call $log (i32.const 5) (i32.const 0) (i32.const 0)) (call $ok (i32.const 0) (i32.const 0))",
    );
    assert_eq!(trapped(&apply(guest.start().as_mut(), b"")).0, TrapKind::Instruction);
}

#[test]
fn an_instance_is_refused_after_a_trap() {
    let mut instance = Guest::store().apply("unreachable").start();
    trapped(&apply(instance.as_mut(), b""));
    let fault = instance.apply(at(11), &Bytes::new(), Overlay::empty()).expect_err("it trapped before");
    assert!(fault.to_string().contains("again"), "{fault}");
    assert!(instance.query(at(11), &Bytes::new(), Arc::new(EmptyView)).is_err());
}

#[test]
fn a_trap_of_one_instance_leaves_others_alone() {
    let plugin = Guest::store()
        .apply("(if (local.get $len) (then unreachable)) (call $ok (i32.const 0) (i32.const 0))")
        .compile();
    let start = || plugin.start(&group(), &GroupLimits::default()).expect("starts");
    let (mut first, mut second) = (start(), start());
    trapped(&apply(first.as_mut(), b"x"));
    reply(apply(second.as_mut(), b""));
}

#[test]
fn the_same_trap_comes_every_time() {
    let plugin = Guest::store()
        .module(
            "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))",
        )
        .apply("(call $deeper (i32.const 0))")
        .compile();
    let run = || {
        let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
        apply(instance.as_mut(), b"").outcome
    };
    let first = run();
    assert!(matches!(first, Outcome::Trapped(_)));
    assert!((0..10).all(|_| run() == first));
}

#[test]
fn the_watchdog_ends_a_query_as_a_trap() {
    let engine = Engine::new(&small()).expect("starts");
    let guest = Guest::store().query("(loop $again (br $again)) unreachable");
    let plugin = engine.compile(&guest.bytes()).expect("compiles");
    let limits = GroupLimits { fuel_per_query: u64::MAX >> 1, ..GroupLimits::default() };
    let call = while_ticking(&engine, || {
        let mut instance = plugin.start(&group(), &limits).expect("starts");
        query(instance.as_mut(), b"")
    });
    assert_eq!(trapped(&call), (TrapKind::Watchdog, "it took longer than this node allows"));
}

#[test]
fn the_watchdog_stops_a_command_as_a_fault() {
    let engine = Engine::new(&EngineConfig { apply_ticks_max: 10, ..small() }).expect("starts");
    let guest = Guest::store().apply("(loop $again (br $again)) unreachable");
    let plugin = engine.compile(&guest.bytes()).expect("compiles");
    let limits = GroupLimits { fuel_per_command: u64::MAX >> 1, ..GroupLimits::default() };
    let mut instance = plugin.start(&group(), &limits).expect("starts");
    let fault = while_ticking(&engine, || {
        instance.apply(at(10), &Bytes::new(), Overlay::empty()).expect_err("no command's outcome")
    });
    assert!(fault.to_string().contains("watchdog"), "{fault}");
}

#[test]
fn without_ticks_the_watchdog_never_barks() {
    let engine = Engine::new(&EngineConfig { apply_ticks_max: 1, ..small() }).expect("starts");
    let guest = Guest::store().apply("(loop $again (br $again)) unreachable");
    let plugin = engine.compile(&guest.bytes()).expect("compiles");
    let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
    assert_eq!(trapped(&apply(instance.as_mut(), b"")).0, TrapKind::OutOfFuel);
}

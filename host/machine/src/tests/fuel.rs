use super::kit::{Guest, Run as _, apply, at, engine, group, reply, small};
use crate::{Engine, EngineConfig};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{GroupLimits, Instance, Plugin},
};

/// Burns fuel in proportion to the first byte of the command, after a few calls of the host.
fn worker() -> Guest {
    Guest::store().apply(
        "(drop (call $random))
        (call $put (local.get $ptr) (local.get $len) (local.get $ptr) (local.get $len))
        (call $get (local.get $ptr) (local.get $len) (i32.const 64))
        (local.set $i (i32.mul (i32.load8_u (local.get $ptr)) (i32.const 100)))
        (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (call $ok (i32.load (i32.const 68)) (i32.load (i32.const 72)))",
    )
}

fn burnt(instance: &mut dyn Instance, command: &'static [u8]) -> u64 {
    let call = apply(instance, command);
    let fuel = call.fuel;
    assert_eq!(reply(call), command);
    fuel
}

#[test]
fn the_fuel_of_a_command_is_known_to_the_unit() {
    // These numbers are part of what replicas agree on. When a change of the engine or of the costs moves them, the
    // fingerprint must have changed with it.
    let echo = burnt(Guest::store().start().as_mut(), b"abc");
    let work = [&b"\x01abc"[..], b"\x09abc"].map(|command| burnt(worker().start().as_mut(), command));
    assert_eq!((echo, work), (38, [3_889, 7_889]));
}

#[test]
fn fresh_instances_burn_the_same() {
    let plugin = worker().compile();
    let burn = || {
        let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
        [burnt(instance.as_mut(), b"\x05one"), burnt(instance.as_mut(), b"\x07two")]
    };
    let first = burn();
    assert!((0..20).all(|_| burn() == first));
}

#[test]
fn engines_of_other_sizes_burn_the_same() {
    let configs = [
        EngineConfig { instances_max: 4, memory_keep_resident_bytes: 0, ..small() },
        EngineConfig { parallel_compilation: false, memory_reservation_bytes: 512 << 20, ..small() },
        EngineConfig { query_ticks_max: 1, table_elements_max: 200_000, ..small() },
    ];
    let expected = burnt(worker().start().as_mut(), b"\x05one");
    for config in configs {
        let engine = Engine::new(&config).expect("starts");
        let plugin = engine.compile(&worker().bytes()).expect("compiles");
        let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
        assert_eq!(burnt(instance.as_mut(), b"\x05one"), expected, "{config:?}");
    }
}

#[test]
fn a_command_that_just_fits_its_budget_replies_and_one_unit_less_traps() {
    let fuel = burnt(worker().start().as_mut(), b"\xffabc");
    let with = |fuel_per_command| {
        let limits = GroupLimits { fuel_per_command, ..GroupLimits::default() };
        apply(worker().start_with(&limits).as_mut(), b"\xffabc")
    };
    let call = with(fuel);
    assert_eq!(call.fuel, fuel);
    reply(call);
    // Fuel is looked at where loops begin and functions are entered, so the last few units may go unseen.
    let call = with(fuel - 50);
    assert_eq!(call.fuel, fuel - 50, "a trap costs the whole budget");
    super::kit::trapped(&call);
}

#[test]
fn calls_of_the_host_cost_by_the_bytes_they_copy() {
    let logger = Guest::store().apply(
        "(call $log (i32.const 2) (i32.const 0) (i32.load8_u (local.get $ptr)))
        (call $ok (i32.const 0) (i32.const 0))",
    );
    let fuel = |command: &'static [u8]| apply(logger.start().as_mut(), command).fuel;
    assert_eq!(fuel(b"\x64") - fuel(b"\x0a"), 90);
}

#[test]
fn each_call_has_a_budget_of_its_own() {
    let mut instance = worker().start();
    let first = burnt(instance.as_mut(), b"\x05one");
    for _ in 0..50 {
        assert_eq!(burnt(instance.as_mut(), b"\x05one"), first, "the allocator of this guest has no history");
    }
}

#[test]
fn the_parameters_of_a_command_reach_it() {
    let guest = Guest::store().apply(
        "(i64.store (i32.const 64) (local.get $index))
        (i32.store (i32.const 72) (local.get $ordinal))
        (i64.store (i32.const 80) (local.get $time))
        (call $ok (i32.const 64) (i32.const 24))",
    );
    let position = quorate_vocabulary::Position { index: 3, ordinal: 4, time_ms: 5 };
    let command = Bytes::new();
    let (call, _) = guest.start().apply(position, &command, Overlay::empty()).expect("no fault");
    let reply = reply(call);
    assert_eq!(reply[..8], 3_u64.to_le_bytes());
    assert_eq!(reply[8..12], 4_u32.to_le_bytes());
    assert_eq!(reply[16..], 5_u64.to_le_bytes());
    assert_eq!(at(10).index, 10);
    assert!(!engine().fingerprint().as_str().is_empty());
}

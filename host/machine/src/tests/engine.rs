use super::kit::{Guest, Run as _, apply, engine, group, reply, small, trapped, wat};
use crate::{Engine, EngineConfig, PluginRefusal, check::FEATURES, settings};
use quorate_replica::ports::{GroupLimits, Plugin, TrapKind};
use quorate_vocabulary::{MachineKind, PluginDigest};

#[test]
fn a_compiled_plugin_says_what_it_is() {
    let bytes = Guest::store().bytes();
    let plugin = engine().compile(&bytes).expect("a store machine");
    assert_eq!((plugin.kind(), plugin.has_lifecycle()), (MachineKind::Store, false));
    assert_eq!(plugin.digest(), PluginDigest::of(&bytes));
    let plugin = Guest::memory().lifecycle("").compile();
    assert_eq!((plugin.kind(), plugin.has_lifecycle()), (MachineKind::Memory, true));
}

#[test]
fn a_command_gets_its_reply_on_both_kinds() {
    for guest in [Guest::store(), Guest::memory()] {
        assert_eq!(reply(apply(guest.start().as_mut(), b"hello")), "hello");
    }
}

#[test]
fn engines_of_the_same_settings_have_the_same_fingerprint() {
    let first = Engine::new(&small()).expect("starts");
    let second =
        Engine::new(&EngineConfig { instances_max: 8, apply_ticks_max: 1, ..small() }).expect("starts");
    assert_eq!(first.fingerprint(), second.fingerprint(), "what only this machine feels is not in it");
    let deeper = EngineConfig { wasm_stack_bytes: 2 * small().wasm_stack_bytes, ..small() };
    assert_ne!(
        *first.fingerprint(),
        settings::fingerprint(&deeper, FEATURES),
        "the stack decides where commands trap"
    );
    let fingerprint = first.fingerprint().as_str();
    assert!(fingerprint.starts_with("wasmtime-48.0."), "{fingerprint}");
}

#[test]
fn the_fingerprint_names_the_wasmtime_that_is_linked() {
    let lock = include_str!("../../../../Cargo.lock");
    let version = engine().fingerprint().as_str().split(['-', '/']).nth(1).expect("a version").to_owned();
    assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{version}\"\n")), "{version}");
}

#[test]
fn simd_runs_on_the_oldest_processors() {
    // A swizzle and a float rounding, which have instructions of their own only on newer ones.
    let guest = Guest::store().apply(
        "(i64.extend_i32_u (i8x16.extract_lane_u 0 (i8x16.swizzle
            (v128.const i8x16 9 8 7 6 5 4 3 2 1 0 1 2 3 4 5 6) (v128.const i8x16 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0))))
        (i64.trunc_f64_s (f64.ceil (f64.const 1.5)))
        i64.add (call $ok_u64)",
    );
    assert_eq!(reply(apply(guest.start().as_mut(), b"")).as_ref(), 8_u64.to_le_bytes());
}

#[test]
fn nans_are_canonical() {
    let guest = Guest::store().apply(
        "(call $ok_u64 (i64.reinterpret_f64 (f64.add
            (f64.reinterpret_i64 (i64.const 0x7ff8dead00000001)) (f64.const 1))))",
    );
    assert_eq!(reply(apply(guest.start().as_mut(), b"")).as_ref(), 0x7ff8_0000_0000_0000_u64.to_le_bytes());
}

#[test]
fn a_plugin_that_traps_as_it_starts_is_refused() {
    let guest = Guest::store().module("(func $start unreachable) (start $start)");
    let refusal = engine().compile(&guest.bytes()).expect_err("it cannot start");
    assert!(matches!(refusal, PluginRefusal::DoesNotStart { .. }), "{refusal}");
    assert!(refusal.to_string().contains("unreachable"), "{refusal}");
}

#[test]
fn a_plugin_that_starts_forever_is_refused() {
    let guest = Guest::store().module("(func $start (loop $again (br $again))) (start $start)");
    let refusal = engine().compile(&guest.bytes()).expect_err("it never starts");
    assert!(matches!(refusal, PluginRefusal::DoesNotStart { .. }), "{refusal}");
    assert!(refusal.to_string().contains("out of fuel"), "{refusal}");
}

#[test]
fn a_plugin_that_begins_with_more_memory_than_groups_allow_is_refused() {
    let refusal = engine().compile(&Guest::store().pages(5_000).bytes()).expect_err("313 MiB");
    assert!(matches!(refusal, PluginRefusal::DoesNotStart { .. }), "{refusal}");
    let limits = GroupLimits { memory_bytes_max: 64 << 10, ..GroupLimits::default() };
    // Where the group allows less than the check did, that is an outcome of its commands and no fault of this host.
    let call = apply(Guest::store().pages(2).start_with(&limits).as_mut(), b"");
    let (kind, message) = trapped(&call);
    assert_eq!(kind, TrapKind::OutOfMemory, "it needs two pages");
    assert!(message.contains("does not start in this group"), "{message}");
}

#[test]
fn a_group_that_allows_more_than_the_engine_has_room_for_does_not_start() {
    let engine =
        Engine::new(&EngineConfig { memory_reservation_bytes: 64 << 20, ..small() }).expect("starts");
    let plugin = engine.compile(&Guest::store().bytes()).expect("compiles");
    let fault = plugin.start(&group(), &GroupLimits::default()).err().expect("256 MiB in a slot of 64");
    assert!(fault.to_string().contains("raise memory_reservation_bytes"), "{fault}");
    let limits = GroupLimits { table_elements_max: 200_000, ..GroupLimits::default() };
    let fault = Guest::store().compile().start(&group(), &limits).err().expect("100,000 elements a table");
    assert!(fault.to_string().contains("raise table_elements_max"), "{fault}");
}

#[test]
fn settings_that_cannot_be_are_an_error() {
    let error = Engine::new(&EngineConfig { wasm_stack_bytes: 0, ..small() }).expect_err("no stack at all");
    assert!(error.to_string().contains("does not start"), "{error}");
}

#[test]
fn compiling_on_several_threads_gives_plugins_that_work() {
    std::thread::scope(|scope| {
        for number in 0..4_u32 {
            scope.spawn(move || {
                let guest = Guest::store().apply(&format!("(call $ok_u64 (i64.const {number}))"));
                assert_eq!(
                    reply(apply(guest.start().as_mut(), b"")).as_ref(),
                    u64::from(number).to_le_bytes()
                );
            });
        }
    });
}

#[test]
fn a_component_of_many_core_modules_fits_into_the_pool() {
    // As Python's does: each module with a memory and a table of its own.
    let modules: String = (0..20)
        .map(|number| {
            format!(
                "(core module $M{number} (memory 1) (table 10 funcref)) (core instance (instantiate $M{number}))"
            )
        })
        .collect();
    let guest = Guest::store().top(&modules);
    assert_eq!(reply(apply(guest.start().as_mut(), b"x")), "x");
    // The text is that of a component in the first place.
    assert!(!wat(&guest.text()).is_empty());
}

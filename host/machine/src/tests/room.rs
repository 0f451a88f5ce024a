use super::kit::{Guest, apply, group, reply, small};
use crate::{Engine, EngineConfig, map_limit::MAPS_PER_INSTANCE};
use quorate_replica::ports::{GroupLimits, HostFault, Instance, Plugin};
use std::{fs, sync::mpsc, thread, time::Duration};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn engine(instances_max: u32, instance_wait: Duration) -> Engine {
    Engine::new(&EngineConfig { instances_max, instance_wait, ..small() }).expect("starts")
}

fn start(plugin: &dyn Plugin) -> Result<Box<dyn Instance>, HostFault> {
    plugin.start(&group(), &GroupLimits::default())
}

#[test]
fn without_room_a_store_machine_waits_for_an_instance_to_end() {
    let engine = engine(1, LONG);
    let plugin = engine.compile(&Guest::store().bytes()).expect("compiles");
    let held = start(plugin.as_ref()).expect("there is room");
    let (done, waited) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut instance = start(plugin.as_ref()).expect("once there is room");
            done.send(reply(apply(instance.as_mut(), b"x"))).expect("somebody waits");
        });
        assert!(waited.recv_timeout(Duration::from_millis(50)).is_err(), "the only place is taken");
        drop(held);
        assert_eq!(waited.recv().expect("it came"), "x");
    });
    assert_eq!(engine.instances(), 0);
}

#[test]
fn a_wait_without_end_is_a_fault_of_the_host() {
    let engine = engine(2, Duration::from_millis(20));
    let plugin = engine.compile(&Guest::store().bytes()).expect("compiles");
    let held: Vec<_> = (0..2).map(|_| start(plugin.as_ref()).expect("there is room")).collect();
    let fault = start(plugin.as_ref()).err().expect("both places are taken");
    assert!(fault.to_string().contains("2 instances live"), "{fault}");
    assert!(fault.to_string().contains("raise plugin_instances_max"), "{fault}");
    drop(held);
    assert!(start(plugin.as_ref()).is_ok());
}

#[test]
fn memory_machines_that_stay_leave_room_for_what_goes_soon() {
    let engine = engine(16, Duration::from_millis(20));
    let memory = engine.compile(&Guest::memory().bytes()).expect("compiles");
    let store = engine.compile(&Guest::store().bytes()).expect("compiles");
    let mut held: Vec<_> = (0..14).map(|_| start(memory.as_ref()).expect("there is room")).collect();
    assert!(!memory.has_room(), "the rest is for what goes soon");
    assert!(store.has_room());
    // In the place of another, or for one query.
    let short = start(memory.as_ref()).expect("there is room");
    held.push(start(store.as_ref()).expect("there is room"));
    let fault = start(memory.as_ref()).err().expect("no room is left at all");
    assert!(fault.is_no_room(), "{fault}");
    assert!(
        fault.to_string().contains("16 instances live, 15 of them of memory machines, and 16 may"),
        "{fault}"
    );
    assert!(!store.has_room());
    drop(short);
    engine.compile(&Guest::memory().apply("(call $ok_u64 (i64.const 1))").bytes()).expect("compiles");
}

#[test]
fn a_pool_that_is_short_of_memories_is_waited_for_as_well() {
    // Room for four instances of one memory each, and the 32 memories of one large plugin.
    let engine = engine(4, Duration::from_millis(20));
    let modules: String = (0..17)
        .map(|number| format!("(core module $M{number} (memory 1)) (core instance (instantiate $M{number}))"))
        .collect();
    let large = engine.compile(&Guest::store().top(&modules).bytes()).expect("compiles");
    let first = start(large.as_ref()).expect("18 of 36 memories");
    let second = start(large.as_ref()).expect("the other 18");
    let fault = start(large.as_ref()).err().expect("no memory is left");
    assert!(fault.to_string().contains("no room for another instance"), "{fault}");
    assert_eq!(engine.instances(), 2, "what did not come to be counts for nothing");
    drop((first, second));
    assert!(start(large.as_ref()).is_ok());
}

#[test]
fn an_instance_takes_no_more_memory_maps_than_the_engine_counts_with() {
    let Ok(before) = fs::read_to_string("/proc/self/maps") else { return };
    let engine = engine(256, LONG);
    let guest = Guest::memory().apply("(drop (memory.grow (i32.const 3))) (call $ok_u64 (i64.const 0))");
    let plugin = engine.compile(&guest.bytes()).expect("compiles");
    let mut held: Vec<_> = (0..200).map(|_| start(plugin.as_ref()).expect("there is room")).collect();
    for instance in &mut held {
        reply(apply(instance.as_mut(), b""));
    }
    let after = fs::read_to_string("/proc/self/maps").expect("it could be read before");
    let taken = after.lines().count().saturating_sub(before.lines().count());
    // Other tests of this process come and go.
    let others = 1_000;
    assert!(u64::try_from(taken).expect("few") <= 200 * MAPS_PER_INSTANCE + others, "{taken}");
}

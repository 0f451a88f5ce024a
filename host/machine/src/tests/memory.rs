use super::kit::{Guest, Run as _, apply, reply, trapped};
use quorate_replica::ports::{Call, GroupLimits, TrapKind};

const MIB: u64 = 1 << 20;

/// Asks for so many pages as the two bytes of the command say, and traps as allocators do when it gets none, unless the
/// command has a third byte.
fn grower() -> Guest {
    Guest::store().apply(
        "(if (i32.eq (memory.grow (i32.load16_u (local.get $ptr))) (i32.const -1)) (then
            (if (i32.eq (local.get $len) (i32.const 2)) (then unreachable))
            (return (call $err (i32.const 0) (i32.const 0)))))
        (call $ok_u64 (i64.extend_i32_u (memory.size)))",
    )
}

fn grow(command: &'static [u8]) -> Call {
    let limits = GroupLimits { memory_bytes_max: 2 * MIB, ..GroupLimits::default() };
    apply(grower().start_with(&limits).as_mut(), command)
}

#[test]
fn memory_grows_up_to_the_limit_and_not_past_it() {
    assert_eq!(reply(grow(b"\x1f\x00")).as_ref(), 32_u64.to_le_bytes(), "one page and 31 more are 2 MiB");
    let call = grow(b"\x20\x00");
    let (kind, message) = trapped(&call);
    assert_eq!(kind, TrapKind::OutOfMemory);
    assert!(message.contains("2097152 bytes"), "{message}");
}

#[test]
fn a_plugin_that_copes_with_a_refused_growth_goes_on() {
    let call = grow(b"\x20\x00!");
    assert!(matches!(call.outcome, quorate_replica::ports::Outcome::Rejection(_)));
}

#[test]
fn a_growth_past_what_memory_can_address_is_no_fault_of_the_host() {
    // 65,535 pages more than one: 4 GiB, and with the largest limit there is.
    let limits = GroupLimits { memory_bytes_max: 4 << 30, ..GroupLimits::default() };
    let guest = Guest::store().apply(
        "(if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then unreachable))
        (call $ok (i32.const 0) (i32.const 0))",
    );
    reply(apply(guest.start_with(&limits).as_mut(), b""));
}

#[test]
fn a_growth_past_the_memorys_own_maximum_is_no_fault_of_the_host() {
    let guest = Guest::store()
        .module("(memory $own 1 2)")
        .apply("(call $ok_u64 (i64.extend_i32_s (memory.grow $own (i32.const 2))))");
    assert_eq!(reply(apply(guest.start().as_mut(), b"")).as_ref(), (-1_i64).to_le_bytes());
}

#[test]
fn all_memories_of_an_instance_count_together() {
    let limits = GroupLimits { memory_bytes_max: 2 * MIB, ..GroupLimits::default() };
    let guest = Guest::store().module("(memory $own 1)").apply(
        "(drop (memory.grow (i32.const 15)))
        (call $ok_u64 (i64.extend_i32_s (memory.grow $own (i32.const 16))))",
    );
    assert_eq!(reply(apply(guest.start_with(&limits).as_mut(), b"")).as_ref(), (-1_i64).to_le_bytes());
}

#[test]
fn tables_grow_up_to_the_limit_and_not_past_it() {
    let guest = Guest::store().module("(table $t 10 funcref)").apply(
        "(call $ok_u64 (i64.extend_i32_s
            (table.grow $t (ref.null func) (i32.load8_u (local.get $ptr)))))",
    );
    let limits = GroupLimits { table_elements_max: 100, ..GroupLimits::default() };
    let grow = |command| reply(apply(guest.start_with(&limits).as_mut(), command));
    assert_eq!(grow(b"\x5a").as_ref(), 10_i64.to_le_bytes());
    assert_eq!(grow(b"\x5b").as_ref(), (-1_i64).to_le_bytes());
}

#[test]
fn a_trap_after_an_earlier_call_met_the_limit_is_an_ordinary_one() {
    let limits = GroupLimits { memory_bytes_max: 2 * MIB, ..GroupLimits::default() };
    let guest = Guest::store().apply(
        "(if (i32.eqz (local.get $len)) (then unreachable))
        (drop (memory.grow (i32.const 1000)))
        (call $ok (i32.const 0) (i32.const 0))",
    );
    let mut instance = guest.start_with(&limits);
    reply(apply(instance.as_mut(), b"grow"));
    assert_eq!(trapped(&apply(instance.as_mut(), b"")).0, TrapKind::Instruction);
}

#[test]
fn a_slot_is_clean_for_the_next_instance() {
    let guest = Guest::store().apply(
        "(local.set $n (i64.load (i32.const 60000)))
        (i64.store (i32.const 60000) (i64.const 99))
        (call $ok_u64 (local.get $n))",
    );
    for _ in 0..100 {
        assert_eq!(reply(apply(guest.start().as_mut(), b"")).as_ref(), 0_u64.to_le_bytes());
    }
}

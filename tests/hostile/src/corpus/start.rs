//! What goes wrong before the first call.

use super::OK;
use crate::{
    Case,
    case::{
        Step, command, contained, contained_within, query, replies, replies_anything, small_limits,
        tell_traps, traps,
    },
    refused,
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits, LifecycleEvent,
    TrapKind::{Instruction, NotAllowed, OutOfFuel, OutOfMemory},
};

fn starting(body: &str) -> String {
    format!("(func $begin {body}) (start $begin)")
}

pub(super) fn cases() -> Vec<Case> {
    // The number of the group tells a check from real life.
    let only_in_group = |body: &str| {
        starting(&format!(
            "(call $group (i32.const 64)) (if (i64.eq (i64.load (i32.const 64)) (i64.const 7)) (then {body}))"
        ))
    };
    let in_a_small_group =
        starting("(if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then unreachable))");
    vec![
        refused!(
            "a start function that loops",
            Guest::store().module(&starting("(loop $l (br $l))")).bytes(),
            DoesNotStart { .. },
            "out of fuel"
        ),
        refused!(
            "a start function that traps",
            Guest::memory().module(&starting("unreachable")).bytes(),
            DoesNotStart { .. },
            "unreachable"
        ),
        refused!(
            "a start function that recurses",
            Guest::memory().module("(func $begin (call $begin) (call $begin)) (start $begin)").bytes(),
            DoesNotStart { .. },
            "stack"
        ),
        refused!(
            "a start function that reads the store",
            Guest::store()
                .module(&starting("(call $get (i32.const 0) (i32.const 0) (i32.const 64))"))
                .bytes(),
            DoesNotStart { .. },
            "the start of an instance"
        ),
        refused!(
            "data behind the end of memory",
            Guest::store().module(r#"(data (i32.const 70000) "x")"#).bytes(),
            DoesNotStart { .. },
            "out of bounds"
        ),
        contained(
            "a start function that traps where it runs for real",
            &Guest::store().lifecycle("").module(&only_in_group("unreachable")),
            vec![
                command("a", traps(Instruction)),
                query("a", traps(Instruction)),
                tell_traps(LifecycleEvent::LeaderStart { term: 2 }, Instruction),
            ],
        ),
        contained(
            "a memory machine that does not start where it runs for real",
            &Guest::memory().module(&only_in_group("(loop $l (br $l))")),
            vec![
                command("a", traps(OutOfFuel)),
                Step::Checkpoint(Err("out of fuel")),
                Step::Restart,
                query("a", traps(OutOfFuel)),
            ],
        ),
        contained(
            "a start function that draws random numbers",
            &Guest::memory()
                .module(&starting("(i64.store (i32.const 64) (call $random))"))
                .apply("(call $ok (i32.const 64) (i32.const 8))"),
            vec![command("", replies_anything()), Step::Checkpoint(Ok(())), command("", replies_anything())],
        ),
        contained(
            "a start function that logs",
            &Guest::store().module(&starting("(call $log (i32.const 2) (i32.const 512) (i32.const 16))")),
            vec![command("a", replies(b"a").logging(0))],
        ),
        contained_within(
            "a start function that traps in a group of little memory",
            &Guest::store().lifecycle("").module(&in_a_small_group),
            GroupLimits { memory_bytes_max: 1 << 20, ..small_limits() },
            vec![
                command("a", traps(OutOfMemory)),
                query("a", traps(OutOfMemory)),
                tell_traps(LifecycleEvent::LeaderStart { term: 2 }, OutOfMemory),
            ],
        ),
        contained_within(
            "a memory machine that does not start in a group of little memory",
            &Guest::memory().module(&in_a_small_group),
            GroupLimits { memory_bytes_max: 1 << 20, ..small_limits() },
            vec![
                command("a", traps(OutOfMemory)),
                Step::Checkpoint(Err("out of memory")),
                Step::Restart,
                query("a", traps(OutOfMemory)),
            ],
        ),
        contained_within(
            "a start function that loops in a group of little memory",
            &Guest::store().module(&starting(
                "(if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then (loop $l (br $l))))",
            )),
            GroupLimits { memory_bytes_max: 1 << 20, ..small_limits() },
            vec![command("a", traps(OutOfFuel))],
        ),
        contained(
            "a start function that does much, each time",
            &Guest::store()
                .module(&starting(
                    "(local $i i32) (local.set $i (i32.const 1000000))
                    (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))",
                ))
                .apply(&format!("(call $propose (i32.const 0) (i32.const 0)) {OK}"))
                .query("unreachable"),
            vec![command("a", traps(NotAllowed)), query("a", traps(Instruction))],
        ),
    ]
}

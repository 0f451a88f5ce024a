//! Saves and loads that mean harm in checkpoints that are prepared in the background. The twin never prepares in time, and
//! opens again before each step: what is saved when, and by whom, must make no difference.

use super::{FOR_EVER, SAVED, TRAP_ON_X, snapshots::counter};
use crate::{
    Case,
    case::{
        Step, background, command, contained, contained_within, query, replies_anything, replies_number,
        small_limits, tell, traps,
    },
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits, LifecycleEvent,
    TrapKind::{Instruction, OutOfFuel, OutOfMemory},
};

/// A checkpoint of this guest fails, and commands go on as if there had been none.
fn failing(name: &'static str, guest: &Guest, says: &'static str) -> Case {
    contained(
        name,
        guest,
        vec![
            command("", replies_number(1)),
            background([("", replies_number(2))], Err(says)),
            command("", replies_number(3)),
            Step::Restart,
            background([], Err(says)),
            command("", replies_number(4)),
        ],
    )
}

pub(super) fn cases() -> Vec<Case> {
    let write = "(call $write (i32.const 64) (i32.const 8))";
    let grow = "(if (local.get $len) (then (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))))";
    let count = "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1))) (call $ok (i32.const 64) (i32.const 8))";
    vec![
        failing("a save in the background that never ends", &counter().save(FOR_EVER), "out of fuel"),
        failing("a save in the background that traps", &counter().save("unreachable"), "unreachable"),
        failing(
            "a load in the background that never ends",
            &counter_that_fails_later(FOR_EVER),
            "out of fuel",
        ),
        failing(
            "a load in the background that traps",
            &counter_that_fails_later("unreachable"),
            "unreachable",
        ),
        failing(
            "a load in the background that refuses",
            &counter_that_fails_later("(return (call $answer (i32.const 1) (i32.const 0) (i32.const 0)))"),
            "refused",
        ),
        failing(
            "a load in the background that takes all memory",
            &counter_that_fails_later(
                "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
            ),
            "out of memory",
        ),
        failing(
            "a chunk in the background that is too large",
            &counter().pages(20).save(&format!("(call $write (i32.const 0) (i32.const 1048577)) {SAVED}")),
            "1048576",
        ),
        contained_within(
            "a snapshot in the background without end",
            &counter()
                .pages(20)
                .save("(loop $l (call $write (i32.const 0) (i32.const 1048576)) (br $l)) unreachable"),
            GroupLimits { snapshot_bytes_max: 8 << 20, ..small_limits() },
            vec![background([("", replies_number(1))], Err("8388608")), command("", replies_number(2))],
        ),
        contained(
            "a save in the background that changes the state",
            &counter().save(&format!("{write} (i64.store (i32.const 64) (i64.const 99)) {SAVED}")),
            vec![
                command("", replies_number(1)),
                background([("", replies_number(2))], Ok(())),
                command("", replies_number(3)),
                Step::Restart,
                command("", replies_number(4)),
            ],
        ),
        contained(
            "a snapshot in the background by random numbers",
            &counter().load(&format!("(i64.store (i32.const 64) (call $random)) {SAVED}")),
            vec![
                background([("", replies_anything())], Ok(())),
                command("", replies_anything()),
                Step::Restart,
                command("", replies_anything()),
            ],
        ),
        contained(
            "a query, a callback and traps around a checkpoint in the background",
            &counter()
                .lifecycle("(i64.store (i32.const 64) (i64.const 1000))")
                .apply(&format!("{TRAP_ON_X} {count}"))
                .query("(i64.store (i32.const 64) (i64.const 1000)) (call $ok (i32.const 64) (i32.const 8))"),
            vec![
                command("", replies_number(1)),
                query("", replies_number(1_000)),
                tell(LifecycleEvent::LeaderStart { term: 2 }, 0),
                background(
                    [("x", traps(Instruction)), ("", replies_number(2)), ("x", traps(Instruction))],
                    Ok(()),
                ),
                query("", replies_number(1_000)),
                command("", replies_number(3)),
            ],
        ),
        contained(
            "memory that is taken before and behind a checkpoint in the background",
            // The successor has not what was taken before, and takes what is taken meanwhile.
            &counter().apply(&format!("{grow} {count}")),
            vec![
                command("x", replies_number(1)),
                background([("x", replies_number(2)), ("x", traps(OutOfMemory))], Ok(())),
                command("x", replies_number(3)),
                command("x", traps(OutOfMemory)),
            ],
        ),
        contained(
            "commands that never end around a checkpoint in the background",
            &counter().apply(&format!("(if (local.get $len) (then {FOR_EVER})) {count}")),
            vec![
                background(
                    [("x", traps(OutOfFuel)), ("", replies_number(1)), ("x", traps(OutOfFuel))],
                    Ok(()),
                ),
                command("x", traps(OutOfFuel)),
                command("", replies_number(2)),
            ],
        ),
    ]
}

/// A counter whose load does this.
fn counter_that_fails_later(load: &str) -> Guest {
    counter().load(&format!("{load} {SAVED}"))
}

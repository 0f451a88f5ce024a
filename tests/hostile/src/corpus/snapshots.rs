//! Snapshots that lie, flood or break.

use super::{OK, SAVED};
use crate::{
    Case,
    case::{Step, command, contained, contained_within, query, replies, replies_number, small_limits, traps},
};
use quorate_guests::Guest;
use quorate_replica::ports::{GroupLimits, TrapKind::NotAllowed};

/// Counts in its memory, at 64.
pub(super) fn counter() -> Guest {
    Guest::memory()
        .apply(
            "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
            (call $ok (i32.const 64) (i32.const 8))",
        )
        .query("(call $ok (i32.const 64) (i32.const 8))")
        .save(&format!("(call $write (i32.const 64) (i32.const 8)) {SAVED}"))
        .load(&format!("{READ} (i64.store (i32.const 64) (i64.load (i32.load (i32.const 80)))) {SAVED}"))
}

const READ: &str = "(call $read (i32.const 8) (i32.const 80))";

pub(super) fn cases() -> Vec<Case> {
    let escapes = r#"(data (i32.const 512) "no\0aroom\1b[31m")"#;
    vec![
        contained(
            "a load that makes another state than was saved",
            &counter().load(&format!("(i64.store (i32.const 64) (i64.const 41)) {SAVED}")),
            // The same other state on every replica, from the checkpoint on.
            vec![
                command("", replies_number(1)),
                Step::Checkpoint(Ok(())),
                query("", replies_number(41)),
                command("", replies_number(42)),
                Step::Restart,
                command("", replies_number(43)),
            ],
        ),
        contained(
            "a save that changes the state",
            &counter().save(&format!(
                "(call $write (i32.const 64) (i32.const 8)) (i64.store (i32.const 64) (i64.const 99)) {SAVED}"
            )),
            vec![command("", replies_number(1)), Step::Checkpoint(Ok(())), command("", replies_number(2))],
        ),
        contained(
            "a save that changes the state and then fails",
            &counter().save("(i64.store (i32.const 64) (i64.const 99)) unreachable"),
            vec![
                command("", replies_number(1)),
                Step::Checkpoint(Err("unreachable")),
                command("", replies_number(2)),
            ],
        ),
        contained(
            "a load by random numbers and the name of the group",
            &counter().load(&format!(
                "(call $group (i32.const 96)) (i64.store (i32.const 64) (i64.xor (call $random) (i64.load (i32.const 96)))) {SAVED}"
            )),
            vec![
                Step::Checkpoint(Ok(())),
                command("", crate::case::replies_anything()),
                Step::Checkpoint(Ok(())),
                command("", crate::case::replies_anything()),
            ],
        ),
        contained(
            "a save that refuses with control characters",
            &counter().module(escapes).save("(call $answer (i32.const 1) (i32.const 512) (i32.const 12))"),
            vec![
                command("", replies_number(1)),
                Step::Checkpoint(Err("no\\nroom\\u{1b}[31m")),
                command("", replies_number(2)),
            ],
        ),
        contained(
            "a load that refuses",
            &counter().load("(call $answer (i32.const 1) (i32.const 0) (i32.const 0))"),
            vec![command("", replies_number(1)), Step::Checkpoint(Err("refused")), command("", replies_number(2))],
        ),
        contained(
            "a save that writes nothing",
            &counter().save(SAVED).load(&format!("{READ} {SAVED}")),
            vec![command("", replies_number(1)), Step::Checkpoint(Ok(())), command("", replies_number(1))],
        ),
        contained(
            "a chunk that is too large",
            &counter().pages(20).save(&format!("(call $write (i32.const 0) (i32.const 1048577)) {SAVED}")),
            vec![Step::Checkpoint(Err("1048576")), command("", replies_number(1))],
        ),
        contained_within(
            "a snapshot without end",
            &counter()
                .pages(20)
                .save("(loop $l (call $write (i32.const 0) (i32.const 1048576)) (br $l)) unreachable"),
            GroupLimits { snapshot_bytes_max: 8 << 20, ..small_limits() },
            vec![Step::Checkpoint(Err("8388608")), command("", replies_number(1))],
        ),
        contained(
            "a snapshot of many small chunks",
            &counter().save("(loop $l (call $write (i32.const 0) (i32.const 0)) (br $l)) unreachable"),
            vec![Step::Checkpoint(Err("out of fuel")), command("", replies_number(1))],
        ),
        contained(
            "a snapshot stream used in apply and query",
            &Guest::memory()
                .apply(&format!("(call $write (i32.const 0) (i32.const 1)) {OK}"))
                .query(&format!("{READ} {OK}")),
            vec![command("", traps(NotAllowed)), query("", traps(NotAllowed))],
        ),
        contained(
            "a save that reads and a load that writes",
            &counter().save(&format!("{READ} {SAVED}")),
            vec![Step::Checkpoint(Err("only in load")), command("", replies_number(1))],
        ),
        contained(
            "a save that emits and proposes",
            &counter().save(&format!("(call $propose (i32.const 0) (i32.const 1)) {SAVED}")),
            vec![Step::Checkpoint(Err("only in a lifecycle callback")), command("", replies_number(1))],
        ),
        contained(
            "a load that takes all memory",
            &counter().load("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"),
            vec![Step::Checkpoint(Err("out of memory")), command("", replies_number(1)), query("", replies_number(1))],
        ),
        contained(
            "a state machine that answers and saves nothing",
            &Guest::memory(),
            vec![command("a", replies(b"a")), Step::Checkpoint(Ok(())), Step::Restart, command("b", replies(b"b"))],
        ),
    ]
}

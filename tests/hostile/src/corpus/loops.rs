//! What never comes to an end.

use super::{FOR_EVER, OK, SAVED, again_and_again};
use crate::{
    Case,
    case::{Step, command, contained, entry, query, replies, tell_traps, traps},
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    LifecycleEvent,
    TrapKind::{Instruction, OutOfFuel, StackOverflow},
};

pub(super) fn cases() -> Vec<Case> {
    let recurse =
        "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    let tail = "(func $next (param i32) (result i32) (return_call $next (local.get 0)))";
    let indirect = "(type $again (func (result i32))) (table 1 funcref) (elem (i32.const 0) $self)
        (func $self (result i32) (i32.add (i32.const 1) (call_indirect (type $again) (i32.const 0))))";
    vec![
        contained(
            "an endless loop in apply",
            &Guest::store().apply(FOR_EVER),
            vec![command("", traps(OutOfFuel)), query("still", replies(b"still"))],
        ),
        contained(
            "an endless loop in apply of a memory machine",
            &Guest::memory().apply(FOR_EVER),
            vec![command("", traps(OutOfFuel)), Step::Restart, query("still", replies(b"still"))],
        ),
        contained(
            "an endless loop amid healthy commands",
            &Guest::store().apply(
                "(if (i32.eqz (local.get $len)) (then (loop $l (br $l)))) (call $ok (local.get $ptr) (local.get $len))",
            ),
            vec![entry([("a", replies(b"a")), ("", traps(OutOfFuel)), ("b", replies(b"b"))])],
        ),
        contained(
            "an endless loop in query",
            &Guest::store().query(FOR_EVER),
            vec![query("", traps(OutOfFuel)), command("still", replies(b"still"))],
        ),
        contained(
            "an endless loop in query of a memory machine",
            &Guest::memory().query(FOR_EVER),
            vec![query("", traps(OutOfFuel)), query("", traps(OutOfFuel)), command("still", replies(b"still"))],
        ),
        contained(
            "an endless loop in a callback",
            &Guest::store().lifecycle("(loop $for-ever (br $for-ever))"),
            vec![
                tell_traps(LifecycleEvent::LeaderStart { term: 2 }, OutOfFuel),
                tell_traps(LifecycleEvent::Shutdown, OutOfFuel),
                command("still", replies(b"still")),
            ],
        ),
        contained(
            "an endless loop in save",
            &Guest::memory().save(FOR_EVER),
            vec![command("a", replies(b"a")), Step::Checkpoint(Err("out of fuel")), command("b", replies(b"b"))],
        ),
        contained(
            "an endless loop in load",
            &Guest::memory().load(FOR_EVER),
            vec![command("a", replies(b"a")), Step::Checkpoint(Err("out of fuel")), command("b", replies(b"b"))],
        ),
        contained(
            "a load that reads on behind the end",
            &Guest::memory().load(&again_and_again("(call $read (i32.const 1) (i32.const 64))")),
            vec![Step::Checkpoint(Err("out of fuel")), command("b", replies(b"b"))],
        ),
        contained(
            "endless recursion",
            &Guest::store().module(recurse).apply("(call $deeper (i32.const 0))"),
            vec![command("", traps(StackOverflow)), query("still", replies(b"still"))],
        ),
        contained(
            "endless recursion in query and save",
            &Guest::memory()
                .module(recurse)
                .query("(call $deeper (i32.const 0))")
                .save("(call $deeper (i32.const 0))"),
            vec![
                query("", traps(StackOverflow)),
                Step::Checkpoint(Err("stack overflow")),
                command("still", replies(b"still")),
            ],
        ),
        contained(
            "endless recursion through a table",
            &Guest::store().module(indirect).apply("(call $self)"),
            vec![command("", traps(StackOverflow))],
        ),
        contained(
            "endless tail calls",
            &Guest::store().module(tail).apply("(call $next (i32.const 0))"),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "recursion with frames of thousands of locals",
            &Guest::store()
                .module(&format!(
                    "(func $deeper (param i64) (result i64) (local {}) {} (call $deeper (local.get 0)) {})",
                    "i64 ".repeat(2_000),
                    (1..2_000).map(|i| format!("(local.set {i} (i64.load (i32.const {i})))")).collect::<String>(),
                    (1..2_000).map(|i| format!("(local.get {i}) i64.add ")).collect::<String>(),
                ))
                .apply(&format!("(drop (call $deeper (i64.const 1))) {OK}")),
            vec![command("", traps(StackOverflow))],
        ),
        contained(
            "bulk copies in a loop",
            &Guest::store().pages(200).apply(&again_and_again(
                "(memory.copy (i32.const 65536) (i32.const 2000000) (i32.const 8000000))
                (memory.fill (i32.const 65536) (i32.const 1) (i32.const 8000000))",
            )),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "bulk copies of tables in a loop",
            &Guest::store().module("(table $t 90000 funcref)").apply(&again_and_again(
                "(table.fill $t (i32.const 0) (ref.null func) (i32.const 90000))
                (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 89000))",
            )),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "a save that answers with an endless error text",
            &Guest::memory().pages(100).save("(call $answer (i32.const 1) (i32.const 2048) (i32.const 4000000))"),
            vec![Step::Checkpoint(Err("refused")), command("b", replies(b"b"))],
        ),
        contained(
            "a trap in save",
            &Guest::memory().save("unreachable"),
            vec![Step::Checkpoint(Err("unreachable")), command("b", replies(b"b"))],
        ),
        contained(
            "a trap in load",
            &Guest::memory().load("unreachable"),
            vec![Step::Checkpoint(Err("unreachable")), Step::Restart, command("b", replies(b"b"))],
        ),
        contained(
            "traps without end",
            &Guest::memory().apply("unreachable").save(SAVED),
            (0..20).map(|_| command("x", traps(Instruction))).collect(),
        ),
    ]
}

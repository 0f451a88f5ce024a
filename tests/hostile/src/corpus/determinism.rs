//! The doors by which replicas could come to differ. Each step runs on a replica that lives on and on one that is opened
//! again each time; the exact answers show that none of it hangs on this machine.

use super::again_and_again;
use crate::{
    Case,
    case::{Step, command, contained, entry, query, replies, replies_anything, replies_number, traps},
};
use quorate_guests::Guest;
use quorate_replica::ports::TrapKind::{Instruction, OutOfMemory, StackOverflow};

/// The only bits a NaN may have that arithmetic made.
const NAN_64: u64 = 0x7ff8_0000_0000_0000;
const NAN_32: u64 = 0x7fc0_0000;

fn nan(name: &'static str, expression: &str, bits: u64) -> Case {
    contained(
        name,
        &Guest::store().apply(&format!("(call $ok_u64 {expression})")),
        vec![command("", replies_number(bits))],
    )
}

pub(super) fn cases() -> Vec<Case> {
    let zero = "(f64.convert_i32_s (local.get $i))";
    let small_zero = "(f32.convert_i32_s (local.get $i))";
    let odd_nan =
        "(f64.reinterpret_i64 (i64.or (i64.extend_i32_u (local.get $i)) (i64.const 0xfff0dead00000001)))";
    let count = "(i64.store (i32.const 256) (i64.add (i64.load (i32.const 256)) (i64.const 1))) (call $ok (i32.const 256) (i32.const 8))";
    vec![
        nan("the bits of zero by zero", &format!("(i64.reinterpret_f64 (f64.div {zero} {zero}))"), NAN_64),
        nan(
            "the bits of the root of a negative number",
            &format!("(i64.reinterpret_f64 (f64.sqrt (f64.sub {zero} (f64.const 1))))"),
            NAN_64,
        ),
        nan(
            "the bits of a NaN that went through arithmetic",
            &format!("(i64.reinterpret_f64 (f64.add {odd_nan} (f64.const 1)))"),
            NAN_64,
        ),
        nan(
            "the bits of a small zero by zero",
            &format!("(i64.extend_i32_u (i32.reinterpret_f32 (f32.div {small_zero} {small_zero})))"),
            NAN_32,
        ),
        nan(
            "the bits of a NaN made smaller",
            &format!("(i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64 {odd_nan})))"),
            NAN_32,
        ),
        nan(
            "the bits of NaNs in a vector",
            &format!("(i64x2.extract_lane 1 (f64x2.div (f64x2.splat {zero}) (f64x2.splat {zero})))"),
            NAN_64,
        ),
        nan(
            "the bits of the least of a NaN and a number",
            &format!("(i64.reinterpret_f64 (f64.min {odd_nan} (f64.const 1)))"),
            NAN_64,
        ),
        contained(
            "memory that nobody wrote to",
            &Guest::store().pages(4).apply("(call $ok (i32.const 131072) (i32.const 64))"),
            vec![entry([("", replies(&[0; 64])), ("", replies(&[0; 64]))])],
        ),
        contained(
            "memory that another instance wrote to",
            &Guest::store().pages(4).apply(
                "(i64.store (i32.const 256) (i64.load (i32.const 200000)))
                (memory.fill (i32.const 131072) (i32.const 255) (i32.const 131072)) (call $ok (i32.const 256) (i32.const 8))",
            ),
            vec![command("", replies_number(0)), command("", replies_number(0)), command("", replies_number(0))],
        ),
        contained(
            "how far memory grows",
            &Guest::store().apply(
                "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                (call $ok_u64 (i64.extend_i32_u (memory.size)))",
            ),
            vec![command("", replies_number(256)), entry([("", replies_number(256)), ("", replies_number(256))])],
        ),
        contained(
            "what a failed growth answers",
            &Guest::store().apply("(call $ok_u64 (i64.extend_i32_s (memory.grow (i32.const 60000))))"),
            vec![command("", replies_number(u64::MAX))],
        ),
        contained(
            "a call through an empty table",
            &Guest::store()
                .module("(table 4 funcref) (type $f (func (result i32)))")
                .apply("(call_indirect (type $f) (i32.const 2))"),
            vec![command("", traps(Instruction))],
        ),
        contained(
            "a call through a table of another type",
            &Guest::store()
                .module("(table 1 funcref) (type $f (func (result i32))) (elem (i32.const 0) $random)")
                .apply("(call_indirect (type $f) (i32.const 0))"),
            vec![command("", traps(Instruction))],
        ),
        contained(
            "how deep the stack is",
            &Guest::store()
                .module(
                    "(func $deeper (i64.store (i32.const 256) (i64.add (i64.load (i32.const 256)) (i64.const 1)))
                        (call $deeper) (i64.store (i32.const 264) (i64.const 1)))",
                )
                .apply("(if (local.get $len) (then (call $deeper))) (call $ok (i32.const 256) (i32.const 8))"),
            // The depth is lost with the instance: nothing of it reaches an answer.
            vec![entry([("x", traps(StackOverflow)), ("", replies_number(0))])],
        ),
        contained(
            "where a command lies in memory",
            &Guest::memory().apply("(call $ok_u64 (i64.extend_i32_u (local.get $ptr)))"),
            // It hangs on the commands before, which are the same everywhere, and not on restarts or queries.
            vec![
                entry([("one", replies_number(2_048)), ("two", replies_number(2_056))]),
                query("a question in between", replies(b"a question in between")),
                Step::Restart,
                command("three", replies_number(2_064)),
                Step::Checkpoint(Ok(())),
                command("four", replies_number(2_048)),
            ],
        ),
        contained(
            "memory that runs out sooner on an older instance",
            &Guest::memory().apply(&format!(
                "(if (local.get $len) (then (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)))) {count}"
            )),
            vec![
                command("x", replies_number(1)),
                command("x", replies_number(2)),
                command("x", traps(OutOfMemory)),
                command("", replies_number(3)),
                Step::Restart,
                command("x", traps(OutOfMemory)),
                command("", replies_number(4)),
            ],
        ),
        contained(
            "random numbers in a query, kept in memory",
            &Guest::memory()
                .query("(i64.store (i32.const 256) (call $random)) (call $ok (i32.const 256) (i32.const 8))")
                .apply("(call $ok (i32.const 256) (i32.const 8))"),
            vec![query("", replies_anything()), command("", replies_number(0)), Step::Restart, command("", replies_number(0))],
        ),
        contained(
            "random numbers as answers",
            &Guest::memory().apply("(call $ok_u64 (call $random))"),
            vec![entry([("a", replies_anything()), ("b", replies_anything())]), Step::Checkpoint(Ok(())), command("c", replies_anything())],
        ),
        contained(
            "the time as an answer",
            &Guest::memory().apply("(call $ok_u64 (local.get $time))"),
            vec![command("", replies_number(1_000)), command("", replies_number(2_000))],
        ),
        contained(
            "how much a loop of the allocator takes before memory ends",
            &Guest::store().apply(&again_and_again("(drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 70000)))")),
            vec![command("", traps(OutOfMemory)), entry([("", traps(OutOfMemory)), ("", traps(OutOfMemory))])],
        ),
    ]
}

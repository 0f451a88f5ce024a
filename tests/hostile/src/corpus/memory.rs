//! Memory and tables without end.

use super::{OK, again_and_again};
use crate::{
    Case,
    case::{
        command, contained, contained_within, entry, query, replies, replies_number, small_limits, traps,
    },
    refused,
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits,
    TrapKind::{Instruction, LimitExceeded, OutOfFuel, OutOfMemory},
};

pub(super) fn cases() -> Vec<Case> {
    let memories = "(memory 1) ".repeat(40);
    let tables = "(table 1 funcref) ".repeat(70);
    vec![
        contained(
            "memory taken page by page until there is none",
            &Guest::store().apply(&again_and_again(
                "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))",
            )),
            vec![command("", traps(OutOfMemory)), query("still", replies(b"still"))],
        ),
        contained(
            "all memory at once",
            &Guest::memory().apply("(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable)) unreachable"),
            vec![command("", traps(OutOfMemory)), query("still", replies(b"still"))],
        ),
        contained(
            "failed growths in a loop",
            &Guest::store().apply(&again_and_again("(drop (memory.grow (i32.const 60000)))")),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "several memories that share one limit",
            &Guest::store().module("(memory $more 0)").apply(
                "(drop (memory.grow (i32.const 128))) (call $ok_u64 (i64.extend_i32_s (memory.grow $more (i32.const 200))))",
            ),
            vec![command("", replies_number(u64::MAX))],
        ),
        contained(
            "a table taken to its limit",
            &Guest::store().module("(table $t 0 funcref)").apply(
                "(drop (table.grow $t (ref.null func) (i32.const 100000)))
                (call $ok_u64 (i64.extend_i32_s (table.grow $t (ref.null func) (i32.const 1))))",
            ),
            vec![command("", replies_number(u64::MAX)), command("", replies_number(u64::MAX))],
        ),
        refused!(
            "a memory that begins larger than any group allows",
            Guest::store().pages(8_192).bytes(),
            DoesNotStart { .. },
            "memory"
        ),
        refused!(
            "a table that begins larger than any group allows",
            Guest::store().module("(table 9000000 funcref)").bytes(),
            DoesNotStart { .. } | DoesNotCompile { .. },
            "table"
        ),
        refused!(
            "forty memories",
            Guest::store().module(&memories).bytes(),
            TooMany { what: "linear memories", .. },
            "linear memories"
        ),
        refused!("seventy tables", Guest::store().module(&tables).bytes(), TooMany { what: "tables", .. }, "tables"),
        contained_within(
            "a memory that begins larger than its group allows",
            &Guest::store().pages(100),
            GroupLimits { memory_bytes_max: 1 << 20, ..small_limits() },
            vec![command("a", traps(OutOfMemory)), query("a", traps(OutOfMemory))],
        ),
        contained_within(
            "a memory machine whose memory begins larger than its group allows",
            &Guest::memory().pages(100),
            GroupLimits { memory_bytes_max: 1 << 20, ..small_limits() },
            vec![entry([("a", traps(OutOfMemory)), ("b", traps(OutOfMemory))]), query("a", traps(OutOfMemory))],
        ),
        contained_within(
            "a table that begins larger than its group allows",
            &Guest::store().module("(table 1000 funcref)"),
            GroupLimits { table_elements_max: 10, ..small_limits() },
            vec![command("a", traps(OutOfMemory))],
        ),
        contained_within(
            "a huge reply",
            &Guest::store().pages(100).apply("(call $ok (i32.const 0) (i32.const 6000000))"),
            GroupLimits { fuel_per_command: 100_000_000, ..small_limits() },
            vec![command("", traps(LimitExceeded)), query("still", replies(b"still"))],
        ),
        contained(
            "a reply as long as the address space",
            &Guest::store().apply("(call $ok (i32.const 0) (i32.const -1))"),
            vec![command("", traps(Instruction))],
        ),
        contained(
            "a huge answer to a query",
            &Guest::memory().pages(100).query("(call $err (i32.const 0) (i32.const 6000000))"),
            vec![query("", traps(LimitExceeded)), command("still", replies(b"still"))],
        ),
        contained_within(
            "memory that earlier commands of the entry took",
            &Guest::store().apply(&format!("(if (i32.eq (memory.grow (i32.const 200)) (i32.const -1)) (then unreachable)) {OK}")),
            GroupLimits { memory_bytes_max: 300 << 16, ..small_limits() },
            vec![entry([("a", replies(b"")), ("b", replies(b"")), ("c", replies(b""))])],
        ),
    ]
}

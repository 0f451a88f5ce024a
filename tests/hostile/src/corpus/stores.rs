//! The store, filled and asked too much.

use super::{OK, TRAP_ON_X, again_and_again};
use crate::{
    Case,
    case::{
        Step, command, contained, contained_within, entry, query, rejects, replies, replies_number,
        small_limits, traps,
    },
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits,
    TrapKind::{Instruction, LimitExceeded, NotAllowed, OutOfFuel, OutOfMemory},
};

/// Another key each time: `$n` in eight bytes at 64.
const NEXT_KEY: &str =
    "(local.set $n (i64.add (local.get $n) (i64.const 1))) (i64.store (i32.const 64) (local.get $n))";

/// How many pairs a scan over everything gives, as far as one call gives them.
const COUNT: &str =
    "(call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)
    (i32.const 0) (i32.const 128)) (call $ok_u64 (i64.extend_i32_u (i32.load (i32.const 132))))";

pub(super) fn cases() -> Vec<Case> {
    let put = |key: u32, value: u32| {
        format!("(call $put (i32.const 0) (i32.const {key}) (i32.const 0) (i32.const {value})) {OK}")
    };
    let put_self = "(call $put (local.get $ptr) (local.get $len) (local.get $ptr) (local.get $len))";
    let remove_all =
        "(call $delete-range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    let scan_all =
        "(call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)
        (i32.const 0) (i32.const 128))";
    let deep = GroupLimits { fuel_per_command: 50_000_000, ..small_limits() };
    vec![
        contained("a key that is too long", &Guest::store().apply(&put(4_097, 0)), vec![
            command("", traps(LimitExceeded)),
            query("still", replies(b"still")),
        ]),
        contained_within(
            "a value that is too long",
            &Guest::store().pages(100).apply(&put(1, 4_194_305)),
            deep.clone(),
            vec![command("", traps(LimitExceeded))],
        ),
        contained("a value behind the end of memory", &Guest::store().apply(&put(1, 70_000)), vec![command("", traps(Instruction),
        )]),
        contained(
            "keys without end",
            &Guest::store().query(COUNT).apply(&again_and_again(&format!(
                "{NEXT_KEY} (call $put (i32.const 64) (i32.const 8) (i32.const 64) (i32.const 8))"
            ))),
            vec![command("", traps(OutOfFuel)), query("", replies_number(0))],
        ),
        contained_within(
            "more bytes than one command may change",
            &Guest::store().query(COUNT).apply(&again_and_again(&format!(
                "{NEXT_KEY} (call $put (i32.const 64) (i32.const 8) (i32.const 0) (i32.const 60000))"
            ))),
            GroupLimits { changed_bytes_per_command_max: 1 << 20, ..deep.clone() },
            vec![command("", traps(LimitExceeded)), query("", replies_number(0))],
        ),
        contained(
            "ranges removed without end",
            &Guest::store().apply(&again_and_again(&format!(
                "{NEXT_KEY} (call $delete-range (i32.const 64) (i32.const 8) (i32.const 1) (i32.const 64) (i32.const 9))"
            ))),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "a range whose end is before its start",
            &Guest::store().query(COUNT).apply(&format!(
                "{put_self} (call $delete-range (i32.const 64) (i32.const 8) (i32.const 1) (i32.const 64) (i32.const 0)) {OK}"
            )),
            vec![command("a", replies(b"")), query("", replies_number(1))],
        ),
        contained(
            "scans without end",
            &Guest::store().apply(&again_and_again(scan_all)),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "scans of a full page until memory is full",
            &Guest::store().apply(&format!(
                "(if (local.get $len) (then {put_self} (return {OK}))) (loop $for-ever {scan_all} (br $for-ever)) unreachable"
            )),
            vec![command("a", replies(b"")), command("b", replies(b"")), command("", traps(OutOfFuel))],
        ),
        contained_within(
            "scans over thousands of keys that the command removed",
            &Guest::store().apply(&format!(
                "(local.set $i (i32.const 10000))
                (loop $l {NEXT_KEY} (call $delete (i32.const 64) (i32.const 8))
                    (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                (loop $for-ever
                    (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)
                        (i32.const 0) (i32.const 128))
                    (br $for-ever)) unreachable"
            )),
            GroupLimits { fuel_per_command: 200_000_000, ..small_limits() },
            vec![command("", traps(OutOfFuel))],
        ),
        contained_within(
            "a large value read until memory is full of it",
            &Guest::store().pages(20).apply(&format!(
                "(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1000000))
                {}", again_and_again("(call $get (i32.const 0) (i32.const 1) (i32.const 64))"))),
            deep.clone(),
            vec![command("", traps(OutOfMemory))],
        ),
        contained("a write in a query", &Guest::store().query(&format!("{put_self} {OK}")), vec![
            query("a", traps(NotAllowed)),
            command("still", replies(b"still")),
        ]),
        contained("a removal in a query", &Guest::store().query(&format!("{remove_all} {OK}")), vec![query("a", traps(NotAllowed),
        )]),
        contained(
            "writes before a trap",
            &Guest::store().query(COUNT).apply(&format!("{put_self} {TRAP_ON_X} {OK}")),
            vec![
                entry([("a", replies(b"")), ("x", traps(Instruction)), ("b", replies(b""))]),
                query("", replies_number(2)),
            ],
        ),
        contained(
            "everything removed before a rejection",
            &Guest::store().query(COUNT).apply(&format!(
                "(if (local.get $len) (then {put_self} (return {OK}))) {remove_all} (call $err (i32.const 0) (i32.const 0))"
            )),
            vec![
                entry([("a", replies(b"")), ("", rejects(b"")), ("b", replies(b""))]),
                query("", replies_number(2)),
            ],
        ),
        contained(
            "memory kept from command to command",
            &Guest::store().apply(
                "(i64.store (i32.const 256) (i64.add (i64.load (i32.const 256)) (i64.const 1)))
                (call $ok (i32.const 256) (i32.const 8))",
            ),
            // Of one entry they share an instance; the next entry has a fresh one, and so has the twin.
            vec![
                entry([("a", replies_number(1)), ("b", replies_number(2))]),
                Step::Restart,
                command("c", replies_number(1)),
            ],
        ),
    ]
}

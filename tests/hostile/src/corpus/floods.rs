//! Too much of what leaves a plugin.

use super::{OK, again_and_again};
use crate::{
    Case,
    case::{
        command, contained, contained_within, entry, query, replies, replies_anything, small_limits, traps,
    },
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits,
    TrapKind::{EntryFull, Instruction, LimitExceeded, NotAllowed, OutOfFuel, OutOfMemory},
};

fn times(count: u32, body: &str) -> String {
    format!(
        "(local.set $i (i32.const {count}))
        (loop $l {body} (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) {OK}"
    )
}

pub(super) fn cases() -> Vec<Case> {
    let log = "(call $log (i32.const 2) (i32.const 512) (i32.const 16))";
    let emit = "(call $emit (i32.const 512) (i32.const 4) (i32.const 512) (i32.const 4))";
    let escapes = r#"(data (i32.const 512) "one\0atwo\1b[2J\0dthree\07\e2\80\ae")"#;
    vec![
        contained(
            "more log lines than a call may write",
            &Guest::store().apply(&times(1_000, log)),
            vec![command("", replies(b"").logging(64))],
        ),
        contained(
            "log lines without end",
            &Guest::store().apply(&again_and_again(log)).query(&again_and_again(log)),
            vec![command("", traps(OutOfFuel).logging(64)), query("", traps(OutOfFuel).logging(64))],
        ),
        contained(
            "a log line of megabytes",
            &Guest::store()
                .pages(40)
                .apply(&format!("(call $log (i32.const 4) (i32.const 4096) (i32.const 2000000)) {OK}")),
            vec![command("", replies(b"").logging(1))],
        ),
        contained(
            "log lines that forge others and steer terminals",
            &Guest::store()
                .module(escapes)
                .apply(&format!("(call $log (i32.const 4) (i32.const 512) (i32.const 21)) {OK}")),
            vec![command("", replies(b"").logging(1))],
        ),
        contained(
            "a log line that is no text",
            &Guest::store()
                .module(r#"(data (i32.const 512) "\ff\fe\c0")"#)
                .apply(&format!("(call $log (i32.const 4) (i32.const 512) (i32.const 3)) {OK}")),
            vec![command("", traps(Instruction))],
        ),
        contained(
            "as many events as a command may emit",
            &Guest::store().apply(&times(256, emit)),
            vec![command("", replies(b"").emitting(256))],
        ),
        contained(
            "one event more than a command may emit",
            &Guest::store().apply(&times(257, emit)),
            vec![command("", traps(LimitExceeded).emitting(0))],
        ),
        contained(
            "an event that is too large",
            &Guest::store().pages(4).apply(&format!(
                "(call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 65536)) {OK}"
            )),
            vec![command("", traps(LimitExceeded).emitting(0))],
        ),
        contained(
            "events of a command that rejects",
            &Guest::store().apply(&format!("{emit} (call $err (i32.const 0) (i32.const 0))")),
            vec![command("", crate::case::rejects(b"").emitting(0))],
        ),
        contained(
            "an event in a query",
            &Guest::store().query(&format!("{emit} {OK}")),
            vec![query("", traps(NotAllowed))],
        ),
        contained(
            "a proposal in apply",
            &Guest::store().apply(&format!("(call $propose (i32.const 0) (i32.const 1)) {OK}")),
            vec![command("", traps(NotAllowed))],
        ),
        contained(
            "a proposal in a query",
            &Guest::memory().query(&format!("(call $propose (i32.const 0) (i32.const 1)) {OK}")),
            vec![query("", traps(NotAllowed)), command("still", replies(b"still"))],
        ),
        contained(
            "random numbers without end",
            &Guest::store().apply(&again_and_again("(drop (call $random))")),
            vec![command("", traps(OutOfFuel))],
        ),
        contained(
            "the name of the group without end",
            &Guest::store().apply(&again_and_again("(call $group (i32.const 64))")),
            vec![command("", traps(OutOfFuel))],
        ),
        contained_within(
            "the name of the group until the memory is full of it",
            &Guest::store().apply(&again_and_again("(call $group (i32.const 64))")),
            GroupLimits { memory_bytes_max: 128 << 10, fuel_per_command: 50_000_000, ..small_limits() },
            vec![command("", traps(OutOfMemory))],
        ),
        contained_within(
            "a command that is too large to be handed over",
            &Guest::store(),
            GroupLimits { command_bytes_max: 4, ..small_limits() },
            vec![command("12345", traps(LimitExceeded)), query("12345", traps(LimitExceeded))],
        ),
        contained_within(
            "a call that copies more than it may",
            &Guest::store()
                .pages(40)
                .apply(&format!("(call $log (i32.const 4) (i32.const 4096) (i32.const 2000000)) {OK}")),
            GroupLimits { host_call_bytes_max: 1 << 20, ..small_limits() },
            vec![command("", traps(LimitExceeded))],
        ),
        contained(
            "answers that are large but allowed, one after the other",
            &Guest::store().pages(64).apply("(call $ok (i32.const 0) (i32.const 2000000))"),
            (0..10).map(|_| command("", replies_anything())).collect(),
        ),
        contained_within(
            "an entry whose commands together give back more than the host would hold",
            &Guest::memory().pages(16).apply("(call $ok (i32.const 0) (i32.const 60000))"),
            GroupLimits { entry_output_bytes_max: 64 << 10, ..small_limits() },
            vec![
                entry([
                    ("", replies_anything()),
                    ("", replies_anything()),
                    ("", traps(EntryFull)),
                    ("", traps(EntryFull)),
                ]),
                command("", replies_anything()),
            ],
        ),
    ]
}

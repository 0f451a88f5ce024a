//! Timers that mean harm.

use super::{FOR_EVER, OK, SAVED, again_and_again};
use crate::{
    Case,
    case::{Step, command, contained, contained_within, fire, query, replies, small_limits, traps},
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits,
    TrapKind::{Instruction, LimitExceeded, NotAllowed, OutOfFuel, OutOfMemory},
};

/// Sets timer 1 for a time that has come.
const SET: &str = "(call $set-timer (i64.const 1) (i64.const 0))";

/// Sets so many timers.
fn many(count: u32) -> String {
    format!(
        "(local.set $i (i32.const {count}))
        (loop $l (call $set-timer (i64.extend_i32_u (local.get $i)) (i64.const 0))
            (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) {OK}"
    )
}

/// Two plugins, of both kinds, whose timer does this.
fn both(name: [&'static str; 2], body: &str, steps: fn() -> Vec<Step>) -> [Case; 2] {
    let apply = format!("{SET} {OK}");
    [Guest::store(), Guest::memory()]
        .map(|guest| guest.apply(&apply).timers(body))
        .into_iter()
        .zip(name)
        .map(|(guest, name)| contained(name, &guest, steps()))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| unreachable!("there are two kinds"))
}

pub(super) fn cases() -> Vec<Case> {
    let set = || command("", replies(b""));
    let mut cases = vec![
        contained(
            "as many timers as a group may have",
            &Guest::store().apply(&many(256)).timers(SAVED),
            vec![set(), fire((0..256).map(|_| replies(b""))), fire([])],
        ),
        contained(
            "one timer more than a group may have",
            &Guest::store().apply(&many(257)).timers(SAVED),
            vec![command("", traps(LimitExceeded)), fire([])],
        ),
        contained(
            "timers without end",
            &Guest::memory().apply(&again_and_again(SET)).timers(SAVED),
            vec![command("", traps(OutOfFuel)), fire([])],
        ),
        contained_within(
            "a timer where none is allowed",
            &Guest::store().apply(&format!("{SET} {OK}")).timers(SAVED),
            GroupLimits { timers_max: 0, ..small_limits() },
            vec![command("", traps(LimitExceeded)), fire([])],
        ),
        contained(
            "a timer at the end of time",
            &Guest::store()
                .apply(&format!("(call $set-timer (i64.const -1) (i64.const -1)) {OK}"))
                .timers("unreachable"),
            vec![set(), fire([])],
        ),
        contained(
            "timers of a plugin that is not called for them",
            &Guest::store().apply(&format!("{SET} {OK}")),
            vec![command("", traps(NotAllowed)), fire([])],
        ),
        contained(
            "timers set and cancelled by a query",
            &Guest::memory().query(&format!("{SET} {OK}")).timers(SAVED),
            vec![query("", traps(NotAllowed)), fire([])],
        ),
        contained(
            "a timer set by a command that rejects",
            &Guest::store()
                .apply(&format!("{SET} (call $err (i32.const 0) (i32.const 0))"))
                .timers("unreachable"),
            vec![command("", crate::case::rejects(b"")), fire([])],
        ),
    ];
    cases.extend(both(
        ["a timer that sets itself again", "a timer of a memory machine that sets itself again"],
        &format!("{SET} {SAVED}"),
        || {
            vec![
                command("", replies(b"")),
                fire([replies(b"")]),
                fire([replies(b"")]),
                Step::Restart,
                fire([replies(b"")]),
            ]
        },
    ));
    cases.extend(both(
        ["a timer that traps", "a timer of a memory machine that traps"],
        &format!("{SET} unreachable"),
        || vec![command("", replies(b"")), fire([traps(Instruction)]), fire([]), command("", replies(b""))],
    ));
    cases.extend(both(
        ["a timer that never ends", "a timer of a memory machine that never ends"],
        FOR_EVER,
        || vec![command("", replies(b"")), fire([traps(OutOfFuel)]), fire([]), command("", replies(b""))],
    ));
    cases.extend(both(
        ["a timer that takes all memory", "a timer of a memory machine that takes all memory"],
        "(loop $grow (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
        || vec![command("", replies(b"")), fire([traps(OutOfMemory)]), fire([]), command("", replies(b""))],
    ));
    cases.extend(both(
        [
            "a timer whose rejection is outside of its memory",
            "a timer of a memory machine whose rejection is outside of it",
        ],
        "(call $err (i32.const 0) (i32.const 100000))",
        || vec![command("", replies(b"")), fire([traps(Instruction)]), fire([])],
    ));
    cases.extend(both(
        ["a timer that answers nonsense", "a timer of a memory machine that answers nonsense"],
        "(call $answer (i32.const 9) (i32.const 0) (i32.const 0))",
        || vec![command("", replies(b"")), fire([traps(Instruction)]), fire([])],
    ));
    cases
}

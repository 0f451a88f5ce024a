//! New versions of a plugin that do not want the state of the one before, or want too much of it.

use super::{FOR_EVER, SAVED, again_and_again, snapshots};
use crate::{
    Case,
    case::{
        Step, command, contained, contained_within, fire, query, replies, replies_anything, replies_number,
        small_limits, traps, upgrade,
    },
    refused,
};
use quorate_guests::Guest;
use quorate_replica::ports::{GroupLimits, TrapKind::Instruction};

const SECOND: &str = "(i32.const 2)";
const TAKE_ALL: &str = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
const REMOVE_ALL: &str =
    "(call $delete-range (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// A store machine that keeps every command under itself, and tells how the first pair begins.
fn keeper() -> Guest {
    Guest::store()
        .apply(
            "(call $put (local.get $ptr) (local.get $len) (local.get $ptr) (local.get $len))
            (call $ok (local.get $ptr) (local.get $len))",
        )
        .query(
            "(call $get (local.get $ptr) (local.get $len) (i32.const 64))
            (call $ok (i32.load (i32.const 68)) (i32.load (i32.const 72)))",
        )
}

/// A store machine whose migration does this, and which keeps the group as it was because of what it says.
fn store(name: &'static str, migrate: &str, says: &'static str) -> Case {
    store_after(name, &keeper().upgrade(SECOND, migrate), Err(says))
}

fn store_after(name: &'static str, to: &Guest, came_to: Result<(), &'static str>) -> Case {
    contained(
        name,
        &keeper(),
        vec![
            command("a", replies(b"a")),
            upgrade(to, came_to),
            query("a", replies(b"a")),
            Step::Restart,
            command("b", replies(b"b")),
            query("a", replies(b"a")),
        ],
    )
}

/// The same of a memory machine that counts.
fn memory(name: &'static str, to: &Guest, says: &'static str) -> Case {
    contained(
        name,
        &snapshots::counter(),
        vec![
            command("", replies_number(1)),
            upgrade(to, Err(says)),
            query("", replies_number(1)),
            command("", replies_number(2)),
            Step::Restart,
            command("", replies_number(3)),
            Step::Checkpoint(Ok(())),
            command("", replies_number(4)),
        ],
    )
}

fn migrating(migrate: &str) -> Guest {
    snapshots::counter().upgrade(SECOND, migrate)
}

pub(super) fn cases() -> Vec<Case> {
    let put_same = "(call $put (i32.const 512) (i32.const 8) (i32.const 512) (i32.const 4096))";
    let put_other = "(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))";
    let recurse =
        "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
    let escapes = r#"(data (i32.const 512) "no\0athanks\1b[31m")"#;
    let random = "(i64.store (i32.const 64) (call $random))";
    let put_random = "(call $put (i32.const 64) (i32.const 8) (i32.const 64) (i32.const 8))";
    let mut cases = versions();
    cases.extend([
        store("a migration that never ends", FOR_EVER, "out of fuel"),
        store("a migration that traps", "unreachable", "unreachable"),
        store("a migration that takes all memory", TAKE_ALL, "out of memory"),
        store("a migration that removes everything and traps", &format!("{REMOVE_ALL} unreachable"), "unreachable"),
        store(
            "a migration that removes everything and refuses",
            &format!("{REMOVE_ALL} (call $answer (i32.const 1) (i32.const 0) (i32.const 0))"),
            "refused",
        ),
        store(
            "a migration that writes the same pair without end",
            &again_and_again(put_same),
            "out of fuel",
        ),
        store(
            "a migration that scans without end",
            &again_and_again(
                "(call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 0)
                    (i32.const 64))",
            ),
            "out of",
        ),
        store(
            "a migration that logs without end",
            &again_and_again("(call $log (i32.const 2) (i32.const 512) (i32.const 16))"),
            "out of fuel",
        ),
        store(
            "a migration that emits",
            &format!("(call $emit (i32.const 512) (i32.const 4) (i32.const 512) (i32.const 4)) {SAVED}"),
            "only in apply",
        ),
        store(
            "a migration that proposes",
            &format!("(call $propose (i32.const 0) (i32.const 1)) {SAVED}"),
            "only in a lifecycle callback",
        ),
        store(
            "a migration that sets a timer",
            &format!("(call $set-timer (i64.const 1) (i64.const 100000)) {SAVED}"),
            "only in apply",
        ),
        store(
            "a migration that answers nonsense",
            "(call $answer (i32.const 9) (i32.const 0) (i32.const 0))",
            "component ABI",
        ),
        store(
            "a migration whose reason lies behind the end of memory",
            "(call $answer (i32.const 1) (i32.const 0) (i32.const 100000))",
            "component ABI",
        ),
        store_after(
            "a migration that recurses without end",
            &keeper().module(recurse).upgrade(SECOND, "(call $deeper (i32.const 0))"),
            Err("stack overflow"),
        ),
        store_after(
            "a migration that refuses with control characters",
            &keeper().module(escapes).upgrade(SECOND, "(call $answer (i32.const 1) (i32.const 512) (i32.const 14))"),
            Err("no\\nthanks\\u{1b}[31m"),
        ),
        store_after(
            "a migration that refuses with megabytes",
            &keeper().pages(100).upgrade(SECOND, "(call $answer (i32.const 1) (i32.const 2048) (i32.const 4000000))"),
            Err("refused"),
        ),
        store_after(
            "a new version that does not start where it runs for real",
            &keeper()
                .module(
                    "(func $begin (call $group (i32.const 64))
                        (if (i64.eq (i64.load (i32.const 64)) (i64.const 7)) (then unreachable))) (start $begin)",
                )
                .upgrade(SECOND, SAVED),
            Err("unreachable"),
        ),
        contained_within(
            "a migration that writes more than it may",
            &keeper(),
            GroupLimits { changed_bytes_per_migration_max: 10_000, ..small_limits() },
            vec![
                command("a", replies(b"a")),
                upgrade(
                    &keeper().upgrade(SECOND, &again_and_again(&format!("{put_other} {put_same}"))),
                    Err("10000"),
                ),
                query("a", replies(b"a")),
            ],
        ),
        contained(
            "a migration by random numbers",
            &keeper(),
            // The same on all replicas: their stores are compared behind each step.
            vec![
                command("a", replies(b"a")),
                upgrade(&keeper().upgrade(SECOND, &format!("{random} {put_random} {random} {put_random} {SAVED}")), Ok(())),
                query("a", replies(b"a")),
            ],
        ),
        contained(
            "a migration that says it went well and removed everything",
            &keeper(),
            vec![
                command("a", replies(b"a")),
                upgrade(&keeper().upgrade(SECOND, &format!("{REMOVE_ALL} {SAVED}")), Ok(())),
                command("b", replies(b"b")),
                Step::Restart,
                query("b", replies(b"b")),
            ],
        ),
        contained(
            "a new version that is called for timers that it does not have",
            &keeper()
                .apply(&format!("(call $set-timer (i64.const 1) (i64.add (local.get $time) (i64.const 10))) {}", super::OK))
                .timers(SAVED),
            vec![
                command("", replies(b"")),
                upgrade(&keeper(), Ok(())),
                fire([traps(quorate_replica::ports::TrapKind::NotAllowed)]),
                command("a", replies(b"a")),
            ],
        ),
    ]);
    cases.extend(of_memory());
    cases
}

/// What a plugin says of the version of its state.
fn versions() -> Vec<Case> {
    vec![
        refused!(
            "a version of the state that is never told",
            Guest::store().upgrade(FOR_EVER, SAVED).bytes(),
            DoesNotStart { .. },
            "state-version"
        ),
        refused!(
            "a trap in the place of a version of the state",
            Guest::store().upgrade("unreachable", SAVED).bytes(),
            DoesNotStart { .. },
            "state-version"
        ),
        refused!(
            "a version of the state from the store",
            Guest::store()
                .upgrade("(call $get (i32.const 0) (i32.const 0) (i32.const 64)) (i32.load (i32.const 64))", SAVED)
                .bytes(),
            DoesNotStart { .. },
            "state-version"
        ),
        contained(
            "a version of the state by random numbers",
            &keeper(),
            // Drawn for no group and no place of a log, so that they are the same wherever it is asked.
            vec![
                upgrade(&keeper().upgrade("(i32.wrap_i64 (call $random))", SAVED), Ok(())),
                Step::Restart,
                command("a", replies(b"a")),
                upgrade(&keeper().upgrade("(i32.wrap_i64 (call $random))", "unreachable"), Ok(())),
            ],
        ),
        contained(
            "a version of the state that counts how often it is asked",
            &keeper(),
            vec![
                upgrade(
                    &keeper()
                        .upgrade("(i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1))) (i32.load (i32.const 64))", SAVED),
                    Ok(()),
                ),
                Step::Restart,
                command("a", replies(b"a")),
            ],
        ),
        store_after(
            "a new version of another kind",
            &snapshots::counter(),
            Err("it is a memory machine, and the group has the state of a store machine"),
        ),
        contained(
            "a new version of a state that it cannot know",
            &keeper().upgrade(SECOND, SAVED),
            vec![
                command("a", replies(b"a")),
                upgrade(&keeper(), Err("does not export `upgrade`")),
                query("a", replies(b"a")),
            ],
        ),
    ]
}

fn of_memory() -> Vec<Case> {
    let read = "(call $read (i32.const 8) (i32.const 80)) (i64.store (i32.const 64) (i64.load (i32.load (i32.const 80))))";
    vec![
        memory("a migration of a memory machine that never ends", &migrating(FOR_EVER), "out of fuel"),
        memory("a migration of a memory machine that traps", &migrating("unreachable"), "unreachable"),
        memory(
            "a migration of a memory machine that takes all memory",
            &migrating(TAKE_ALL),
            "out of memory",
        ),
        memory(
            "a migration that reads on behind the end",
            &migrating(&again_and_again("(call $read (i32.const 1) (i32.const 64))")),
            "out of fuel",
        ),
        memory(
            "a migration that writes to the snapshot it reads",
            &migrating(&format!("(call $write (i32.const 0) (i32.const 1)) {SAVED}")),
            "only in save",
        ),
        memory(
            "a migration whose state cannot be saved",
            &migrating(&format!("{read} {SAVED}")).save("unreachable"),
            "unreachable",
        ),
        memory(
            "a migration whose state cannot be loaded again",
            &migrating(&format!("{read} {SAVED}")).load("unreachable"),
            "unreachable",
        ),
        memory(
            "a migration whose state has no end",
            &migrating(&format!("{read} {SAVED}"))
                .save("(loop $l (call $write (i32.const 0) (i32.const 0)) (br $l)) unreachable"),
            "out of fuel",
        ),
        memory(
            "a new version that refuses the state of the same version",
            &snapshots::counter().load("(call $answer (i32.const 1) (i32.const 0) (i32.const 0))"),
            "refused",
        ),
        contained(
            "a migration of a memory machine that lies",
            &snapshots::counter(),
            vec![
                command("", replies_number(1)),
                upgrade(&migrating(&format!("(i64.store (i32.const 64) (i64.const 41)) {SAVED}")), Ok(())),
                command("", replies_number(42)),
                Step::Restart,
                command("", replies_number(43)),
            ],
        ),
        contained(
            "a migration of a memory machine by random numbers",
            &snapshots::counter(),
            vec![
                upgrade(&migrating(&format!("(i64.store (i32.const 64) (call $random)) {SAVED}")), Ok(())),
                command("", replies_anything()),
                Step::Restart,
                command("", replies_anything()),
            ],
        ),
        contained(
            "a new version that traps at every command",
            &snapshots::counter(),
            vec![
                command("", replies_number(1)),
                upgrade(&snapshots::counter().apply("unreachable"), Ok(())),
                command("", traps(Instruction)),
                query("", replies_number(1)),
                // And back.
                upgrade(&snapshots::counter(), Ok(())),
                command("", replies_number(2)),
            ],
        ),
    ]
}

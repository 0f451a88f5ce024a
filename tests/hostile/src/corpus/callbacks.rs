//! Callbacks and queries that mean harm.

use super::{OK, TRAP_ON_X};
use crate::{
    Case,
    case::{
        Step, command, contained, contained_within, query, replies, replies_number, small_limits, tell,
        tell_traps, traps,
    },
};
use quorate_guests::Guest;
use quorate_replica::ports::{
    GroupLimits, LifecycleEvent,
    TrapKind::{Instruction, LimitExceeded, NotAllowed, OutOfFuel},
};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

const LEAD: LifecycleEvent = LifecycleEvent::LeaderStart { term: 2 };

fn every_event() -> Vec<LifecycleEvent> {
    let member =
        |number| Member { replica: ReplicaId(number), node: NodeId(number), role: MemberRole::Voter };
    vec![
        LEAD,
        LifecycleEvent::LeaderStop { term: 2 },
        LifecycleEvent::StartFollowing { leader: ReplicaId(1), term: 2 },
        LifecycleEvent::StopFollowing { leader: ReplicaId(1), term: 2 },
        LifecycleEvent::ConfigurationCommitted { index: 3, members: (1..8).map(member).collect() },
        LifecycleEvent::Error { message: "the disk is gone\n\u{1b}[2J".into() },
        LifecycleEvent::Shutdown,
    ]
}

fn proposing(count: u32, bytes: u32) -> String {
    format!(
        "(local $i i32) (local.set $i (i32.const {count}))
        (loop $l (call $propose (i32.const 0) (i32.const {bytes}))
            (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))"
    )
}

pub(super) fn cases() -> Vec<Case> {
    let trapping = || {
        let mut steps: Vec<Step> =
            every_event().into_iter().map(|event| tell_traps(event, Instruction)).collect();
        steps.push(command("still", replies(b"still")));
        steps
    };
    let counting = "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))";
    let count = "(call $ok (i32.const 64) (i32.const 8))";
    vec![
        contained("a trap in every callback", &Guest::store().lifecycle("unreachable"), trapping()),
        contained("a trap in every callback of a memory machine", &Guest::memory().lifecycle("unreachable"), trapping()),
        contained(
            "as many proposals as a callback may make",
            &Guest::store().lifecycle(&proposing(64, 4)),
            vec![tell(LEAD, 64)],
        ),
        contained(
            "one proposal more than a callback may make",
            &Guest::store().lifecycle(&proposing(65, 4)),
            vec![tell_traps(LEAD, LimitExceeded), command("still", replies(b"still"))],
        ),
        contained_within(
            "a proposal that is too large",
            &Guest::store().lifecycle(&proposing(1, 1_025)),
            GroupLimits { command_bytes_max: 1_024, ..small_limits() },
            vec![tell_traps(LEAD, LimitExceeded)],
        ),
        contained(
            "a proposal of a replica that does not lead",
            &Guest::store().lifecycle(&proposing(1, 1)),
            vec![
                tell_traps(LifecycleEvent::LeaderStop { term: 2 }, NotAllowed),
                tell_traps(LifecycleEvent::Shutdown, NotAllowed),
            ],
        ),
        contained(
            "proposals before a trap",
            &Guest::store().lifecycle(&format!("{} unreachable", proposing(3, 1))),
            vec![tell_traps(LEAD, Instruction)],
        ),
        contained(
            "a callback that writes to the store",
            &Guest::store().lifecycle("(call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))"),
            vec![tell_traps(LEAD, NotAllowed), command("still", replies(b"still"))],
        ),
        contained(
            "a callback that changes memory",
            &Guest::memory().apply(&format!("{counting} {count}")).lifecycle("(i64.store (i32.const 64) (i64.const 1000))"),
            // Neither the count of the commands nor the twin sees it.
            vec![command("", replies_number(1)), tell(LEAD, 0), command("", replies_number(2)), Step::Restart, command("", replies_number(3))],
        ),
        contained(
            "a query that changes memory",
            &Guest::memory().apply(&format!("{counting} {count}")).query(&format!("(i64.store (i32.const 64) (i64.const 1000)) {OK}")),
            vec![command("", replies_number(1)), query("", replies(b"")), command("", replies_number(2))],
        ),
        contained(
            "a query that makes every later command trap on its instance",
            &Guest::memory()
                .apply(&format!("(if (i32.load (i32.const 512)) (then unreachable)) {counting} {count}"))
                .query(&format!(
                    "(if (local.get $len) (then (i32.store (i32.const 512) (i32.const 1)))) {count}"
                )),
            vec![
                command("", replies_number(1)),
                query("spoil", replies_number(1)),
                command("", replies_number(2)),
                query("", replies_number(2)),
            ],
        ),
        contained(
            "a query that takes all memory from its instance",
            &Guest::memory().query(
                "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (call $ok (local.get $ptr) (local.get $len))",
            ),
            vec![query("a", replies(b"a")), command("b", replies(b"b")), query("c", replies(b"c"))],
        ),
        contained(
            "an observer that traps",
            &Guest::memory().query(&format!("{TRAP_ON_X} (call $ok (local.get $ptr) (local.get $len))")),
            vec![
                query("x", traps(Instruction)),
                query("a", replies(b"a")),
                query("x", traps(Instruction)),
                command("b", replies(b"b")),
                query("c", replies(b"c")),
            ],
        ),
        contained(
            "a callback that logs without end",
            &Guest::store().lifecycle("(loop $l (call $log (i32.const 2) (i32.const 512) (i32.const 16)) (br $l))"),
            vec![tell_traps(LEAD, OutOfFuel), command("still", replies(b"still"))],
        ),
    ]
}

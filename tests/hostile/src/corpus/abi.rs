//! What breaks the rules between a component and its host.

use super::{FOR_EVER, OK};
use crate::{
    Case,
    case::{command, contained_bytes, query, replies, small_limits, traps},
};
use quorate_guests::{Guest, wat};
use quorate_replica::ports::TrapKind::{self, Instruction, OutOfFuel};

/// The end of the part of a guest's text in which it lifts a function.
const LIFT_END: &str = r#"(realloc (func $libc "realloc"))))"#;

/// A guest whose allocator does this before it does what it should.
fn allocator(body: &str) -> Vec<u8> {
    let text = Guest::store().text();
    let begin = "(result i32) (local $ptr i32)";
    assert!(text.contains(begin), "the kit has another allocator");
    wat(&text.replacen(begin, &format!("{begin} {body}"), 1))
}

/// A guest whose apply has a clean-up function with this body, which runs after its answer was taken.
fn clean_up(body: &str) -> Vec<u8> {
    let guest = Guest::store().module(&format!(r#"(func (export "clean-up") (param i32) {body})"#));
    let text = guest.text();
    let lifted = text.find(r#"(canon lift (core func $main "apply")"#).expect("the kit lifts apply");
    let (before, after) = text.split_at(lifted);
    let cleaned = r#"(realloc (func $libc "realloc")) (post-return (func $main "clean-up"))))"#;
    wat(&format!("{before}{}", after.replacen(LIFT_END, cleaned, 1)))
}

fn breaks(name: &'static str, component: Vec<u8>, kind: TrapKind) -> Case {
    contained_bytes(name, component, small_limits(), vec![command("abc", traps(kind))])
}

fn answers(name: &'static str, body: &str) -> Case {
    let component = Guest::store().apply(body).bytes();
    let steps = vec![command("abc", traps(Instruction)), query("still", replies(b"still"))];
    contained_bytes(name, component, small_limits(), steps)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        answers("an answer behind the end of memory", "(i32.const -4)"),
        answers("an answer at an odd address", "(i32.const 17)"),
        answers(
            "an answer that is neither reply nor rejection",
            "(call $answer (i32.const 2) (i32.const 0) (i32.const 0))",
        ),
        answers(
            "a reply that reaches behind the end of memory",
            "(call $ok (i32.const 65535) (i32.const 2))",
        ),
        answers("a reply that wraps around the address space", "(call $ok (i32.const -8) (i32.const 16))"),
        answers(
            "a level that does not exist",
            &format!("(call $log (i32.const 5) (i32.const 0) (i32.const 0)) {OK}"),
        ),
        answers(
            "a place for an answer behind the end of memory",
            &format!("(call $group (i32.const -16)) {OK}"),
        ),
        answers("a place for an answer at an odd address", &format!("(call $group (i32.const 65)) {OK}")),
        breaks("an allocator that traps", allocator("unreachable"), Instruction),
        breaks("an allocator that never comes back", allocator(FOR_EVER), OutOfFuel),
        breaks(
            "an allocator that gives what is behind the end of memory",
            allocator("(return (i32.const -16))"),
            Instruction,
        ),
        breaks(
            "an allocator that gives what nearly fits",
            allocator("(return (i32.const 65534))"),
            Instruction,
        ),
        breaks("a clean-up that traps", clean_up("unreachable"), Instruction),
        breaks("a clean-up that never comes back", clean_up("(loop $l (br $l))"), OutOfFuel),
        breaks(
            "a clean-up that calls the host",
            clean_up("(call $log (i32.const 2) (i32.const 0) (i32.const 1))"),
            Instruction,
        ),
        contained_bytes(
            "a clean-up that changes memory",
            clean_up("(i32.store (i32.const 512) (i32.const 1))"),
            small_limits(),
            vec![command("abc", replies(b"abc"))],
        ),
        contained_bytes(
            "a component that enters itself",
            reentering(),
            small_limits(),
            vec![command("abc", traps(Instruction)), query("still", replies(b"still"))],
        ),
    ]
}

/// The allocator, which runs while the host hands over an answer, calls the host again.
fn reentering() -> Vec<u8> {
    let text = Guest::store()
        .apply(&format!("(i32.store (i32.const 900) (i32.const 1)) (call $group (i32.const 64)) {OK}"))
        .text();
    // The allocator's module comes first, so it reaches the host by a table that the main module fills.
    let begin = "(result i32) (local $ptr i32)";
    let called = format!(
        "{begin} (if (i32.load (i32.const 900)) (then (call_indirect $host (type $log)
            (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0))))"
    );
    let table = r#"(type $log (func (param i32 i32 i32))) (table $host (export "host") 1 funcref) (memory (export "memory")"#;
    let fill = r#"(import "libc" "realloc" (func $realloc"#;
    let import = format!(r#"(import "libc" "host" (table 1 funcref)) (elem (i32.const 0) $log) {fill}"#);
    wat(&text
        .replacen(begin, &called, 1)
        .replacen(r#"(memory (export "memory")"#, table, 1)
        .replacen(fill, &import, 1))
}

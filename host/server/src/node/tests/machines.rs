//! Two small machines, written in text so that no toolchain is needed.

use bytes::Bytes;

/// A memory machine that counts. An empty command is rejected, `t` traps, `e` counts and emits an event of the topic `e`,
/// `L` counts how often its plugin was told to lead (it proposes that itself), and all else counts. A reply is the
/// count, 8 bytes in little endian; a query answers the count and how often it led.
pub(super) fn counter() -> Bytes {
    component(COUNTER_IMPORTS, COUNTER_LOWERED, COUNTER_MAIN, COUNTER_WITH, COUNTER_EXPORTS)
}

/// A store machine that keeps each command under its first byte and replies with what stood there before. An empty
/// command is rejected, after a write that must not stay. A query answers what stands under its first byte.
pub(super) fn shelf() -> Bytes {
    component(SHELF_IMPORTS, SHELF_LOWERED, SHELF_MAIN, SHELF_WITH, "")
}

fn component(imports: &str, lowered: &str, main: &str, with: &str, exports: &str) -> Bytes {
    let text = format!(
        r#"(component {imports}
        (core module $Libc
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 2048))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $ptr i32)
                (local.set $ptr (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $ptr) (local.get 3)))
                (block $enough (loop $grow
                    (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
                    (br $grow)))
                (local.get $ptr)))
        (core instance $libc (instantiate $Libc))
        {lowered}
        (core module $Main
            (import "libc" "memory" (memory 1))
            {main}
            (func $answer (param $tag i32) (param $ptr i32) (param $len i32) (result i32)
                (i32.store8 (i32.const 16) (local.get $tag))
                (i32.store (i32.const 20) (local.get $ptr))
                (i32.store (i32.const 24) (local.get $len))
                (i32.const 16)))
        (core instance $main (instantiate $Main (with "libc" (instance $libc)) {with}))
        (func $apply (param "index" u64) (param "ordinal" u32) (param "time-ms" u64) (param "command" (list u8))
            (result (result (list u8) (error (list u8))))
            (canon lift (core func $main "apply") (memory $libc "memory") (realloc (func $libc "realloc"))))
        (func $query (param "request" (list u8)) (result (result (list u8) (error (list u8))))
            (canon lift (core func $main "query") (memory $libc "memory") (realloc (func $libc "realloc"))))
        (instance $machine (export "apply" (func $apply)) (export "query" (func $query)))
        (export "quorate:machine/machine@0.1.0" (instance $machine))
        {exports})"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).into()
}

const COUNTER_IMPORTS: &str = r#"
    (import "quorate:machine/host@0.1.0" (instance $host
        (export "emit" (func (param "topic" string) (param "payload" (list u8))))
        (export "propose" (func (param "command" (list u8))))))
    (import "quorate:machine/snapshot-stream@0.1.0" (instance $stream
        (export "write" (func (param "chunk" (list u8))))
        (export "read" (func (param "limit" u32) (result (list u8))))))
"#;

const COUNTER_LOWERED: &str = r#"
    (core func $emit (canon lower (func $host "emit") (memory $libc "memory")))
    (core func $propose (canon lower (func $host "propose") (memory $libc "memory")))
    (core func $write (canon lower (func $stream "write") (memory $libc "memory")))
    (core func $read (canon lower (func $stream "read") (memory $libc "memory") (realloc (func $libc "realloc"))))
"#;

const COUNTER_WITH: &str = r#"
    (with "host" (instance (export "emit" (func $emit)) (export "propose" (func $propose))
        (export "write" (func $write)) (export "read" (func $read))))
"#;

/// The count stands at 64, how often it led at 72, and both make the snapshot.
const COUNTER_MAIN: &str = r#"
    (import "host" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "host" "propose" (func $propose (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32)))
    (import "host" "read" (func $read (param i32 i32)))
    (data (i32.const 100) "eL")
    (func (export "apply") (param i64 i32 i64) (param $ptr i32) (param $len i32) (result i32) (local $first i32)
        (if (i32.eqz (local.get $len)) (then (return (call $answer (i32.const 1) (i32.const 100) (i32.const 0)))))
        (local.set $first (i32.load8_u (local.get $ptr)))
        (if (i32.eq (local.get $first) (i32.const 0x4c)) (then
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1)))
            (return (call $answer (i32.const 0) (i32.const 72) (i32.const 8)))))
        (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
        (if (i32.eq (local.get $first) (i32.const 0x74)) (then unreachable))
        (if (i32.eq (local.get $first) (i32.const 0x65)) (then
            (call $emit (i32.const 100) (i32.const 1) (i32.const 64) (i32.const 8))))
        (call $answer (i32.const 0) (i32.const 64) (i32.const 8)))
    (func (export "query") (param i32 i32) (result i32)
        (call $answer (i32.const 0) (i32.const 64) (i32.const 16)))
    (func (export "save") (result i32)
        (call $write (i32.const 64) (i32.const 16))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0)))
    (func (export "load") (result i32)
        (call $read (i32.const 16) (i32.const 48))
        (memory.copy (i32.const 64) (i32.load (i32.const 48)) (i32.const 16))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0)))
    (func (export "leader-start") (param i64) (call $propose (i32.const 101) (i32.const 1)))
    (func (export "one") (param i64))
    (func (export "two") (param i64 i64))
    (func (export "members") (param i64 i32 i32 i32 i32))
    (func (export "error") (param i32 i32))
    (func (export "shutdown"))
"#;

const COUNTER_EXPORTS: &str = r#"
    (func $save (result (result (error string)))
        (canon lift (core func $main "save") (memory $libc "memory") (realloc (func $libc "realloc"))))
    (func $load (result (result (error string)))
        (canon lift (core func $main "load") (memory $libc "memory") (realloc (func $libc "realloc"))))
    (instance $snapshot (export "save" (func $save)) (export "load" (func $load)))
    (export "quorate:machine/snapshot@0.1.0" (instance $snapshot))
    (func $leader-start (param "term" u64) (canon lift (core func $main "leader-start")))
    (func $leader-stop (param "term" u64) (canon lift (core func $main "one")))
    (func $start-following (param "leader" u64) (param "term" u64) (canon lift (core func $main "two")))
    (func $stop-following (param "leader" u64) (param "term" u64) (canon lift (core func $main "two")))
    (func $configuration-committed (param "index" u64) (param "voters" (list u64)) (param "learners" (list u64))
        (canon lift (core func $main "members") (memory $libc "memory") (realloc (func $libc "realloc"))))
    (func $error (param "message" string)
        (canon lift (core func $main "error") (memory $libc "memory") (realloc (func $libc "realloc"))))
    (func $shutdown (canon lift (core func $main "shutdown")))
    (instance $lifecycle
        (export "leader-start" (func $leader-start)) (export "leader-stop" (func $leader-stop))
        (export "start-following" (func $start-following)) (export "stop-following" (func $stop-following))
        (export "configuration-committed" (func $configuration-committed))
        (export "error" (func $error)) (export "shutdown" (func $shutdown)))
    (export "quorate:machine/lifecycle@0.1.0" (instance $lifecycle))
"#;

const SHELF_IMPORTS: &str = r#"
    (import "quorate:machine/store@0.1.0" (instance $store
        (export "get" (func (param "key" (list u8)) (result (option (list u8)))))
        (export "put" (func (param "key" (list u8)) (param "value" (list u8))))))
"#;

const SHELF_LOWERED: &str = r#"
    (core func $get (canon lower (func $store "get") (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core func $put (canon lower (func $store "put") (memory $libc "memory")))
"#;

const SHELF_WITH: &str = r#"
    (with "store" (instance (export "get" (func $get)) (export "put" (func $put))))
"#;

/// `get` leaves an option at 48: a byte that says whether, a pointer, a length.
const SHELF_MAIN: &str = r#"
    (import "store" "get" (func $get (param i32 i32 i32)))
    (import "store" "put" (func $put (param i32 i32 i32 i32)))
    (data (i32.const 100) "x")
    (func $found (result i32)
        (if (i32.eqz (i32.load8_u (i32.const 48))) (then (return (call $answer (i32.const 0) (i32.const 100) (i32.const 0)))))
        (call $answer (i32.const 0) (i32.load (i32.const 52)) (i32.load (i32.const 56))))
    (func (export "apply") (param i64 i32 i64) (param $ptr i32) (param $len i32) (result i32)
        (if (i32.eqz (local.get $len)) (then
            (call $put (i32.const 100) (i32.const 1) (i32.const 100) (i32.const 1))
            (return (call $answer (i32.const 1) (i32.const 100) (i32.const 0)))))
        (call $get (local.get $ptr) (i32.const 1) (i32.const 48))
        (call $put (local.get $ptr) (i32.const 1) (local.get $ptr) (local.get $len))
        (call $found))
    (func (export "query") (param $ptr i32) (param $len i32) (result i32)
        (if (i32.eqz (local.get $len)) (then (return (call $answer (i32.const 1) (i32.const 100) (i32.const 0)))))
        (call $get (local.get $ptr) (i32.const 1) (i32.const 48))
        (call $found))
"#;

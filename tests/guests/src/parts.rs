//! What every guest is made of, as text.

/// What the bodies of a guest's functions begin with: the functions of the host and a few helpers. Addresses below 1024
/// are free for the bodies; the allocator hands out what is behind 65,536 after the first 2,048 bytes.
pub(crate) const PRELUDE: &str = r#"
    (import "libc" "memory" (memory 1))
    (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "host" "group" (func $group (param i32)))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (import "host" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "host" "random" (func $random (result i64)))
    (import "host" "propose" (func $propose (param i32 i32)))
    (import "host" "set-timer" (func $set-timer (param i64 i64)))
    (import "host" "cancel-timer" (func $cancel-timer (param i64)))
    (func $answer (param $tag i32) (param $ptr i32) (param $len i32) (result i32)
        (i32.store8 (i32.const 16) (local.get $tag))
        (i32.store (i32.const 20) (local.get $ptr))
        (i32.store (i32.const 24) (local.get $len))
        (i32.const 16))
    (func $ok (param $ptr i32) (param $len i32) (result i32)
        (call $answer (i32.const 0) (local.get $ptr) (local.get $len)))
    (func $err (param $ptr i32) (param $len i32) (result i32)
        (call $answer (i32.const 1) (local.get $ptr) (local.get $len)))
    (func $ok_u64 (param $value i64) (result i32)
        (i64.store (i32.const 32) (local.get $value))
        (call $ok (i32.const 32) (i32.const 8)))
"#;

pub(crate) const HOST: &str = r#"
    (import "quorate:machine/host@0.1.0" (instance $host
        (type $level' (enum "trace" "debug" "info" "warn" "error"))
        (export "level" (type $level (eq $level')))
        (type $group-info' (record (field "id" u64) (field "name" string)))
        (export "group-info" (type $group-info (eq $group-info')))
        (export "group" (func (result $group-info)))
        (export "log" (func (param "level" $level) (param "message" string)))
        (export "emit" (func (param "topic" string) (param "payload" (list u8))))
        (export "random" (func (result u64)))
        (export "propose" (func (param "command" (list u8))))
        (export "set-timer" (func (param "id" u64) (param "at-ms" u64)))
        (export "cancel-timer" (func (param "id" u64)))))
"#;

pub(crate) const HOST_FUNCTIONS: [&str; 7] =
    ["group", "log", "emit", "random", "propose", "set-timer", "cancel-timer"];

pub(crate) const STORE: &str = r#"
    (import "quorate:machine/store@0.1.0" (instance $store
        (type $pair' (record (field "key" (list u8)) (field "value" (list u8))))
        (export "pair" (type $pair (eq $pair')))
        (export "get" (func (param "key" (list u8)) (result (option (list u8)))))
        (export "put" (func (param "key" (list u8)) (param "value" (list u8))))
        (export "delete" (func (param "key" (list u8))))
        (export "delete-range" (func (param "start" (list u8)) (param "end" (option (list u8)))))
        (export "scan" (func (param "start" (list u8)) (param "end" (option (list u8))) (param "limit" u32)
            (param "reverse" bool) (result (list $pair))))))
"#;

pub(crate) const STREAM: &str = r#"
    (import "quorate:machine/snapshot-stream@0.1.0" (instance $stream
        (export "write" (func (param "chunk" (list u8))))
        (export "read" (func (param "limit" u32) (result (list u8))))))
"#;

/// An allocator that only goes forward, and grows the memory when it must.
pub(crate) const LIBC: &str = r#"
    (core module $Libc
        (memory (export "memory") PAGES)
        (global $next (mut i32) (i32.const 2048))
        (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
            (result i32) (local $ptr i32)
            (local.set $ptr (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $ptr) (local.get $size)))
            (block $enough (loop $grow
                (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
                (br $grow)))
            (local.get $ptr)))
    (core instance $libc (instantiate $Libc))
"#;

use super::kit::{Guest, Run as _, apply, engine, group, trapped, wat};
use crate::PluginRefusal;
use quorate_replica::ports::{Call, GroupLimits, LogLevel, Outcome, Plugin, TrapKind};

/// What a guest imports of WASI, under several versions of 0.2.
const IMPORTS: &str = r#"(component
    (import "wasi:io/error@0.2.3" (instance $ioerror (export "error" (type (sub resource)))))
    (alias export $ioerror "error" (type $error))
    (import "wasi:io/streams@0.2.3" (instance $streams
        (export "output-stream" (type $os (sub resource)))
        (alias outer 1 $error (type $e0)) (export "error" (type $e (eq $e0)))
        (type $se' (variant (case "last-operation-failed" (own $e)) (case "closed")))
        (export "stream-error" (type $se (eq $se')))
        (export "[method]output-stream.splice" (func (param "self" (borrow $os)) (param "length" u64)))
        (export "[method]output-stream.blocking-write-and-flush" (func (param "self" (borrow $os))
            (param "contents" (list u8)) (result (result (error $se)))))))
    (alias export $streams "output-stream" (type $os))
    (import "wasi:cli/stdout@0.2.3" (instance $stdout
        (alias outer 1 $os (type $os0)) (export "output-stream" (type $o (eq $os0)))
        (export "get-stdout" (func (result (own $o))))))
    (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
    (import "wasi:clocks/monotonic-clock@0.2.9" (instance $clock (export "now" (func (result u64)))))
    (import "wasi:random/random@0.2.0" (instance $rand (export "get-random-u64" (func (result u64)))
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
    (import "wasi:filesystem/types@0.2.0" (instance $files (export "descriptor" (type $d (sub resource)))
        (export "[method]descriptor.sync" (func (param "self" (borrow $d))))))
"#;

const LOWERED: &str = r#"
    (core func $get-stdout (canon lower (func $stdout "get-stdout")))
    (core func $print (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $libc "memory")))
    (core func $splice (canon lower (func $streams "[method]output-stream.splice")))
    (core func $end (canon lower (func $exit "exit")))
    (core func $now (canon lower (func $clock "now")))
    (core func $draw-bytes (canon lower (func $rand "get-random-bytes") (memory $libc "memory")
        (realloc (func $libc "realloc"))))
    (core func $draw (canon lower (func $rand "get-random-u64")))
    (core module $Main
        (import "wasi" "get-stdout" (func $get-stdout (result i32)))
        (import "wasi" "print" (func $print (param i32 i32 i32 i32)))
        (import "wasi" "splice" (func $splice (param i32 i64)))
        (import "wasi" "exit" (func $exit (param i32)))
        (import "wasi" "now" (func $now (result i64)))
        (import "wasi" "draw-bytes" (func $draw-bytes (param i64 i32)))
        (import "wasi" "draw" (func $draw (result i64)))
"#;

const WITH: &str = r#"(with "wasi" (instance (export "get-stdout" (func $get-stdout)) (export "print" (func $print))
    (export "splice" (func $splice)) (export "exit" (func $end)) (export "now" (func $now)) (export "draw" (func $draw))
    (export "draw-bytes" (func $draw-bytes))))
    (with "libc" (instance $libc))"#;

/// A guest that may call functions of WASI as well.
fn guest(apply: &str) -> Vec<u8> {
    let text = Guest::store().apply(apply).text();
    let text = text.replacen("(component", IMPORTS, 1).replacen("(core module $Main", LOWERED, 1);
    wat(&text.replacen(r#"(with "libc" (instance $libc))"#, WITH, 1))
}

fn run_with(body: &str, limits: &GroupLimits) -> Call {
    let plugin = engine().compile(&guest(body)).unwrap_or_else(|refusal| panic!("{refusal}"));
    apply(plugin.start(&group(), limits).expect("it starts").as_mut(), b"one\ntwo\x1b[2J\nthree")
}

fn run(body: &str) -> Call {
    run_with(body, &GroupLimits::default())
}

const PRINT: &str = "(local.set $i (call $get-stdout))
    (call $print (local.get $i) (local.get $ptr) (local.get $len) (i32.const 64))
    (call $print (local.get $i) (local.get $ptr) (i32.const 3) (i32.const 64))
    (call $ok (i32.const 64) (i32.const 1))";

#[test]
fn what_is_printed_becomes_lines_of_the_log() {
    let call = run(PRINT);
    let lines: Vec<&str> = call.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["one", "two\\u{1b}[2J", "threeone"]);
    assert!(call.logs.iter().all(|line| line.level == LogLevel::Info));
    assert_eq!(call.outcome, Outcome::Reply(vec![0].into()), "the stream took it");
}

#[test]
fn what_is_printed_is_held_to_the_limits_of_the_log() {
    let limits =
        GroupLimits { log_lines_per_command_max: 2, log_line_bytes_max: 2, ..GroupLimits::default() };
    let call = run_with(PRINT, &limits);
    let lines: Vec<&str> = call.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["on", "tw"]);
}

#[test]
fn the_clock_is_that_of_the_log() {
    let call = run("(call $ok_u64 (call $now))");
    let nanoseconds = 1_000_000_000_u64;
    assert_eq!(call.outcome, Outcome::Reply(nanoseconds.to_le_bytes().to_vec().into()));
}

#[test]
fn random_numbers_are_those_of_the_group_and_position() {
    let wasi = run("(call $ok_u64 (call $draw))").outcome;
    assert_eq!(wasi, run("(call $ok_u64 (call $random))").outcome);
    assert!(matches!(wasi, Outcome::Reply(_)));
}

#[test]
fn the_network_is_there_and_every_function_of_it_traps() {
    let network = r#"(import "wasi:sockets/instance-network@0.2.4" (instance $network (export "network" (type $n (sub resource)))
        (export "instance-network" (func (result (own $n))))))"#;
    let lowered = r#"(core func $net (canon lower (func $network "instance-network")))"#;
    let text = Guest::store().apply("(drop (call $net)) unreachable").text();
    let text = text.replacen("(component", &format!("(component {network}"), 1);
    let main = r#"(core module $Main (import "wasi" "net" (func $net (result i32)))"#;
    let text = text.replacen("(core module $Main", &format!("{lowered} {main}"), 1);
    let with = r#"(with "wasi" (instance (export "net" (func $net)))) (with "libc" (instance $libc))"#;
    let bytes = wat(&text.replacen(r#"(with "libc" (instance $libc))"#, with, 1));
    let plugin = engine().compile(&bytes).unwrap_or_else(|refusal| panic!("{refusal}"));
    let call = apply(plugin.start(&group(), &GroupLimits::default()).expect("it starts").as_mut(), b"");
    let (kind, message) = trapped(&call);
    assert_eq!(kind, TrapKind::NotAllowed);
    assert!(message.contains("wasi:sockets/instance-network"), "{message}");
}

#[test]
fn random_bytes_and_lines_have_bounds() {
    let drawn = run(
        "(call $draw-bytes (i64.const 20) (i32.const 64)) (call $ok (i32.load (i32.const 64)) (i32.load (i32.const 68)))",
    );
    let Outcome::Reply(bytes) = &drawn.outcome else { panic!("{drawn:?}") };
    assert_eq!(bytes.len(), 20);
    let call = run("(call $draw-bytes (i64.const -1) (i32.const 64)) unreachable");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded);
    let call = run(
        "(local.set $i (call $get-stdout)) (loop $l (call $print (local.get $i) (local.get $ptr) (local.get $len) (i32.const 64)) (br $l)) unreachable",
    );
    assert_eq!(trapped(&call).0, TrapKind::OutOfFuel);
    assert_eq!(call.logs.len(), 64);
}

#[test]
fn exit_and_what_is_not_offered_trap() {
    let call = run("(call $exit (i32.const 1)) unreachable");
    assert_eq!(
        trapped(&call),
        (TrapKind::Instruction, "it ended itself with failure, and a plugin never ends")
    );
    let call = run("(call $splice (call $get-stdout) (i64.const 1)) unreachable");
    let (kind, message) = trapped(&call);
    assert_eq!(kind, TrapKind::NotAllowed);
    assert!(message.contains("output-stream.splice"), "{message}");
}

#[test]
fn what_would_differ_between_replicas_is_still_refused() {
    for name in ["wasi:filesystem/watch@0.2.0", "wasi:http/types@0.2.0", "wasi:clocks/wall-clock@0.3.0"] {
        let text = Guest::store().text();
        let import = format!(r#"(component (import "{name}" (instance))"#);
        let refusal = engine().compile(&wat(&text.replacen("(component", &import, 1)));
        let refusal = refusal.expect_err("not offered");
        assert!(matches!(&refusal, PluginRefusal::ForeignImport { names, .. } if names.contains(name)));
    }
    assert!(Guest::store().compile().checked().wasi.is_empty());
}

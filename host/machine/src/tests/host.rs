use super::kit::{Guest, Run as _, apply, at, data, query, reply, trapped};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Event, GroupLimits, LogLevel, LogLine, Outcome, TrapKind},
};
use quorate_vocabulary::Position;

#[test]
fn a_plugin_knows_its_group() {
    let guest = Guest::store().apply(
        "(call $group (i32.const 64))
        (if (i64.ne (i64.load (i32.const 64)) (i64.const 7)) (then unreachable))
        (call $ok (i32.load (i32.const 72)) (i32.load (i32.const 76)))",
    );
    assert_eq!(reply(apply(guest.start().as_mut(), b"")), "acme/orders");
}

#[test]
fn log_lines_come_with_their_level() {
    let guest = Guest::store().module(&data(512, "warned")).apply(
        "(call $log (i32.const 3) (i32.const 512) (i32.const 6))
        (call $log (i32.const 0) (i32.const 512) (i32.const 4))
        (call $err (i32.const 0) (i32.const 0))",
    );
    let call = apply(guest.start().as_mut(), b"");
    let line = |level, message: &str| LogLine { level, message: message.into() };
    assert_eq!(call.logs, [line(LogLevel::Warn, "warned"), line(LogLevel::Trace, "warn")]);
    assert_eq!(call.outcome, Outcome::Rejection(Bytes::new()), "a rejection keeps the log");
}

#[test]
fn log_lines_over_the_limits_are_cut_and_dropped() {
    let guest = Guest::store().module(&data(512, "0123456789")).apply(
        "(local.set $i (i32.const 10))
        (loop $again
            (call $log (i32.const 2) (i32.const 512) (i32.const 10))
            (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (call $ok (i32.const 0) (i32.const 0))",
    );
    let limits =
        GroupLimits { log_line_bytes_max: 4, log_lines_per_command_max: 3, ..GroupLimits::default() };
    let call = apply(guest.start_with(&limits).as_mut(), b"");
    let lines: Vec<&str> = call.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["0123"; 3]);
}

#[test]
fn a_log_line_cannot_forge_another() {
    let guest = Guest::store().module(&data(512, "a\\n\\1b[2Jb")).apply(
        "(call $log (i32.const 2) (i32.const 512) (i32.const 7)) (call $ok (i32.const 0) (i32.const 0))",
    );
    let call = apply(guest.start().as_mut(), b"");
    assert_eq!(call.logs[0].message, "a\\n\\u{1b}[2Jb");
}

#[test]
fn a_trap_keeps_the_log() {
    let guest = Guest::store()
        .module(&data(512, "about to break"))
        .apply("(call $log (i32.const 4) (i32.const 512) (i32.const 14)) unreachable");
    let call = apply(guest.start().as_mut(), b"");
    trapped(&call);
    assert_eq!(call.logs[0].message, "about to break");
}

#[test]
fn logs_of_one_call_do_not_show_in_the_next() {
    let guest = Guest::store().module(&data(512, "once")).apply(
        "(if (local.get $len) (then (call $log (i32.const 2) (i32.const 512) (i32.const 4))))
        (call $ok (i32.const 0) (i32.const 0))",
    );
    let mut instance = guest.start();
    assert_eq!(apply(instance.as_mut(), b"x").logs.len(), 1);
    assert_eq!(apply(instance.as_mut(), b"").logs.len(), 0);
}

/// Emits `topic` with the command as its payload, and answers as the first byte says.
fn emitter() -> Guest {
    Guest::store().module(&data(512, "topic")).apply(
        "(call $emit (i32.const 512) (i32.const 5) (local.get $ptr) (local.get $len))
        (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 0x21)) (then unreachable))
        (call $answer (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 0x2d)) (i32.const 0) (i32.const 0))",
    )
}

#[test]
fn events_of_a_reply_are_kept() {
    let call = apply(emitter().start().as_mut(), b"+payload");
    assert_eq!(call.events, [Event { topic: "topic".into(), payload: "+payload".into() }]);
}

#[test]
fn events_of_a_rejection_or_a_trap_are_dropped() {
    let call = apply(emitter().start().as_mut(), b"-payload");
    assert!(matches!(call.outcome, Outcome::Rejection(_)));
    assert_eq!(call.events, []);
    let call = apply(emitter().start().as_mut(), b"!payload");
    trapped(&call);
    assert_eq!(call.events, []);
}

#[test]
fn an_event_over_the_limit_traps() {
    let limits = GroupLimits { event_bytes_max: 8, ..GroupLimits::default() };
    let call = apply(emitter().start_with(&limits).as_mut(), b"+++");
    assert_eq!(call.events.len(), 1, "5 bytes of topic and 3 of payload");
    let call = apply(emitter().start_with(&limits).as_mut(), b"++++");
    assert_eq!(trapped(&call), (TrapKind::LimitExceeded, "an event has 9 bytes, and the group allows 8"));
}

#[test]
fn too_many_events_trap() {
    let limits = GroupLimits { events_per_command_max: 0, ..GroupLimits::default() };
    let call = apply(emitter().start_with(&limits).as_mut(), b"+");
    assert_eq!(trapped(&call).0, TrapKind::LimitExceeded);
}

#[test]
fn a_query_may_not_emit() {
    let guest = Guest::store().query(
        "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (call $ok (i32.const 0) (i32.const 0))",
    );
    let call = query(guest.start().as_mut(), b"");
    assert_eq!(trapped(&call), (TrapKind::NotAllowed, "host.emit may not be called in query, only in apply"));
}

#[test]
fn a_command_may_not_propose() {
    let guest = Guest::store()
        .apply("(call $propose (i32.const 0) (i32.const 0)) (call $ok (i32.const 0) (i32.const 0))");
    let call = apply(guest.start().as_mut(), b"");
    assert_eq!(trapped(&call).0, TrapKind::NotAllowed);
    assert!(trapped(&call).1.contains("only in a lifecycle callback"));
}

/// Draws as many numbers as the command has bytes and answers with the last.
fn gambler() -> Guest {
    let body = "(loop $again (result i64)
            (call $random)
            (local.set $len (i32.sub (local.get $len) (i32.const 1)))
            (if (param i64) (result i64) (local.get $len) (then drop (br $again)) (else)))
        (call $ok_u64)";
    Guest::store().apply(body).query(body)
}

fn drawn(position: Position, count: usize) -> Bytes {
    let command = Bytes::from(vec![0; count]);
    let (call, _) = gambler().start().apply(position, &command, Overlay::empty()).expect("no fault");
    reply(call)
}

#[test]
fn random_numbers_are_the_same_on_every_replica() {
    // Golden: replicas of different versions must agree on these.
    let numbers = [1, 2]
        .map(|count| u64::from_le_bytes(drawn(at(10), count).as_ref().try_into().expect("eight bytes")));
    assert_eq!(numbers, [15_722_212_022_720_613_074, 18_168_463_139_138_816_410]);
    assert_eq!(drawn(at(10), 2), drawn(at(10), 2));
}

#[test]
fn random_numbers_differ_from_position_to_position() {
    assert_ne!(drawn(at(10), 1), drawn(at(11), 1));
    assert_ne!(drawn(at(10), 1), drawn(Position { ordinal: 1, ..at(10) }, 1));
    assert_ne!(drawn(at(10), 1), drawn(at(10), 2));
}

#[test]
fn each_call_begins_its_own_stream() {
    let mut instance = gambler().start();
    let first = reply(apply(instance.as_mut(), b"x"));
    assert_eq!(reply(apply(instance.as_mut(), b"x")), first, "same position, same stream");
    assert_eq!(reply(query(instance.as_mut(), b"x")), first, "a query draws from the last applied position");
}

use super::kit::{Guest, Run as _, Sink, apply, at, data, group, query, reply, trapped};
use quorate_replica::ports::{CallFailure, GroupLimits, Instance, Plugin, TrapKind};
use std::io::{self, Read, Write};

/// Fills so many KiB as the number in the command says, at 16 MiB, which is behind what its allocator hands out here. Saves
/// them with their length before them, in chunks of 1 MiB, loads them back, and answers a query with a sum over them.
fn keeper() -> Guest {
    const MEMORY: &str = "(global $kept (mut i32) (i32.const 0))";
    Guest::memory()
        .pages(410)
        .module(MEMORY)
        .apply(
            "(global.set $kept (i32.mul (i32.load16_u (local.get $ptr)) (i32.const 1024)))
            (loop $fill
                (i32.store (i32.add (i32.const 16777216) (local.get $i)) (i32.mul (local.get $i) (i32.const 2654435761)))
                (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (global.get $kept))))
            (call $ok (i32.const 0) (i32.const 0))",
        )
        .query(
            "(local.set $i (i32.const 0))
            (i64.store (i32.const 64) (i64.const 0))
            (loop $sum
                (i64.store (i32.const 64) (i64.add (i64.mul (i64.load (i32.const 64)) (i64.const 31))
                    (i64.load32_u (i32.add (i32.const 16777216) (local.get $i)))))
                (br_if $sum (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (global.get $kept))))
            (call $ok (i32.const 64) (i32.const 8))",
        )
        .save(
            "(i32.store (i32.const 64) (global.get $kept))
            (call $write (i32.const 64) (i32.const 4))
            (loop $next
                (call $write (i32.add (i32.const 16777216) (local.get $i))
                    (select (i32.const 1048576) (i32.sub (global.get $kept) (local.get $i))
                        (i32.gt_u (i32.sub (global.get $kept) (local.get $i)) (i32.const 1048576))))
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1048576))) (global.get $kept))))
            (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
        )
        .load(
            "(call $read (i32.const 4) (i32.const 64))
            (global.set $kept (i32.load (i32.load (i32.const 64))))
            (block $end (loop $next
                (call $read (i32.const -1) (i32.const 64))
                (br_if $end (i32.eqz (i32.load (i32.const 68))))
                (memory.copy (i32.add (i32.const 16777216) (local.get $i)) (i32.load (i32.const 64)) (i32.load (i32.const 68)))
                (local.set $i (i32.add (local.get $i) (i32.load (i32.const 68))))
                (br $next)))
            (if (i32.ne (local.get $i) (global.get $kept)) (then unreachable))
            (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
        )
}

fn saved(instance: &mut dyn Instance) -> Vec<u8> {
    let sink = Sink::default();
    instance.save(at(20), Box::new(sink.clone())).expect("no fault").expect("it saves");
    sink.0.lock().expect("not poisoned").clone()
}

/// Hands out a few bytes at a time, as a file behind a network may.
struct Trickle(io::Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = buffer.len().min(self.1);
        self.0.read(&mut buffer[..some])
    }
}

#[test]
fn a_state_of_many_chunks_goes_round() {
    let plugin = keeper().compile();
    let start = || plugin.start(&group(), &GroupLimits::default()).expect("starts");
    let mut first = start();
    // 9,000, little-endian.
    apply(first.as_mut(), b"\x28\x23");
    let sum = reply(query(first.as_mut(), b""));
    let state = saved(first.as_mut());
    assert_eq!(state.len(), 4 + 9_000 * 1024);
    let mut second = start();
    second.load(at(20), Box::new(io::Cursor::new(state.clone()))).expect("no fault").expect("it loads");
    assert_eq!(reply(query(second.as_mut(), b"")), sum);
    assert_eq!(saved(second.as_mut()), state, "what is saved again is the same");
}

#[test]
fn how_a_source_hands_out_its_bytes_does_not_show() {
    let plugin = keeper().compile();
    let mut first = plugin.start(&group(), &GroupLimits::default()).expect("starts");
    apply(first.as_mut(), b"\xd0\x07");
    let state = saved(first.as_mut());
    let fuel_after = |step: usize| {
        let mut instance = plugin.start(&group(), &GroupLimits::default()).expect("starts");
        let source = Trickle(io::Cursor::new(state.clone()), step);
        instance.load(at(20), Box::new(source)).expect("no fault").expect("it loads");
        (query(instance.as_mut(), b"").fuel, saved(instance.as_mut()) == state)
    };
    assert_eq!(fuel_after(usize::MAX), fuel_after(1_000));
    assert!(fuel_after(777).1);
}

#[test]
fn a_refusal_to_save_or_load_says_why() {
    let text = "no such format";
    let refuse = "(call $answer (i32.const 1) (i32.const 512) (i32.const 14))";
    let guest = Guest::memory().module(&data(512, text)).save(refuse).load(refuse);
    let refused = Err(CallFailure::Refused(text.into()));
    assert_eq!(guest.start().save(at(20), Box::new(Sink::default())).expect("no fault"), refused);
    assert_eq!(guest.start().load(at(20), Box::new(io::empty())).expect("no fault"), refused);
}

#[test]
fn a_trap_while_saving_is_the_plugins_doing() {
    let mut instance = Guest::memory().save("unreachable").start();
    let failure =
        instance.save(at(20), Box::new(Sink::default())).expect("no fault").expect_err("it trapped");
    assert!(matches!(failure, CallFailure::Trapped(trap) if trap.kind == TrapKind::Instruction));
    assert!(instance.save(at(20), Box::new(Sink::default())).is_err(), "the instance is spent");
}

#[test]
fn a_chunk_over_a_mebibyte_traps() {
    let guest = Guest::memory().pages(32).save(
        "(call $write (i32.const 0) (i32.const 1048577)) (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
    );
    let failure =
        guest.start().save(at(20), Box::new(Sink::default())).expect("no fault").expect_err("too long");
    let CallFailure::Trapped(trap) = failure else { panic!("{failure}") };
    assert_eq!(trap.message, "a chunk of a snapshot has 1048577 bytes, and the group allows 1048576");
}

#[test]
fn saving_has_a_budget_of_its_own() {
    let limits = GroupLimits { fuel_per_snapshot: 1_000_000, ..GroupLimits::default() };
    let mut instance = keeper().start_with(&limits);
    apply(instance.as_mut(), b"\xd0\x07");
    let failure = instance.save(at(20), Box::new(Sink::default())).expect("no fault").expect_err("2 MB");
    assert!(matches!(failure, CallFailure::Trapped(trap) if trap.kind == TrapKind::OutOfFuel));
}

struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("no space left"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Full {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("bad sector"))
    }
}

/// A sink that only tells when it is flushed, as a buffered file does.
struct LateFull;

impl Write for LateFull {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("no space left"))
    }
}

#[test]
fn a_full_disk_and_a_bad_sector_are_faults() {
    for sink in [Box::new(Full) as Box<dyn Write + Send>, Box::new(LateFull)] {
        let fault = keeper().start().save(at(20), sink).expect_err("the disk is full");
        assert_eq!(fault.to_string(), "writing a snapshot: no space left");
    }
    let fault = keeper().start().load(at(20), Box::new(Full)).expect_err("a bad sector");
    assert_eq!(fault.to_string(), "reading a snapshot: bad sector");
}

#[test]
fn the_stream_is_there_only_while_saving_and_loading() {
    let write = "(call $write (i32.const 0) (i32.const 1)) (call $ok (i32.const 0) (i32.const 0))";
    let read = "(call $read (i32.const 1) (i32.const 64)) (call $ok (i32.const 0) (i32.const 0))";
    let guest = Guest::memory().apply(write).query(read).save(read).load(write);
    assert_eq!(trapped(&apply(guest.start().as_mut(), b"")).0, TrapKind::NotAllowed);
    assert_eq!(trapped(&query(guest.start().as_mut(), b"")).0, TrapKind::NotAllowed);
    let not_allowed =
        |failure| matches!(failure, CallFailure::Trapped(trap) if trap.kind == TrapKind::NotAllowed);
    let failure = guest.start().save(at(20), Box::new(Sink::default())).expect("no fault");
    assert!(not_allowed(failure.expect_err("reads while saving")));
    let failure = guest.start().load(at(20), Box::new(io::empty())).expect("no fault");
    assert!(not_allowed(failure.expect_err("writes while loading")));
}

#[test]
fn the_sink_is_dropped_before_saving_returns() {
    let sink = Sink::default();
    let mut instance = Guest::memory().start();
    instance.save(at(20), Box::new(sink.clone())).expect("no fault").expect("saves nothing");
    assert_eq!(std::sync::Arc::strong_count(&sink.0), 1);
}

#[test]
fn a_store_machine_has_no_snapshot_of_its_own() {
    let fault = Guest::store().start().save(at(20), Box::new(Sink::default())).expect_err("none");
    assert!(fault.to_string().contains("memory machines"), "{fault}");
}

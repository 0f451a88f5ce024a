//! The healthy groups that share the engine.

use crate::group::Group;
use bytes::Bytes;
use quorate_guests::Guest;
use quorate_machine::{CompiledPlugin, Engine};
use quorate_replica::ports::{GroupLimits, Outcome};
use std::sync::{Arc, OnceLock};

/// Entries each neighbour applies while the hostile plugin runs.
const ENTRIES: u8 = 12;
/// Commands in each of them.
const COMMANDS: u8 = 3;

/// Keeps every command under itself.
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

/// Counts commands in its memory.
fn counter() -> Guest {
    let add = "(i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
        (call $ok (i32.const 64) (i32.const 8))";
    Guest::memory()
        .apply(add)
        .query("(call $ok (i32.const 64) (i32.const 8))")
        .save("(call $write (i32.const 64) (i32.const 8)) (call $answer (i32.const 0) (i32.const 0) (i32.const 0))")
        .load(
            "(call $read (i32.const 8) (i32.const 80))
            (i64.store (i32.const 64) (i64.load (i32.load (i32.const 80))))
            (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
        )
}

fn compiled(engine: &Engine) -> &'static [Arc<CompiledPlugin>; 2] {
    static PLUGINS: OnceLock<[Arc<CompiledPlugin>; 2]> = OnceLock::new();
    PLUGINS.get_or_init(|| {
        [keeper(), counter()].map(|guest| engine.compile(&guest.bytes()).expect("a healthy plugin"))
    })
}

fn reply(outcome: &Outcome) -> Result<&Bytes, String> {
    match outcome {
        Outcome::Reply(reply) => Ok(reply),
        other => Err(format!("the neighbour was answered {other:?}")),
    }
}

/// Lives a short healthy life: every command replies as it should and the state is right in the end.
pub(crate) fn live(engine: &Engine) -> Result<(), String> {
    let limits = GroupLimits::default();
    let [keeper, counter] = compiled(engine);
    let mut keeper = Group::open(101, keeper.clone(), keeper.digest(), &limits)?;
    let mut counter = Group::open(102, counter.clone(), counter.digest(), &limits)?;
    let mut sent = Vec::new();
    for round in 0..ENTRIES {
        let commands: Vec<Bytes> = (0..COMMANDS).map(|place| Bytes::from(vec![round, place])).collect();
        sent.extend(commands.clone());
        for (call, command) in keeper.commands(commands.clone())?.commands.iter().zip(&commands) {
            expect(reply(&call.outcome)?, command)?;
        }
        expect(reply(&keeper.query(&commands[0])?.outcome)?, &commands[0])?;
        counter.commands(commands)?;
        let count = u64::try_from(sent.len()).map_err(|error| error.to_string())?;
        expect(reply(&counter.query(&Bytes::new())?.outcome)?, &count.to_le_bytes())?;
        if round == ENTRIES / 2 {
            counter.checkpoint()?;
            counter.restart()?;
        }
    }
    let kept: Vec<Bytes> = keeper.pairs().into_keys().collect();
    if kept == sent { Ok(()) } else { Err(format!("the neighbour holds {kept:?}")) }
}

fn expect(found: &[u8], expected: &[u8]) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("the neighbour was answered {found:?} instead of {expected:?}"))
    }
}

//! The timers of the native plugin.

use super::{End, Numbers, Running, parse, trap};
use crate::ports::{Event, TrapKind};
use bytes::Bytes;
use quorate_vocabulary::Position;

/// After which a timer that sets itself again is due.
const AGAIN_MS: u64 = 100;

/// The commands that set and cancel timers.
pub(super) fn command(running: &mut Running<'_>, position: Position, words: &[&str]) -> Result<Bytes, End> {
    match words {
        ["timer", id, milliseconds] => {
            let at_ms = position.time_ms.saturating_add(parse(milliseconds)?);
            running.timers.insert(parse(id)?, Some(at_ms));
            Ok(Bytes::new())
        }
        ["timer-and-reject", id] => {
            running.timers.insert(parse(id)?, Some(position.time_ms));
            Err(End::Rejected("as asked".into()))
        }
        ["cancel", id] => {
            running.timers.insert(parse(id)?, None);
            Ok(Bytes::new())
        }
        _ => Err(End::Rejected("no such command".into())),
    }
}

/// What a timer does when it fires.
pub(super) fn fired(
    running: &mut Running<'_>,
    numbers: &mut Numbers<'_>,
    position: Position,
    id: u64,
) -> Result<Bytes, End> {
    running.burn(0)?;
    let name = format!("fired-{id}");
    let rejects = id % 10 == 1;
    // Only the host can undo it for a store machine; a memory machine must not have changed anything.
    if !rejects || matches!(numbers, Numbers::Store(_)) {
        let times = numbers.get(&name)? + 1;
        numbers.set(&name, times)?;
    }
    running.events.push(Event { topic: "fired".into(), payload: id.to_string().into() });
    match id % 10 {
        1 => return Err(End::Rejected("as asked".into())),
        2 => return Err(trap(TrapKind::Instruction, "unreachable executed")),
        3 => drop(running.timers.insert(id, Some(position.time_ms + AGAIN_MS))),
        4 => drop(running.timers.insert(id + 1, None)),
        5 => running.burn(running.budget)?,
        _ => {}
    }
    Ok(Bytes::new())
}

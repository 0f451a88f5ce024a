//! `quorate:machine/host`.

use super::{copied, length};
use crate::{
    check::HOST,
    fuel,
    state::{Phase, State},
    text,
};
use quorate_replica::ports::{Event, LogLevel, LogLine, TrapKind};
use wasmtime::{
    Result, StoreContextMut,
    component::{ComponentType, Lift, Linker, Lower, WasmList, WasmStr},
};

#[derive(Clone, ComponentType, Lower)]
#[component(record)]
struct Group {
    id: u64,
    name: String,
}

// wasmtime makes the variants from their numbers.
#[allow(dead_code)]
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

type Context<'a> = StoreContextMut<'a, State>;

pub(super) fn add(linker: &mut Linker<State>) -> Result<()> {
    let mut instance = linker.instance(&HOST.full_name())?;
    instance.func_wrap("group", |context, (): ()| group(context))?;
    instance.func_wrap("log", |context, (level, message): (Level, WasmStr)| log(context, level, &message))?;
    instance.func_wrap("emit", |context, (topic, payload): (WasmStr, WasmList<u8>)| {
        emit(context, &topic, &payload)
    })?;
    instance.func_wrap("random", |context, (): ()| random(context))?;
    instance.func_wrap("propose", |context, (command,): (WasmList<u8>,)| propose(context, &command))?;
    instance.func_wrap("set-timer", |context, (id, at_ms): (u64, u64)| {
        change_timer(context, "host.set-timer", id, Some(at_ms))
    })?;
    instance.func_wrap("cancel-timer", |context, (id,): (u64,)| {
        change_timer(context, "host.cancel-timer", id, None)
    })
}

fn group(mut context: Context<'_>) -> Result<(Group,)> {
    let group = context.data().group.clone();
    let name = group.name.to_string();
    fuel::charge(&mut context, fuel::CALL + fuel::bytes(name.len()))?;
    Ok((Group { id: group.id.0, name },))
}

fn log(mut context: Context<'_>, level: Level, message: &WasmStr) -> Result<()> {
    let message = message.to_str(&context)?;
    let limits = context.data().limits.clone();
    let bytes_max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
    let bytes = message.len();
    let room = length(context.data().logs.len()) < limits.log_lines_per_command_max;
    let line = room.then(|| text::log_line(&message, bytes_max));
    drop(message);
    fuel::charge(&mut context, fuel::CALL + fuel::EFFECT + fuel::bytes(bytes))?;
    if let Some(message) = line {
        context.data_mut().logs.push(LogLine { level: level.into(), message });
    }
    Ok(())
}

fn emit(mut context: Context<'_>, topic: &WasmStr, payload: &WasmList<u8>) -> Result<()> {
    if context.data().phase != Phase::Apply {
        return Err(context.data_mut().not_allowed("host.emit", "only in apply"));
    }
    let topic = topic.to_str(&context)?.into_owned();
    let bytes = topic.len().saturating_add(payload.len());
    fuel::charge(&mut context, fuel::CALL + fuel::EFFECT + fuel::bytes(bytes))?;
    let limits = context.data().limits.clone();
    context.data_mut().at_most("an event", length(bytes), limits.event_bytes_max)?;
    if length(context.data().events.len()) >= limits.events_per_command_max {
        let message = format!(
            "the command emits more than the {} events the group allows",
            limits.events_per_command_max
        );
        return Err(context.data_mut().trap(TrapKind::LimitExceeded, message));
    }
    let payload = copied(&context, payload);
    context.data_mut().events.push(Event { topic, payload });
    Ok(())
}

fn random(mut context: Context<'_>) -> Result<(u64,)> {
    fuel::charge(&mut context, fuel::CALL)?;
    Ok((context.data_mut().draw(),))
}

fn propose(mut context: Context<'_>, command: &WasmList<u8>) -> Result<()> {
    match context.data().phase {
        Phase::Lifecycle { leads: true } => {}
        Phase::Lifecycle { leads: false } => {
            return Err(context.data_mut().not_allowed("host.propose", "of a replica that does not lead"));
        }
        _ => return Err(context.data_mut().not_allowed("host.propose", "only in a lifecycle callback")),
    }
    fuel::charge(&mut context, fuel::CALL + fuel::EFFECT + fuel::bytes(command.len()))?;
    let limits = context.data().limits.clone();
    context.data_mut().at_most("a proposed command", length(command.len()), limits.command_bytes_max)?;
    if length(context.data().proposals.len()) >= limits.proposals_per_callback_max {
        let message = format!(
            "the callback proposes more than the {} commands the group allows",
            limits.proposals_per_callback_max
        );
        return Err(context.data_mut().trap(TrapKind::LimitExceeded, message));
    }
    let command = copied(&context, command);
    context.data_mut().proposals.push(command);
    Ok(())
}

/// The replica, which knows the timers that are pending, holds them to the group's limit once the call has ended.
fn change_timer(mut context: Context<'_>, what: &str, id: u64, at_ms: Option<u64>) -> Result<()> {
    if context.data().phase != Phase::Apply {
        return Err(context.data_mut().not_allowed(what, "only in apply and when a timer fires"));
    }
    fuel::charge(&mut context, fuel::CALL + fuel::EFFECT)?;
    context.data_mut().timers.insert(id, at_ms);
    let (changed, max) = (length(context.data().timers.len()), context.data().limits.timers_max);
    if changed > max {
        let message = format!("the command sets or cancels more than the {max} timers the group allows");
        return Err(context.data_mut().trap(TrapKind::LimitExceeded, message));
    }
    Ok(())
}

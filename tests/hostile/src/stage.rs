//! Plays a case on the real engine, and watches it and its neighbours.

use crate::{
    Case,
    case::{Answer, Expected, Step, Verdict},
    group::Group,
    neighbour,
};
use bytes::Bytes;
use quorate_machine::{Engine, EngineConfig};
use quorate_replica::{
    CheckpointResult,
    ports::{Call, GroupLimits, LogLine, Outcome},
};
use std::{sync::OnceLock, thread};

/// The number of the hostile group.
pub const GROUP: u64 = 7;

/// The longest a message may be: nobody reads more, and a plugin could fill a log with it.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// The engine of all cases.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EngineConfig { instances_max: 256, ..EngineConfig::default() };
        Engine::new(&config).expect("the engine starts")
    })
}

/// Plays a case while its neighbours live their lives beside it, and once more after it.
///
/// # Errors
/// What went another way than the case says.
pub fn play(case: &Case) -> Result<(), String> {
    let engine = engine();
    thread::scope(|scope| {
        let neighbour = scope.spawn(|| neighbour::live(engine));
        let played = match &case.verdict {
            Verdict::Refused { is, says } => refused(engine, &case.component, *is, says),
            Verdict::Contained { limits, steps } => contained(engine, &case.component, limits, steps),
        };
        let lived = neighbour.join().map_err(|_| "the neighbour's thread ended".to_owned())?;
        played.and(lived).and_then(|()| neighbour::live(engine))
    })
}

fn refused(
    engine: &Engine,
    component: &[u8],
    is: fn(&quorate_machine::PluginRefusal) -> bool,
    says: &str,
) -> Result<(), String> {
    let Err(refusal) = engine.compile(component) else { return Err("it was accepted".into()) };
    let message = refusal.to_string();
    check_message(&message)?;
    if !is(&refusal) {
        return Err(format!("it was refused with {refusal:?}"));
    }
    if message.contains(says) { Ok(()) } else { Err(format!("\"{message}\" does not contain \"{says}\"")) }
}

/// One replica lives on from step to step; its twin is opened again before each. Both must come to the same.
fn contained(engine: &Engine, component: &[u8], limits: &GroupLimits, steps: &[Step]) -> Result<(), String> {
    let plugin = engine.compile(component).map_err(|refusal| format!("it was refused: {refusal}"))?;
    let digest = plugin.digest();
    let mut first = Group::open(GROUP, plugin.clone(), digest, limits)?;
    let mut twin = Group::open(GROUP, plugin, digest, limits)?;
    for (place, step) in steps.iter().enumerate() {
        let in_step = |what: String| format!("in step {}: {what}", place + 1);
        twin.restart().map_err(in_step)?;
        run(step, &mut first, &mut twin).map_err(in_step)?;
        if first.applied() != twin.applied() {
            return Err(in_step(format!(
                "one replica stands at {:?}, its twin at {:?}",
                first.applied(),
                twin.applied()
            )));
        }
        if first.pairs() != twin.pairs() {
            return Err(in_step("the stores of the replicas differ".into()));
        }
    }
    Ok(())
}

fn run(step: &Step, first: &mut Group, twin: &mut Group) -> Result<(), String> {
    match step {
        Step::Entry(commands) => run_entry(commands, first, twin),
        Step::Timers(expected) => {
            let (result, again) = (first.timers()?, twin.timers()?);
            if result != again {
                return Err(format!("one replica made {result:?} of it, its twin {again:?}"));
            }
            if result.commands.len() != expected.len() {
                return Err(format!("{} timers fired", result.commands.len()));
            }
            result.commands.iter().zip(expected).try_for_each(|(call, expected)| check_call(call, expected))
        }
        Step::Query(request, expected) => check_call(&first.query(request)?, expected),
        Step::Tell(event, expected) => {
            let callback = first.tell(event)?;
            check_logs(&callback.logs)?;
            let found = match &callback.failure {
                None => Ok(callback.proposals.len()),
                Some(trap) => {
                    check_message(&trap.message)?;
                    Err(trap.kind)
                }
            };
            if found == *expected { Ok(()) } else { Err(format!("the callback ended with {callback:?}")) }
        }
        Step::Checkpoint(expected) => {
            let (result, again) = (first.checkpoint()?, twin.checkpoint()?);
            if result != again {
                return Err(format!("one replica made {result:?} of it, its twin {again:?}"));
            }
            check_checkpoint(result, *expected)
        }
        Step::Background(commands, expected) => {
            let (checkpoint, again) = (first.begin_checkpoint()?, twin.begin_checkpoint()?);
            if checkpoint != again {
                return Err(format!("one replica began a checkpoint at {checkpoint}, its twin at {again}"));
            }
            // The first prepares it meanwhile, the twin not before it must.
            run_entry(commands, first, twin)?;
            first.prepare_checkpoint()?;
            let (result, again) = (first.take_over(checkpoint)?, twin.take_over(checkpoint)?);
            if result != again {
                return Err(format!("one replica made {result:?} of it, its twin {again:?}"));
            }
            check_checkpoint(result, *expected)
        }
        Step::Upgrade(component, expected) => {
            let next = engine().compile(component).map_err(|refusal| format!("it was refused: {refusal}"))?;
            let digest = next.digest();
            let (result, again) = (first.upgrade(next.clone(), digest)?, twin.upgrade(next, digest)?);
            if result != again {
                return Err(format!("one replica made {result:?} of it, its twin {again:?}"));
            }
            let failure = result.activation.as_ref().and_then(|record| record.failure.as_deref());
            check_failure(failure, *expected)
        }
        Step::Restart => first.restart(),
    }
}

/// Both apply one entry of commands.
fn run_entry(commands: &[(Bytes, Expected)], first: &mut Group, twin: &mut Group) -> Result<(), String> {
    let bytes: Vec<Bytes> = commands.iter().map(|(command, _)| command.clone()).collect();
    let result = first.commands(bytes.clone())?;
    let again = twin.commands(bytes)?;
    if result != again {
        return Err(format!("one replica made {result:?} of it, its twin {again:?}"));
    }
    result.commands.iter().zip(commands).try_for_each(|(call, (_, expected))| check_call(call, expected))
}

fn check_checkpoint(
    result: Option<CheckpointResult>,
    expected: Result<(), &'static str>,
) -> Result<(), String> {
    match result {
        Some(CheckpointResult::Taken(_)) => check_failure(None, expected),
        Some(CheckpointResult::Failed(failure)) => check_failure(Some(&failure.to_string()), expected),
        other => Err(format!("the checkpoint came to {other:?}")),
    }
}

/// Why something failed, if it did, and what of that must be said, if it must fail.
fn check_failure(failure: Option<&str>, expected: Result<(), &'static str>) -> Result<(), String> {
    match (failure, expected) {
        (None, Ok(())) => Ok(()),
        (Some(message), Err(says)) => {
            check_message(message)?;
            if message.contains(says) { Ok(()) } else { Err(format!("it failed so: {}", short(message))) }
        }
        (Some(message), Ok(())) => Err(format!("it failed: {}", short(message))),
        (None, Err(says)) => Err(format!("it did not fail with \"{says}\"")),
    }
}

fn check_call(call: &Call, expected: &Expected) -> Result<(), String> {
    check_logs(&call.logs)?;
    if let Outcome::Trapped(trap) = &call.outcome {
        check_message(&trap.message)?;
    }
    let fits = match (&call.outcome, &expected.answer) {
        (Outcome::Reply(found), Answer::Replies(expected)) => found == expected,
        (Outcome::Reply(_), Answer::RepliesAnything) => true,
        (Outcome::Rejection(found), Answer::Rejects(expected)) => found == expected,
        (Outcome::Trapped(trap), Answer::Traps(kind)) => trap.kind == *kind,
        _ => false,
    };
    if !fits {
        return Err(format!("it ended with {}", short(&format!("{:?}", call.outcome))));
    }
    let counts = [("events", call.events.len(), expected.events), ("lines", call.logs.len(), expected.logs)];
    for (what, found, expected) in counts {
        if expected.is_some_and(|expected| expected != found) {
            return Err(format!("it made {found} {what}"));
        }
    }
    Ok(())
}

fn check_logs(logs: &[LogLine]) -> Result<(), String> {
    match logs.iter().find(|line| line.message.chars().any(is_unsafe)) {
        Some(line) => Err(format!("a line of the log holds control characters: {:?}", line.message)),
        None => Ok(()),
    }
}

/// A message is for people: not endless, and without anything that steers a terminal or forges a line.
fn check_message(message: &str) -> Result<(), String> {
    if message.chars().any(is_unsafe) {
        return Err(format!("a message holds control characters: {message:?}"));
    }
    let bytes = message.len();
    if (1..=MESSAGE_BYTES_MAX).contains(&bytes) {
        Ok(())
    } else {
        Err(format!("a message of {bytes} bytes: {}", short(message)))
    }
}

fn is_unsafe(character: char) -> bool {
    (character.is_control() && character != '\t') || ('\u{202a}'..='\u{202e}').contains(&character)
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

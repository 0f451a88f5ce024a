//! Playing a script, and comparing what comes of it.

use crate::data::Shown;
use crate::script::Answer;
use crate::stage::{self, Stage};
use crate::{Case, CaseFailure, Expected, FormerState, Script, Step};
use bytes::Bytes;
use quorate_replica::ports::{
    AppliedPoint, Call, CallFailure, EmptyView, GroupLimits, HostFault, LogLevel, LogLine, Outcome, Plugin,
    StateStore,
};
use quorate_replica::testing::MemoryStore;
use quorate_replica::{CheckpointResult, Configuration, Overlay, ReplicaFault};
use quorate_vocabulary::{PluginDigest, Position};
use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;

/// A plugin that is put through a script.
#[derive(Clone)]
pub struct Subject {
    /// Its code.
    pub plugin: Arc<dyn Plugin>,
    /// What it is known by.
    pub digest: PluginDigest,
    /// The limits of its group.
    pub limits: GroupLimits,
}

/// What a script that was followed came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many cases there were.
    pub cases: usize,
    /// How many steps, in all of them.
    pub steps: usize,
    /// What all commands and timers burnt.
    pub fuel: u64,
}

/// Plays all cases.
///
/// # Errors
/// Each case in which the plugin departed from the script; the others were played all the same.
pub fn run(subject: &Subject, script: &Script) -> Result<Summary, Vec<CaseFailure>> {
    let mut summary = Summary { cases: script.cases.len(), ..Summary::default() };
    let mut failures = Vec::new();
    for case in &script.cases {
        summary.steps += case.steps.len();
        match run_case(subject, case) {
            Ok(fuel) => summary.fuel = summary.fuel.saturating_add(fuel),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() { Ok(summary) } else { Err(failures) }
}

/// Plays one case, and gives what its commands and timers burnt.
///
/// # Errors
/// How the plugin departed from it.
pub fn run_case(subject: &Subject, case: &Case) -> Result<u64, CaseFailure> {
    let host = |fault| CaseFailure::Host { case: case.name.clone(), fault };
    let mut stage =
        Stage::new(subject.plugin.clone(), subject.digest, subject.limits.clone()).map_err(host)?;
    let mut fuel = 0_u64;
    for (place, (step, expected)) in case.steps.iter().enumerate() {
        let done = perform(subject, &mut stage, step, expected, &mut fuel).map_err(host)?;
        done.map_err(|why| CaseFailure::Differs {
            case: case.name.clone(),
            step: place + 1,
            action: action(step),
            why,
        })?;
    }
    if stage.restart().map_err(host)? {
        Ok(fuel)
    } else {
        Err(CaseFailure::NotTheSameAgain { case: case.name.clone() })
    }
}

type Done = Result<(), String>;

fn perform(
    subject: &Subject,
    stage: &mut Stage,
    step: &Step,
    expected: &Expected,
    fuel: &mut u64,
) -> Result<Done, ReplicaFault> {
    Ok(match step {
        Step::Apply(commands) => {
            let calls = stage.entry(commands.clone())?;
            *fuel = calls.iter().fold(*fuel, |fuel, call| fuel.saturating_add(call.fuel));
            compare(expected, &calls)
        }
        Step::Pass(milliseconds) => {
            let calls = stage.pass(*milliseconds)?;
            *fuel = calls.iter().fold(*fuel, |fuel, call| fuel.saturating_add(call.fuel));
            compare(expected, &calls)
        }
        Step::Query(request) => compare(expected, &[stage.query(request)?]),
        Step::Tell(event) => {
            let callback = stage.tell(event)?;
            match &callback.failure {
                Some(trap) => Err(format!("the callback trapped: {trap}{}", logged(&callback.logs))),
                None => compare_logs(expected, callback.logs.iter()).and_then(|()| {
                    compare_list("proposes", expected.proposals.as_deref(), &callback.proposals)
                }),
            }
        }
        Step::Checkpoint => match stage.checkpoint()? {
            Some(CheckpointResult::Failed(failure)) => Err(format!("it could not save or load: {failure}")),
            Some(CheckpointResult::Taken(_)) => {
                let saved = stage.saved().unwrap_or_default();
                match &expected.saved {
                    // The host's own part stands before.
                    Some(wanted) if !saved.ends_with(wanted) => {
                        Err(format!("expected to be saved {}, found {}", Shown(wanted), Shown(&saved)))
                    }
                    _ => Ok(()),
                }
            }
            Some(CheckpointResult::UnderWay { .. }) => Err("it was to be saved at once".into()),
            None => Err("a store machine saves nothing".into()),
        },
        Step::Restart => {
            if stage.restart()? {
                Ok(())
            } else {
                Err("the restarted replica came to another state".into())
            }
        }
        Step::Load { state, query } => {
            let call = load(subject, state, query.as_ref())
                .map_err(|fault| ReplicaFault::Host { doing: "loading a state", fault })?;
            compare(expected, &[call])
        }
        Step::Migrate { state, from, query } => {
            let call = migrate(subject, state, *from, query.as_ref())
                .map_err(|fault| ReplicaFault::Host { doing: "migrating a state", fault })?;
            compare(expected, &[call])
        }
    })
}

/// What a fresh instance answers once a state of another version was taken over: one that it refuses counts as a rejection.
fn migrate(
    subject: &Subject,
    state: &FormerState,
    from: u32,
    query: Option<&Bytes>,
) -> Result<Call, HostFault> {
    if !subject.plugin.migrates() {
        return Ok(Call::of(Outcome::Rejection("it does not export `upgrade`".into())));
    }
    let mut instance = subject.plugin.start(&stage::group(), &subject.limits)?;
    let at = Position { index: 1, ordinal: 0, time_ms: stage::TIME_MS };
    let store = MemoryStore::default();
    let migrated = match state {
        FormerState::Saved(saved) => {
            instance.migrate_memory(at, from, Box::new(Cursor::new(saved.clone())))?
        }
        FormerState::Pairs(pairs) => {
            let point = AppliedPoint::initial(Configuration::default());
            let mut loader = store.begin_load()?;
            loader.put(pairs.clone().into_iter().collect())?;
            loader.finish(&point)?;
            let overlay = Overlay::for_migration(store.view()?, &subject.limits);
            let (migrated, mut overlay) = instance.migrate_store(at, from, overlay)?;
            overlay.keep_command();
            store.commit(overlay.into_changes(), &point)?;
            // As every entry behind it has.
            instance = subject.plugin.start(&stage::group(), &subject.limits)?;
            migrated
        }
    };
    answered(migrated, query, |request| instance.query(at, request, store.view()?))
}

/// What a fresh instance answers once it has loaded this: a state it refuses counts as a rejection.
fn load(subject: &Subject, state: &Bytes, query: Option<&Bytes>) -> Result<Call, HostFault> {
    let mut instance = subject.plugin.start(&stage::group(), &subject.limits)?;
    let at = Position { index: 1, ordinal: 0, time_ms: stage::TIME_MS };
    let loaded = instance.load(at, Box::new(Cursor::new(state.clone())))?;
    answered(loaded, query, |request| instance.query(at, request, Arc::new(EmptyView)))
}

fn answered(
    taken_over: Result<(), CallFailure>,
    query: Option<&Bytes>,
    ask: impl FnOnce(&Bytes) -> Result<Call, HostFault>,
) -> Result<Call, HostFault> {
    match (taken_over, query) {
        (Ok(()), Some(request)) => ask(request),
        (Ok(()), None) => Ok(Call::of(Outcome::Reply(Bytes::new()))),
        (Err(CallFailure::Refused(why)), _) => Ok(Call::of(Outcome::Rejection(why.into()))),
        (Err(CallFailure::Trapped(trap)), _) => Ok(Call::of(Outcome::Trapped(trap))),
    }
}

fn compare(expected: &Expected, calls: &[Call]) -> Done {
    if let Some(answers) = &expected.answers {
        if answers.len() != calls.len() {
            return Err(format!("expected {} answers, found {}", answers.len(), calls.len()));
        }
        for (place, (answer, call)) in answers.iter().zip(calls).enumerate() {
            let of = if calls.len() == 1 { String::new() } else { format!("call {}: ", place + 1) };
            compare_answer(answer, call).map_err(|why| format!("{of}{why}"))?;
        }
    } else if let Some(call) = calls.iter().find(|call| matches!(call.outcome, Outcome::Trapped(_))) {
        // Nobody leaves out that they wait for a trap.
        return Err(format!("found {}{}", shown(&call.outcome), logged(&call.logs)));
    }
    let events: Vec<Bytes> = calls
        .iter()
        .flat_map(|call| &call.events)
        .map(|event| [event.topic.as_bytes(), b" ", &event.payload].concat().into())
        .collect();
    compare_list("emits", expected.events.as_deref(), &events)?;
    compare_logs(expected, calls.iter().flat_map(|call| &call.logs))
}

fn compare_answer(answer: &Answer, call: &Call) -> Done {
    let same = match (answer, &call.outcome) {
        (Answer::Reply(wanted), Outcome::Reply(found))
        | (Answer::Rejected(wanted), Outcome::Rejection(found)) => wanted == found,
        (Answer::Trapped(words), Outcome::Trapped(trap)) => {
            trap.to_string().contains(words) || call.logs.iter().any(|line| line.message.contains(words))
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    let wanted = match answer {
        Answer::Reply(bytes) => format!("the reply {}", Shown(bytes)),
        Answer::Rejected(bytes) => format!("the rejection {}", Shown(bytes)),
        Answer::Trapped(words) => format!("a trap with the words {words:?}"),
    };
    Err(format!("expected {wanted}, found {}{}", shown(&call.outcome), logged(&call.logs)))
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(bytes) => format!("the reply {}", Shown(bytes)),
        Outcome::Rejection(bytes) => format!("the rejection {}", Shown(bytes)),
        Outcome::Trapped(trap) => format!("a trap ({trap})"),
        Outcome::Frozen => "nothing: the group is frozen".to_owned(),
        Outcome::Session(_) => "nothing: it is about a session".to_owned(),
    }
}

/// What was logged, for those who wonder why: a panic's words, as a rule.
fn logged(logs: &[LogLine]) -> String {
    logs.iter().fold(String::new(), |mut text, line| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n    {}", logged_line(line));
        text
    })
}

fn logged_line(line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    format!("{level} {}", line.message)
}

fn compare_logs<'a>(expected: &Expected, logs: impl Iterator<Item = &'a LogLine>) -> Done {
    let wanted: Option<Vec<Bytes>> =
        expected.logs.as_ref().map(|lines| lines.iter().map(|line| line.clone().into()).collect());
    let found: Vec<Bytes> = logs.map(|line| logged_line(line).into()).collect();
    compare_list("logs", wanted.as_deref(), &found)
}

fn compare_list(verb: &str, wanted: Option<&[Bytes]>, found: &[Bytes]) -> Done {
    let Some(wanted) = wanted else { return Ok(()) };
    if wanted == found {
        return Ok(());
    }
    let list = |all: &[Bytes]| {
        let all: Vec<String> = all.iter().map(|bytes| Shown(bytes).to_string()).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    Err(format!("expected that it {verb} {}, found {}", list(wanted), list(found)))
}

fn action(step: &Step) -> String {
    match step {
        Step::Apply(commands) => match commands.as_slice() {
            [command] => format!("apply {}", Shown(command)),
            commands => format!("an entry of {} commands", commands.len()),
        },
        Step::Query(request) => format!("query {}", Shown(request)),
        Step::Pass(milliseconds) => format!("{milliseconds} ms pass"),
        Step::Tell(event) => format!("tell {event:?}"),
        Step::Checkpoint => "checkpoint".into(),
        Step::Restart => "restart".into(),
        Step::Load { state, .. } => format!("load {}", Shown(state)),
        Step::Migrate { state: FormerState::Saved(saved), from, .. } => {
            format!("migrate {} from version {from}", Shown(saved))
        }
        Step::Migrate { state: FormerState::Pairs(pairs), from, .. } => {
            format!("migrate a store of {} pairs from version {from}", pairs.len())
        }
    }
}

use crate::ports::{Call, Outcome};
use bytes::Bytes;
use std::fmt;

/// The most bytes of a command or an answer that a message repeats.
const SHOWN_BYTES_MAX: usize = 60;

/// Under which conditions a plugin did something else than on a replica that lives on undisturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialConditions {
    /// The replica was restarted, asked, told of its life and moved in memory in between.
    Disturbed,
    /// The replica began from a snapshot of another.
    FromSnapshot,
    /// The same commands were packed into entries of the log in another way.
    Repacked,
}

impl fmt::Display for TrialConditions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Disturbed => {
                "on a replica that was restarted and answered queries and callbacks in between"
            }
            Self::FromSnapshot => "on a replica that began from a snapshot",
            Self::Repacked => "when the same commands were packed into entries of the log in another way",
        })
    }
}

/// The first thing that was not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which command, from 1: the one that showed it, or the last one before it showed.
    pub number: usize,
    /// Its bytes.
    pub command: Bytes,
    /// What was different: the outcome, the fuel, the events, the state, the snapshot.
    pub what: &'static str,
    /// What it was first.
    pub first: String,
    /// What it was under other conditions.
    pub second: String,
    /// Under which.
    pub conditions: TrialConditions,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, command, what, first, second, conditions } = self;
        let command = shown(command);
        write!(
            formatter,
            "at command {number} ({command}) {what} {first} at first, and {second} {conditions}"
        )
    }
}

/// What differs between two calls of one command, if anything does, and both sides of it.
pub(crate) fn between_calls(
    first: &Call,
    second: &Call,
    with_fuel: bool,
) -> Option<(&'static str, String, String)> {
    let same_outcome = match (&first.outcome, &second.outcome) {
        // What an engine says about a trap is not replicated.
        (Outcome::Trapped(first), Outcome::Trapped(second)) => first.kind == second.kind,
        (first, second) => first == second,
    };
    let counted = |count: usize, call: &Call, what: &str| {
        if count == 0 { format!("no {what}") } else { format!("{count} {what} of {}", outcome(call)) }
    };
    if !same_outcome {
        Some(("the outcome was", outcome(first), outcome(second)))
    } else if first.events != second.events {
        let events = |call: &Call| counted(call.events.len(), call, "events");
        Some(("what it emitted was", events(first), events(second)))
    } else if first.timers != second.timers {
        let timers = |call: &Call| counted(call.timers.len(), call, "changes of timers");
        Some(("what it did to timers was", timers(first), timers(second)))
    } else if with_fuel && first.fuel != second.fuel {
        Some(("the fuel it burnt was", first.fuel.to_string(), second.fuel.to_string()))
    } else {
        None
    }
}

fn outcome(call: &Call) -> String {
    match &call.outcome {
        Outcome::Reply(reply) => format!("the reply {}", shown(reply)),
        Outcome::Rejection(rejection) => format!("the rejection {}", shown(rejection)),
        Outcome::Trapped(trap) => format!("a trap ({})", trap.kind),
        Outcome::Frozen => "nothing: the group is frozen".to_owned(),
        Outcome::Session(_) => "nothing: it is about a session".to_owned(),
    }
}

/// Bytes as they may stand in a message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{more}\"", cut.escape_ascii())
}

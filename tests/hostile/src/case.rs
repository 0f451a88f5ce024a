//! What a case is made of, in words short enough that one fits on a few lines.

use bytes::Bytes;
use quorate_guests::Guest;
use quorate_machine::PluginRefusal;
use quorate_replica::ports::{GroupLimits, LifecycleEvent, TrapKind};

/// A component and what must come of it.
pub struct Case {
    /// What it tries, unique in the corpus.
    pub name: &'static str,
    /// The component, or what pretends to be one.
    pub component: Vec<u8>,
    /// What must come of it.
    pub verdict: Verdict,
}

/// What must come of a component.
pub enum Verdict {
    /// It is refused at upload.
    Refused {
        /// Whether it is this refusal.
        is: fn(&PluginRefusal) -> bool,
        /// What the message contains.
        says: &'static str,
    },
    /// It is accepted, and these steps end as they say.
    Contained {
        /// The limits of its group.
        limits: Box<GroupLimits>,
        /// What is done with it, in order.
        steps: Vec<Step>,
    },
}

/// Something done with a group, and what must come of it.
pub enum Step {
    /// One entry of the log with these commands.
    Entry(Vec<(Bytes, Expected)>),
    /// An entry at which the timers that are due fire, and what must come of each.
    Timers(Vec<Expected>),
    /// A query.
    Query(Bytes, Expected),
    /// A lifecycle callback, and the trap or the number of proposals it ends with.
    Tell(LifecycleEvent, Result<usize, TrapKind>),
    /// A checkpoint, and what the reason of its failure contains, if it must fail.
    Checkpoint(Result<(), &'static str>),
    /// A checkpoint in the background, an entry of commands that comes before its successor takes over, and what the reason of
    /// its failure contains, if it must fail.
    Background(Vec<(Bytes, Expected)>, Result<(), &'static str>),
    /// The group goes over to this component, and what the reason contains why it stays with the one before, if it must.
    Upgrade(Vec<u8>, Result<(), &'static str>),
    /// The replica is opened again from its disk.
    Restart,
}

/// How a command or query must end.
pub struct Expected {
    /// Its outcome.
    pub answer: Answer,
    /// How many events it emits, if that matters.
    pub events: Option<usize>,
    /// How many lines it logs, if that matters.
    pub logs: Option<usize>,
}

/// The outcome of a command or query.
pub enum Answer {
    /// It replies with these bytes.
    Replies(Bytes),
    /// It replies with whatever, but the same everywhere.
    RepliesAnything,
    /// It rejects with these bytes.
    Rejects(Bytes),
    /// It traps.
    Traps(TrapKind),
}

impl From<Answer> for Expected {
    fn from(answer: Answer) -> Self {
        Self { answer, events: None, logs: None }
    }
}

/// It replies with these bytes.
#[must_use]
pub fn replies(bytes: &[u8]) -> Expected {
    Answer::Replies(Bytes::copy_from_slice(bytes)).into()
}

/// It replies with this number in eight bytes, the least first.
#[must_use]
pub fn replies_number(number: u64) -> Expected {
    replies(&number.to_le_bytes())
}

/// It replies.
#[must_use]
pub fn replies_anything() -> Expected {
    Answer::RepliesAnything.into()
}

/// It rejects with these bytes.
#[must_use]
pub fn rejects(bytes: &[u8]) -> Expected {
    Answer::Rejects(Bytes::copy_from_slice(bytes)).into()
}

/// It traps.
#[must_use]
pub fn traps(kind: TrapKind) -> Expected {
    Answer::Traps(kind).into()
}

impl Expected {
    /// It emits so many events.
    #[must_use]
    pub fn emitting(self, events: usize) -> Self {
        Self { events: Some(events), ..self }
    }

    /// It logs so many lines.
    #[must_use]
    pub fn logging(self, logs: usize) -> Self {
        Self { logs: Some(logs), ..self }
    }
}

/// An entry of one command.
#[must_use]
pub fn command(command: &'static str, expected: Expected) -> Step {
    entry([(command, expected)])
}

/// An entry of several commands.
#[must_use]
pub fn entry(commands: impl IntoIterator<Item = (&'static str, Expected)>) -> Step {
    Step::Entry(commands.into_iter().map(|(command, expected)| (Bytes::from(command), expected)).collect())
}

/// A checkpoint in the background, while these commands are applied.
#[must_use]
pub fn background(
    commands: impl IntoIterator<Item = (&'static str, Expected)>,
    expected: Result<(), &'static str>,
) -> Step {
    let commands = commands.into_iter().map(|(command, expected)| (Bytes::from(command), expected));
    Step::Background(commands.collect(), expected)
}

/// The group goes over to this guest, or stays with the one before.
#[must_use]
pub fn upgrade(to: &Guest, expected: Result<(), &'static str>) -> Step {
    Step::Upgrade(to.bytes(), expected)
}

/// The timers that are due fire, and end so.
#[must_use]
pub fn fire(expected: impl IntoIterator<Item = Expected>) -> Step {
    Step::Timers(expected.into_iter().collect())
}

/// A query.
#[must_use]
pub fn query(request: &'static str, expected: Expected) -> Step {
    Step::Query(Bytes::from(request), expected)
}

/// A callback that ends with so many proposals.
#[must_use]
pub fn tell(event: LifecycleEvent, proposals: usize) -> Step {
    Step::Tell(event, Ok(proposals))
}

/// A callback that traps.
#[must_use]
pub fn tell_traps(event: LifecycleEvent, kind: TrapKind) -> Step {
    Step::Tell(event, Err(kind))
}

/// The limits of the hostile groups: small enough that running into any of them takes milliseconds.
#[must_use]
pub fn small_limits() -> GroupLimits {
    GroupLimits {
        fuel_per_command: 3_000_000,
        fuel_per_query: 3_000_000,
        fuel_per_callback: 3_000_000,
        fuel_per_snapshot: 20_000_000,
        fuel_per_migration: 20_000_000,
        memory_bytes_max: 16 << 20,
        ..GroupLimits::default()
    }
}

/// A guest that is accepted and contained within [`small_limits`].
#[must_use]
pub fn contained(name: &'static str, guest: &Guest, steps: Vec<Step>) -> Case {
    contained_within(name, guest, small_limits(), steps)
}

/// A guest that is accepted and contained.
#[must_use]
pub fn contained_within(name: &'static str, guest: &Guest, limits: GroupLimits, steps: Vec<Step>) -> Case {
    contained_bytes(name, guest.bytes(), limits, steps)
}

/// A component that is accepted and contained.
#[must_use]
pub fn contained_bytes(
    name: &'static str,
    component: Vec<u8>,
    limits: GroupLimits,
    steps: Vec<Step>,
) -> Case {
    Case { name, component, verdict: Verdict::Contained { limits: Box::new(limits), steps } }
}

/// A component that is refused with a message that contains a text: name, component, pattern of the refusal, text.
#[macro_export]
macro_rules! refused {
    ($name:expr, $component:expr, $refusal:pat, $says:expr) => {
        $crate::Case {
            name: $name,
            component: $component,
            verdict: $crate::case::Verdict::Refused {
                is: |refusal| {
                    use quorate_machine::PluginRefusal::*;
                    matches!(refusal, $refusal)
                },
                says: $says,
            },
        }
    };
}

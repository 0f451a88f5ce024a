//! What an entry asks of the machine, one call after the other.

use crate::{
    Overlay, ReplicaStart, bounds,
    ports::{Call, HostFault, Instance, Outcome, PendingTimers, Trap, TrapKind},
};
use bytes::Bytes;
use quorate_proto::{
    entry::EntryBody,
    session::{SessionCommand, Ticket},
};
use quorate_vocabulary::Position;

/// One call of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A client's command.
    Command(Bytes),
    /// A client's command that is of a session.
    Once(Ticket, Bytes),
    /// About a session: nothing for the machine.
    Session(SessionCommand),
    /// The timer of this number is due, unless a call of the same entry before this one has cancelled it or set it anew.
    Timer(u64),
}

/// The calls of an entry, and their time. Empty for an entry that asks nothing of the machine.
pub(crate) fn tasks(body: &EntryBody, timers: &PendingTimers) -> (u64, Vec<Task>) {
    match body {
        EntryBody::Commands { time_ms, commands } => {
            (*time_ms, commands.iter().cloned().map(Task::Command).collect())
        }
        EntryBody::SessionCommands { time_ms, commands } => {
            (*time_ms, commands.iter().map(Task::of_session).collect())
        }
        EntryBody::Timers { time_ms } => {
            (*time_ms, timers.due(*time_ms).into_iter().map(Task::Timer).collect())
        }
        // Consensus hands nothing withheld to a replica that has a machine.
        EntryBody::Empty
        | EntryBody::Checkpoint { .. }
        | EntryBody::BackgroundCheckpoint { .. }
        | EntryBody::TakeOver { .. }
        | EntryBody::Order { .. }
        | EntryBody::Attest { .. }
        | EntryBody::Verdict { .. }
        | EntryBody::Configuration(_)
        | EntryBody::Withheld { .. } => (0, Vec::new()),
    }
}

impl Task {
    fn of_session(command: &SessionCommand) -> Self {
        match command {
            SessionCommand::Plain(command) => Self::Command(command.clone()),
            SessionCommand::Once { ticket, command } => Self::Once(*ticket, command.clone()),
            about => Self::Session(about.clone()),
        }
    }

    /// What comes of it in a group that is frozen: a command is refused, and a timer stays pending.
    pub(crate) fn frozen(&self) -> Option<Call> {
        match self {
            Self::Command(_) | Self::Once(..) | Self::Session(_) => Some(Call::of(Outcome::Frozen)),
            Self::Timer(_) => None,
        }
    }

    /// Whether the call is to be made. A timer that fires is pending no more, whatever comes of the call.
    pub(crate) fn begin(&self, timers: &mut PendingTimers, time_ms: u64) -> bool {
        match self {
            Self::Command(_) | Self::Once(..) | Self::Session(_) => true,
            Self::Timer(id) => timers.fire(*id, time_ms),
        }
    }

    /// What is answered to a command that is too large to be handed over.
    pub(crate) fn oversized(&self, start: &ReplicaStart) -> Option<Call> {
        match self {
            Self::Command(command) | Self::Once(_, command) => {
                bounds::oversized(command, &start.limits, start.limits.fuel_per_command)
            }
            Self::Session(_) | Self::Timer(_) => None,
        }
    }

    /// Makes the call and holds it to the limits of the group.
    pub(crate) fn perform(
        &self,
        start: &ReplicaStart,
        instance: &mut dyn Instance,
        position: Position,
        store: Overlay,
        timers: &PendingTimers,
    ) -> Result<(Call, Overlay), HostFault> {
        let (mut call, store) = match self {
            Self::Command(command) | Self::Once(_, command) => instance.apply(position, command, store)?,
            Self::Session(_) => {
                return Err(HostFault::because("a machine has nothing to do with sessions"));
            }
            Self::Timer(id) if start.plugin.has_timers() => instance.fired(position, *id, store)?,
            // Set by the plugin that the group ran before.
            Self::Timer(_) => (Call::of(Outcome::Trapped(no_timers())), store),
        };
        if matches!(call.outcome, Outcome::Reply(_)) && !call.timers.is_empty() {
            let trap = if start.plugin.has_timers() {
                bounds::timers_trap(&call.timers, timers, &start.limits)
            } else {
                Some(no_timers())
            };
            call.outcome = trap.map_or(call.outcome, Outcome::Trapped);
        }
        Ok((bounds::enforce(call, &start.limits, start.limits.fuel_per_command), store))
    }
}

fn no_timers() -> Trap {
    let message = "the plugin does not export `timers`, so it has none".to_owned();
    Trap { kind: TrapKind::NotAllowed, message }
}

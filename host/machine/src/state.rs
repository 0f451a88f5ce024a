//! What the host keeps beside an instance.

use crate::{memory::MemoryLimiter, printed::Printed, random::RandomStream};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Event, GroupInfo, GroupLimits, HostFault, LogLevel, LogLine, TimerChanges, Trap, TrapKind},
};
use quorate_vocabulary::Position;
use std::{
    io::{Read, Write},
    sync::Arc,
};
use wasmtime::Error;

/// Which call into the plugin runs, which decides what it may call in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The plugin is being instantiated.
    Start,
    /// A command, or a timer that fires.
    Apply,
    Query,
    Save,
    Load,
    /// The plugin is asked for the version of its state.
    StateVersion,
    /// The plugin takes over a state of another version.
    Migrate(MigratedState),
    /// A lifecycle callback; whether it may propose.
    Lifecycle {
        leads: bool,
    },
}

/// Where the state is that is migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MigratedState {
    /// In the store.
    Store,
    /// In what was saved of a memory machine.
    Memory,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "the start of an instance",
            Self::Apply => "apply",
            Self::Query => "query",
            Self::Save => "save",
            Self::Load => "load",
            Self::StateVersion => "state-version",
            Self::Migrate(_) => "migrate",
            Self::Lifecycle { .. } => "a lifecycle callback",
        }
    }
}

/// The data of one wasmtime store: one instance and the call that runs on it.
pub(crate) struct State {
    pub(crate) group: Arc<GroupInfo>,
    pub(crate) limits: Arc<GroupLimits>,
    pub(crate) memory: MemoryLimiter,
    pub(crate) phase: Phase,
    pub(crate) position: Position,
    pub(crate) random: Option<RandomStream>,
    pub(crate) logs: Vec<LogLine>,
    printed: Printed,
    pub(crate) events: Vec<Event>,
    pub(crate) timers: TimerChanges,
    pub(crate) proposals: Vec<Bytes>,
    pub(crate) store: Option<Overlay>,
    pub(crate) sink: Option<Box<dyn Write + Send>>,
    /// What the call wrote to the sink so far.
    pub(crate) snapshot_bytes: u64,
    pub(crate) source: Option<Box<dyn Read + Send>>,
    /// Why a function of the host ended the call, if one did.
    stop: Option<Stop>,
}

/// Why a function of the host ended the call.
pub(crate) enum Stop {
    /// The plugin's doing.
    Trap(Trap),
    /// The host's own failure.
    Fault(HostFault),
}

impl State {
    pub(crate) fn new(group: Arc<GroupInfo>, limits: Arc<GroupLimits>) -> Self {
        let memory = MemoryLimiter::new(&limits);
        Self {
            group,
            limits,
            memory,
            phase: Phase::Start,
            position: Position::default(),
            random: None,
            logs: Vec::new(),
            printed: Printed::default(),
            events: Vec::new(),
            timers: TimerChanges::new(),
            proposals: Vec::new(),
            store: None,
            sink: None,
            snapshot_bytes: 0,
            source: None,
            stop: None,
        }
    }

    /// Forgets the call before this one.
    pub(crate) fn begin(&mut self, phase: Phase, position: Position) {
        self.phase = phase;
        self.position = position;
        self.random = None;
        self.logs.clear();
        self.printed.clear();
        self.events.clear();
        if !self.timers.is_empty() {
            self.timers.clear();
        }
        self.proposals.clear();
        self.snapshot_bytes = 0;
        self.stop = None;
        self.memory.refused = false;
    }

    /// Takes what the plugin wrote to its standard output or error.
    pub(crate) fn print(&mut self, level: LogLevel, bytes: &[u8]) {
        self.printed.print(level, bytes, &self.limits, &mut self.logs);
    }

    /// The lines that the call wrote to the log.
    pub(crate) fn take_logs(&mut self) -> Vec<LogLine> {
        self.printed.finish(&self.limits, &mut self.logs);
        std::mem::take(&mut self.logs)
    }

    /// Whether the plugin did what ends a call: a function of the host stopped it, or its memory was not let grow.
    pub(crate) fn ended_by_plugin(&self) -> bool {
        self.memory.refused || matches!(self.stop, Some(Stop::Trap(_)))
    }

    /// Takes the reason why a function of the host ended the call.
    pub(crate) fn take_stop(&mut self) -> Option<Stop> {
        self.memory.fault.take().map(Stop::Fault).or_else(|| self.stop.take())
    }

    /// Ends the call with a trap. What is returned only unwinds the plugin.
    pub(crate) fn trap(&mut self, kind: TrapKind, message: String) -> Error {
        let error = Error::msg(message.clone());
        self.stop = Some(Stop::Trap(Trap { kind, message }));
        error
    }

    /// Ends the call because the plugin called `what` where it may not.
    pub(crate) fn not_allowed(&mut self, what: &str, but: &str) -> Error {
        let message = format!("{what} may not be called in {}, {but}", self.phase.name());
        self.trap(TrapKind::NotAllowed, message)
    }

    /// Ends the call because the host failed. What is returned only unwinds the plugin.
    pub(crate) fn fault(&mut self, fault: HostFault) -> Error {
        let error = Error::msg(fault.to_string());
        self.stop = Some(Stop::Fault(fault));
        error
    }

    /// Ends the call unless `found` is within a limit of the group.
    pub(crate) fn at_most(&mut self, what: &str, found: u64, max: u64) -> wasmtime::Result<()> {
        if found <= max {
            return Ok(());
        }
        let message = format!("{what} has {found} bytes, and the group allows {max}");
        Err(self.trap(TrapKind::LimitExceeded, message))
    }

    /// The next number of the call's stream.
    pub(crate) fn draw(&mut self) -> u64 {
        let (group, position) = (self.group.id, self.position);
        self.random.get_or_insert_with(|| RandomStream::new(group, position)).next()
    }
}

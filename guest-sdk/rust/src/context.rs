use crate::backend;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// Where a command stands in its group's log: the same on every replica, and never the same twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The index of the log entry that holds the command; the commands of one entry share it.
    pub index: u64,
    /// The command's place in that entry, from 0.
    pub ordinal: u32,
    /// Milliseconds since the Unix epoch as the leader stamped them; never less than at an earlier command.
    pub time_ms: u64,
}

/// The group a machine runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The number of the group, unique in the cluster and never used again.
    pub id: u64,
    /// The name of the group, as `tenant/name`.
    pub name: String,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Steps of interest only to those who follow every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at some time.
    Warn,
    /// What an operator should look at.
    Error,
}

/// What the host offers whatever is being done.
#[derive(Debug)]
pub struct Host(());

impl Host {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// The group the machine runs in; the same on every replica.
    #[must_use]
    pub fn group(&self) -> Group {
        backend::group()
    }

    /// The next of a stream of numbers derived from the group and the command's position: the same on every
    /// replica, and therefore no secret. In a query or a callback it is derived from the last command applied.
    #[must_use]
    pub fn random(&self) -> u64 {
        backend::random()
    }

    /// Writes a line to the node's log. Lines over the limits of the group are dropped.
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        backend::log(level, &message.to_string());
    }

    /// Writes a line that helps to find a fault.
    pub fn debug(&self, message: impl fmt::Display) {
        self.log(Level::Debug, message);
    }

    /// Writes a line that an operator may want to know.
    pub fn info(&self, message: impl fmt::Display) {
        self.log(Level::Info, message);
    }

    /// Writes a line that an operator should look at some time.
    pub fn warn(&self, message: impl fmt::Display) {
        self.log(Level::Warn, message);
    }

    /// Writes a line that an operator should look at.
    pub fn error(&self, message: impl fmt::Display) {
        self.log(Level::Error, message);
    }
}

/// What the host offers while a command is applied or a timer fires: all of [`Host`], the position in the log, events and
/// timers.
#[derive(Debug)]
pub struct Context {
    host: Host,
    position: Position,
}

impl Context {
    pub(crate) const fn new(position: Position) -> Self {
        Self { host: Host::new(), position }
    }

    /// Where the command stands in the log.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The time of the command: milliseconds since the Unix epoch as the leader stamped them. The only clock there is.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.position.time_ms
    }

    /// Emits an event for those who watch the group. Dropped when the command is rejected or panics.
    pub fn emit(&self, topic: &str, payload: impl AsRef<[u8]>) {
        backend::emit(topic, payload.as_ref());
    }

    /// Asks to be called when the group's time has come to `at_ms`: see [`StoreTimers`](crate::StoreTimers) and
    /// [`MemoryTimers`](crate::MemoryTimers). A timer of the same number is replaced. Dropped when the command is
    /// rejected or panics.
    ///
    /// A group allows few timers (256 unless set otherwise) and traps past that: a machine that waits for much sets one
    /// for what comes first. A timer is due after 10 ms (unless set otherwise) at the soonest.
    pub fn set_timer(&self, id: u64, at_ms: u64) {
        backend::set_timer(id, at_ms);
    }

    /// Forgets a timer; one that is not set is no error.
    pub fn cancel_timer(&self, id: u64) {
        backend::cancel_timer(id);
    }
}

impl Deref for Context {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

/// What the host offers in a lifecycle callback of `Machine`: all of [`Host`], proposals, and the store of a store
/// machine to read.
#[derive(Debug)]
pub struct Callback<Machine> {
    host: Host,
    machine: PhantomData<fn(&Machine)>,
}

impl<Machine> Callback<Machine> {
    pub(crate) const fn new() -> Self {
        Self { host: Host::new(), machine: PhantomData }
    }

    /// Proposes a command to the group. Only the leader may: from
    /// [`leader_start`](crate::Lifecycle::leader_start) until `leader_stop`; elsewhere it traps.
    ///
    /// The command is appended some time later or, when this replica has lost the lead by then, dropped.
    pub fn propose(&self, command: impl AsRef<[u8]>) {
        backend::propose(command.as_ref());
    }
}

impl<Machine: crate::StoreMachine> Callback<Machine> {
    /// The store as of the last command applied, to read.
    #[must_use]
    pub fn store(&self) -> crate::StoreView {
        crate::StoreView::new()
    }
}

impl<Machine> Deref for Callback<Machine> {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

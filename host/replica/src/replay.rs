//! Making an instance of a memory machine again: its base loaded, and the entries behind it applied.

use crate::{
    CommittedEntry, Overlay, ReplicaFault, ReplicaStart,
    digest::ReplayDigest,
    ports::{AppliedPoint, Call, CallFailure, HostFault, Instance, Outcome, PendingTimers},
    snapshot_source::open_snapshot,
    tail,
    task::{self, Task},
};
use quorate_vocabulary::Position;
use std::collections::{BTreeMap, BTreeSet};

/// What an instance made again from its base is spared: the commands that trapped since, those that its session had done
/// before, and those that were refused because the group was frozen or their entry was full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trapped {
    /// By index and ordinal.
    calls: BTreeSet<(u64, u32)>,
    /// By index, the ordinal from which on nothing of the entry was done.
    frozen: BTreeMap<u64, u32>,
}

impl Trapped {
    /// The call at this position trapped, or was not made.
    pub(crate) fn trap(&mut self, position: Position) {
        self.calls.insert((position.index, position.ordinal));
    }

    /// Of this entry nothing was done from this ordinal on: the group was frozen, or the entry had given back all it may.
    pub(crate) fn end(&mut self, index: u64, ordinal: u32) {
        self.frozen.entry(index).or_insert(ordinal);
    }

    /// Of one entry: the places of the calls that trapped, and from which place on nothing was done.
    pub(crate) fn of_entry(&self, index: u64) -> (Vec<u32>, Option<u32>) {
        let calls = self.calls.range((index, 0)..=(index, u32::MAX)).map(|(_, ordinal)| *ordinal);
        (calls.collect(), self.frozen.get(&index).copied())
    }

    /// What [`of_entry`](Self::of_entry) told.
    pub(crate) fn in_entry(index: u64, calls: Vec<u32>, frozen: Option<u32>) -> Self {
        Self {
            calls: calls.into_iter().map(|ordinal| (index, ordinal)).collect(),
            frozen: frozen.map(|ordinal| (index, ordinal)).into_iter().collect(),
        }
    }

    fn has(&self, index: u64, ordinal: u32) -> bool {
        self.calls.contains(&(index, ordinal))
    }

    fn is_frozen(&self, index: u64, ordinal: u32) -> bool {
        self.frozen.get(&index).is_some_and(|first| ordinal >= *first)
    }
}

/// The most bytes of entries read from the log at once.
pub(crate) const PAGE_BYTES_MAX: u64 = 4 << 20;

/// Where an instance of a memory machine begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// Everything up to here is in it.
    pub(crate) index: u64,
    /// Whether it is loaded from the snapshot there; else the group began there, with nothing.
    pub(crate) has_snapshot: bool,
    /// The timers that are set as of there.
    pub(crate) timers: PendingTimers,
}

impl Base {
    /// The snapshot at this point.
    pub(crate) fn of_snapshot(point: &AppliedPoint) -> Self {
        Self { index: point.index, has_snapshot: true, timers: point.timers.clone() }
    }
}

/// A fresh instance that has loaded its base and done nothing else.
pub(crate) fn load_base(
    start: &ReplicaStart,
    base: &Base,
) -> Result<Result<Box<dyn Instance>, CallFailure>, ReplicaFault> {
    let instance = start.plugin.start(&start.group, &start.limits);
    let mut instance = instance.map_err(ReplicaFault::while_doing("starting an instance"))?;
    if !base.has_snapshot {
        return Ok(Ok(instance));
    }
    let (header, source) = open_snapshot(start, base.index)?;
    if let Some(tail) = &header.tail {
        return tail::load(start, instance, &header, tail, source);
    }
    let loaded = instance.load(header.point.position(), source);
    let loaded = loaded.map_err(ReplicaFault::while_doing("loading a snapshot"))?;
    Ok(loaded.map(|()| instance))
}

/// A command trapped, at this position, that had not trapped the first time.
#[derive(Debug)]
pub(crate) struct UnexpectedTrap;

/// Applies entries once more, but for the commands that trapped.
pub(crate) struct Replay<'a> {
    pub(crate) start: &'a ReplicaStart,
    pub(crate) instance: &'a mut dyn Instance,
    /// Those that are set where the instance stands.
    pub(crate) timers: &'a mut PendingTimers,
    pub(crate) trapped: &'a Trapped,
    pub(crate) observe: &'a mut dyn FnMut(Position, &Call),
}

impl Replay<'_> {
    /// The entries from `first` to `last`, as the log has them.
    pub(crate) fn entries(
        &mut self,
        first: u64,
        last: u64,
    ) -> Result<Result<(), UnexpectedTrap>, ReplicaFault> {
        let mut next = first;
        while next <= last {
            let page = self.start.history.entries(next, last, PAGE_BYTES_MAX);
            let page = page.map_err(ReplicaFault::while_doing("reading the log"))?;
            if page.is_empty() {
                return Err(missing(next));
            }
            for entry in &page {
                if entry.index != next {
                    return Err(missing(next));
                }
                if let Err(trap) = self.entry(entry, None)? {
                    return Ok(Err(trap));
                }
                next += 1;
            }
        }
        Ok(Ok(()))
    }

    /// The calls of one entry, those before the one at `end` if it is given.
    pub(crate) fn entry(
        &mut self,
        entry: &CommittedEntry,
        end: Option<u32>,
    ) -> Result<Result<(), UnexpectedTrap>, ReplicaFault> {
        let (time_ms, tasks) = task::tasks(&entry.body, self.timers);
        let mut ordinals = 0..end.unwrap_or(u32::MAX);
        for task in tasks {
            if self.trapped.is_frozen(entry.index, ordinals.start) {
                break;
            }
            if !task.begin(self.timers, time_ms) {
                continue;
            }
            let Some(ordinal) = ordinals.next() else { break };
            if matches!(task, Task::Session(_)) || self.trapped.has(entry.index, ordinal) {
                continue;
            }
            let position = Position { index: entry.index, ordinal, time_ms };
            let called = task.perform(self.start, self.instance, position, Overlay::empty(), self.timers);
            let (call, _) = called.map_err(ReplicaFault::while_doing("applying a command again"))?;
            if matches!(call.outcome, Outcome::Trapped(_)) {
                return Ok(Err(UnexpectedTrap));
            }
            self.timers.change(&call.timers, time_ms, &self.start.limits);
            (self.observe)(position, &call);
        }
        Ok(Ok(()))
    }
}

/// An instance with everything from its base up to `last`, but for the commands that trapped. What it does must be what was
/// `done` before.
pub(crate) fn rebuild(
    start: &ReplicaStart,
    base: &Base,
    trapped: &Trapped,
    done: &ReplayDigest,
    last: u64,
) -> Result<Box<dyn Instance>, ReplicaFault> {
    let diverged = || ReplicaFault::Diverged { base: base.index, index: last };
    // It loaded before, so that it does not now is a divergence.
    let mut instance = load_base(start, base)?.map_err(|_| diverged())?;
    let mut again = ReplayDigest::default();
    let mut replay = Replay {
        start,
        instance: instance.as_mut(),
        timers: &mut base.timers.clone(),
        trapped,
        observe: &mut |position, call| again.add(position, call),
    };
    let replayed = replay.entries(base.index + 1, last)?;
    if replayed.is_err() || again != *done {
        return Err(diverged());
    }
    Ok(instance)
}

pub(crate) fn missing(index: u64) -> ReplicaFault {
    let fault = HostFault::because(format!("the log does not hold entry {index}, which was applied"));
    ReplicaFault::Host { doing: "reading the log", fault }
}

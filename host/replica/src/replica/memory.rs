//! Memory machines: an apply instance from checkpoint to checkpoint, rebuilt after a trap.

use super::{CheckpointResult, ReplicaStart, activation::Crossing, background::Pending};
use crate::{
    CommittedEntry, Overlay, ReplicaFault,
    checkpoint_policy::Growth,
    digest::{EntryDigest, ReplayDigest},
    entry_sessions::EntrySessions,
    output::EntryOutput,
    ports::{AppliedPoint, Call, CallFailure, Instance, Outcome, SnapshotHeader, SnapshotInfo, StateDigest},
    replay::{self, Base, Replay, Trapped},
    sink::LentWriter,
    task::{self, Task},
};
use quorate_proto::entry::EntryBody;
use quorate_vocabulary::Position;
use std::sync::Arc;

/// The apply instance and what it takes to make it again.
///
/// What the instance has seen is a function of the log: the checkpoint it was loaded from, and every command since that
/// did not trap.
pub(super) struct MemoryMachine {
    /// None after a trap and while the group sleeps, until the next command needs it.
    instance: Option<Box<dyn Instance>>,
    base: Base,
    trapped: Arc<Trapped>,
    /// Of what the instance has done, or will have done again before it goes on.
    done: ReplayDigest,
    /// A checkpoint in the background.
    pub(super) pending: Option<Box<Pending>>,
}

/// What the calls of an entry change.
pub(super) struct Before {
    trapped: Arc<Trapped>,
    done: ReplayDigest,
}

/// What an observer needs to know of the apply instance.
#[derive(Clone)]
pub(crate) struct MemoryPoint {
    pub(crate) base: Base,
    pub(crate) trapped: Arc<Trapped>,
}

type Loaded = Result<(AppliedPoint, MemoryMachine), CallFailure>;

/// A machine with the plugin that its state is of.
type Opened = (ReplicaStart, AppliedPoint, MemoryMachine);

impl MemoryMachine {
    /// From the newest snapshot that the plugin can load, or from nothing. One that it cannot load is from a checkpoint that
    /// failed, if the node went down before it could be discarded; but not if the log was cut up to it, or begins with it.
    pub(super) fn open(start: &ReplicaStart) -> Result<Opened, ReplicaFault> {
        loop {
            let newest = start.snapshots.newest();
            let newest = newest.map_err(ReplicaFault::while_doing("listing the snapshots"))?;
            let Some(newest) = newest else { break };
            let index = newest.header.point.index;
            let Some(running) = start.running_snapshot(&newest.header)? else {
                discard(start, index)?;
                continue;
            };
            match Self::load(&running, index)? {
                Ok((point, machine)) => return Ok((running, point, machine)),
                Err(failure) if index <= start.begins_behind()? => {
                    return Err(ReplicaFault::Snapshot { index, failure });
                }
                Err(failure) => {
                    tracing::warn!(group = %start.group.name, index, %failure, "discarding a snapshot that does not load");
                    discard(start, index)?;
                }
            }
        }
        let start = start.running(start.founding)?;
        let base = Base { has_snapshot: false, ..Base::of_snapshot(&start.initial) };
        let instance = replay::load_base(&start, &base)?
            .map_err(|failure| ReplicaFault::Snapshot { index: base.index, failure })?;
        let point = start.initial.clone();
        Ok((start, point, Self::at(base, instance)))
    }

    /// From the snapshot at `index`.
    pub(super) fn load(start: &ReplicaStart, index: u64) -> Result<Loaded, ReplicaFault> {
        let (header, _) = crate::snapshot_source::open_snapshot(start, index)?;
        let base = Base::of_snapshot(&header.point);
        Ok(replay::load_base(start, &base)?.map(|instance| (header.point, Self::at(base, instance))))
    }

    fn at(base: Base, instance: Box<dyn Instance>) -> Self {
        let (trapped, done) = (Arc::default(), ReplayDigest::default());
        Self { instance: Some(instance), base, trapped, done, pending: None }
    }

    /// Nothing is lost: what it did stands in the log.
    pub(super) fn rest(&mut self) {
        self.instance = None;
    }

    pub(super) fn sleeps(&self) -> bool {
        self.instance.is_none()
    }

    pub(super) fn before(&self) -> Before {
        Before { trapped: self.trapped.clone(), done: self.done.clone() }
    }

    /// Makes it as if the entry at `index` had never come. The instance may have done part of it, so it goes.
    pub(super) fn undo(
        &mut self,
        start: &ReplicaStart,
        before: Before,
        index: u64,
    ) -> Result<(), ReplicaFault> {
        let Before { trapped, done } = before;
        *self = Self { instance: None, trapped, done, base: self.base.clone(), pending: self.pending.take() };
        // What a checkpoint has saved, if it was one.
        discard(start, index)
    }

    pub(super) fn read_point(&self) -> MemoryPoint {
        MemoryPoint { base: self.base.clone(), trapped: self.trapped.clone() }
    }

    /// Makes the calls of an entry, if it has any.
    pub(super) fn apply_tasks(
        &mut self,
        start: &ReplicaStart,
        entry: &CommittedEntry,
        point: &mut AppliedPoint,
        of_entry: &mut EntrySessions,
        growth: &mut Growth,
    ) -> Result<Vec<Call>, ReplicaFault> {
        let AppliedPoint { timers, poison, sessions, .. } = point;
        let (time_ms, tasks) = task::tasks(&entry.body, timers);
        let mut calls = Vec::with_capacity(tasks.len());
        let mut ordinal = 0;
        let mut output = EntryOutput::new(&start.limits);
        // Lent to each call, none of which has a use for it.
        let mut store = Overlay::empty();
        for task in tasks {
            if let Some(answered) = of_entry.answer(sessions, &start.limits, &task, ordinal) {
                if matches!(task, Task::Once(..)) {
                    self.spare(Position { index: entry.index, ordinal, time_ms });
                }
                calls.push(answered);
                ordinal = ordinal.saturating_add(1);
                continue;
            }
            if poison.is_frozen() {
                Arc::make_mut(&mut self.trapped).end(entry.index, ordinal);
                calls.extend(task.frozen());
                continue;
            }
            if output.is_full() {
                Arc::make_mut(&mut self.trapped).end(entry.index, ordinal);
                match task {
                    Task::Command(_) | Task::Once(..) | Task::Session(_) => calls.push(output.refusal()),
                    // They stay pending, and the leader asks for another entry.
                    Task::Timer(_) => break,
                }
                continue;
            }
            if !task.begin(timers, time_ms) {
                continue;
            }
            let position = Position { index: entry.index, ordinal, time_ms };
            if let Some(trapped) = task.oversized(start) {
                // Never handed to the instance, so it lives on.
                self.spare(position);
                poison.note(entry.index, &trapped.outcome);
                of_entry.keep(sessions, &task, position, &trapped.outcome);
                calls.push(trapped);
                ordinal = ordinal.saturating_add(1);
                continue;
            }
            let instance = self.instance_before(start, position, Some(entry), growth)?;
            let called = task.perform(start, instance.as_mut(), position, store, timers);
            let (call, returned) = called.map_err(ReplicaFault::while_doing("applying a command"))?;
            store = returned;
            if matches!(call.outcome, Outcome::Trapped(_)) {
                self.instance = None;
                self.spare(position);
            } else {
                timers.change(&call.timers, time_ms, &start.limits);
                self.done.add(position, &call);
            }
            output.add(&call, 0);
            poison.note(entry.index, &call.outcome);
            of_entry.keep(sessions, &task, position, &call.outcome);
            calls.push(call);
            ordinal = ordinal.saturating_add(1);
        }
        Ok(calls)
    }

    /// All of this entry is done: a successor that follows may do it too.
    pub(super) fn entry_applied(
        &mut self,
        start: &ReplicaStart,
        entry: &CommittedEntry,
    ) -> Result<(), ReplicaFault> {
        match &mut self.pending {
            Some(pending) => pending.applied(start, entry, &self.trapped),
            None => Ok(()),
        }
    }

    /// A checkpoint in the background begins at this point, unless one is under way.
    pub(super) fn begin_checkpoint(&mut self, point: &AppliedPoint) -> CheckpointResult {
        if let Some(pending) = &self.pending {
            return CheckpointResult::UnderWay { checkpoint: pending.index() };
        }
        let (base, trapped) = (self.base.clone(), self.trapped.clone());
        self.pending = Some(Box::new(Pending::new(point.clone(), base, trapped, self.done.clone())));
        CheckpointResult::UnderWay { checkpoint: point.index }
    }

    /// The successor of this checkpoint takes the place of the apply instance. `point` is the entry that says so, without its
    /// digest. None when that checkpoint is not under way.
    pub(super) fn take_over(
        &mut self,
        start: &Arc<ReplicaStart>,
        checkpoint: u64,
        digest: &EntryDigest,
        point: &AppliedPoint,
    ) -> Result<Option<(StateDigest, CheckpointResult)>, ReplicaFault> {
        let under_way = self.pending.as_deref_mut().filter(|pending| pending.index() == checkpoint);
        let Some(pending) = under_way else { return Ok(None) };
        // Before it is taken: if there is no room for this now, it is still there when this is tried again.
        pending.prepare(start)?;
        let Some(pending) = self.pending.take() else { return Ok(None) };
        let ended = |taken| {
            let mut digest = EntryDigest::clone(digest);
            digest.add_checkpoint(taken);
            digest.finish()
        };
        let point = AppliedPoint { digest: ended(true), ..point.clone() };
        Ok(Some(match pending.take_over(start, &point)? {
            Ok((instance, info)) => {
                *self = Self::at(Base::of_snapshot(&point), instance);
                (point.digest, CheckpointResult::Taken(info))
            }
            // The apply instance has not been touched.
            Err(failure) => (ended(false), CheckpointResult::Failed(failure)),
        }))
    }

    /// An instance that is made again is not asked for this: it trapped, or was never handed over.
    fn spare(&mut self, position: Position) {
        Arc::make_mut(&mut self.trapped).trap(position);
    }

    /// The instance, which is made again if the last command trapped or the group slept: from its base and what came behind it,
    /// up to but without `position`. `entry` is the one that is being applied, of which the history need not know yet.
    fn instance_before(
        &mut self,
        start: &ReplicaStart,
        position: Position,
        entry: Option<&CommittedEntry>,
        growth: &mut Growth,
    ) -> Result<&mut Box<dyn Instance>, ReplicaFault> {
        if self.instance.is_none() {
            let base = self.base.clone();
            let diverged = || ReplicaFault::Diverged { base: base.index, index: position.index };
            // It loaded before, so that it does not now is a divergence.
            let mut instance = replay::load_base(start, &base)?.map_err(|_| diverged())?;
            let mut done = ReplayDigest::default();
            let mut replay = Replay {
                start,
                instance: instance.as_mut(),
                timers: &mut base.timers.clone(),
                trapped: &self.trapped,
                observe: &mut |position, call| {
                    growth.repeated_commands += 1;
                    done.add(position, call);
                },
            };
            let again = replay.entries(base.index + 1, position.index - 1)?;
            let again = match entry {
                Some(entry) if again.is_ok() => replay.entry(entry, Some(position.ordinal))?,
                _ => again,
            };
            if again.is_err() || done != self.done {
                return Err(diverged());
            }
            self.instance = Some(instance);
        }
        // Just made, if it was not there.
        self.instance.as_mut().ok_or(ReplicaFault::Stopped { cause: "no instance".into() })
    }

    /// What an entry of the host's own does to the machine, and the digest behind it. `point` is that of the entry, without its
    /// digest.
    pub(super) fn mark(
        &mut self,
        start: &Arc<ReplicaStart>,
        body: &EntryBody,
        digest: EntryDigest,
        point: &AppliedPoint,
        growth: &mut Growth,
    ) -> Result<(StateDigest, Option<CheckpointResult>), ReplicaFault> {
        let marked = match body {
            EntryBody::Checkpoint { .. } => {
                let taken = self.checkpoint(start, digest.clone(), point, growth)?;
                *growth = Growth::default();
                Some(taken)
            }
            EntryBody::TakeOver { checkpoint, .. } => self.take_over(start, *checkpoint, &digest, point)?,
            _ => None,
        };
        Ok(match marked {
            Some((digest, result)) => (digest, Some(result)),
            None => (digest.finish(), None),
        })
    }

    /// Saves, throws the instance away, and goes on from what was saved. `point` is the entry of the checkpoint, without its
    /// digest.
    pub(super) fn checkpoint(
        &mut self,
        start: &ReplicaStart,
        digest: EntryDigest,
        point: &AppliedPoint,
        growth: &mut Growth,
    ) -> Result<(StateDigest, CheckpointResult), ReplicaFault> {
        // What it would have come to is come to now.
        self.pending = None;
        let mut failed = EntryDigest::clone(&digest);
        failed.add_checkpoint(false);
        let mut taken = digest;
        taken.add_checkpoint(true);
        let point = AppliedPoint { digest: taken.finish(), ..point.clone() };
        match self.save_and_load(start, &point, growth)? {
            Ok(info) => Ok((point.digest, CheckpointResult::Taken(info))),
            Err(failure) => {
                // Saving may have changed the instance, on every replica but those that restart: all make it again.
                self.instance = None;
                Ok((failed.finish(), CheckpointResult::Failed(failure)))
            }
        }
    }

    /// Carries the state across to the plugin of `next`: saved by the one before, loaded by the next, or migrated by it and
    /// saved once more, so that what stands on disk is its own. `point` is the entry, as of which the next one runs.
    pub(super) fn cross(
        &mut self,
        start: &ReplicaStart,
        next: &ReplicaStart,
        crossing: Crossing,
        point: &AppliedPoint,
        growth: &mut Growth,
    ) -> Result<Result<SnapshotInfo, CallFailure>, ReplicaFault> {
        let crossed = self.try_cross(start, next, crossing, point, growth)?;
        if crossed.is_err() {
            // As after a checkpoint that failed; and what was saved is not of the plugin that goes on.
            self.instance = None;
            discard(start, point.index)?;
        }
        Ok(crossed)
    }

    fn try_cross(
        &mut self,
        start: &ReplicaStart,
        next: &ReplicaStart,
        crossing: Crossing,
        point: &AppliedPoint,
        growth: &mut Growth,
    ) -> Result<Result<SnapshotInfo, CallFailure>, ReplicaFault> {
        self.instance_before(start, point.position(), None, growth)?;
        let Some(instance) = self.instance.take() else {
            return Err(ReplicaFault::Stopped { cause: "no instance".into() });
        };
        let mut info = match crossing {
            Crossing::Unchanged => save(next, instance, point)?,
            // Not of the plugin that the point names: so that it does not pass for whole.
            Crossing::Migrate { .. } => save(start, instance, point)?,
        };
        if let (Crossing::Migrate { from }, Ok(_)) = (crossing, &info) {
            let (_, source) = crate::snapshot_source::open_snapshot(start, point.index)?;
            let instance = next.plugin.start(&next.group, &next.limits);
            let mut instance = instance.map_err(ReplicaFault::while_doing("starting an instance"))?;
            let migrated = instance.migrate_memory(point.position(), from, source);
            info = match migrated.map_err(ReplicaFault::while_doing("migrating the state"))? {
                Ok(()) => save(next, instance, point)?,
                Err(failure) => Err(failure),
            };
        }
        let info = match info {
            Ok(info) => info,
            Err(failure) => return Ok(Err(failure)),
        };
        let base = Base::of_snapshot(point);
        Ok(replay::load_base(next, &base)?.map(|instance| {
            *self = Self::at(base, instance);
            info
        }))
    }

    fn save_and_load(
        &mut self,
        start: &ReplicaStart,
        point: &AppliedPoint,
        growth: &mut Growth,
    ) -> Result<Result<SnapshotInfo, CallFailure>, ReplicaFault> {
        let position = point.position();
        self.instance_before(start, position, None, growth)?;
        let Some(instance) = self.instance.take() else {
            return Err(ReplicaFault::Stopped { cause: "no instance".into() });
        };
        let info = match save(start, instance, point)? {
            Ok(info) => info,
            Err(failure) => return Ok(Err(failure)),
        };
        let base = Base::of_snapshot(point);
        match replay::load_base(start, &base)? {
            Ok(instance) => *self = Self::at(base, instance),
            Err(failure) => {
                discard(start, point.index)?;
                return Ok(Err(failure));
            }
        }
        Ok(Ok(info))
    }

    /// Saves what the apply instance holds, which is of no use afterwards; none when a trap has cost it.
    pub(super) fn write_evidence(
        self,
        start: &ReplicaStart,
        header: &SnapshotHeader,
    ) -> Result<Option<SnapshotInfo>, ReplicaFault> {
        let Some(mut instance) = self.instance else { return Ok(None) };
        let begun = start.snapshots.begin(header);
        let writer = LentWriter::new(begun.map_err(ReplicaFault::while_doing("beginning a snapshot"))?);
        let saved = instance.save(header.point.position(), writer.sink());
        match saved.map_err(ReplicaFault::while_doing("saving a snapshot"))? {
            Ok(()) => writer.finish().map(Some).map_err(ReplicaFault::while_doing("finishing a snapshot")),
            Err(_) => Ok(None),
        }
    }
}

/// Has an instance save its state, of the plugin of `start`, and throws it away.
fn save(
    start: &ReplicaStart,
    mut instance: Box<dyn Instance>,
    point: &AppliedPoint,
) -> Result<Result<SnapshotInfo, CallFailure>, ReplicaFault> {
    let begun = start.snapshots.begin(&start.header(point.clone()));
    let writer = LentWriter::new(begun.map_err(ReplicaFault::while_doing("beginning a snapshot"))?);
    let saved = instance.save(point.position(), writer.sink());
    // Gone before the next one comes, so that the two do not have to fit into memory together.
    drop(instance);
    if let Err(failure) = saved.map_err(ReplicaFault::while_doing("saving a snapshot"))? {
        return Ok(Err(failure));
    }
    writer.finish().map(Ok).map_err(ReplicaFault::while_doing("finishing a snapshot"))
}

fn discard(start: &ReplicaStart, index: u64) -> Result<(), ReplicaFault> {
    start.snapshots.discard(index).map_err(ReplicaFault::while_doing("discarding a snapshot"))
}

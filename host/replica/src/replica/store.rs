//! Store machines: a fresh instance per entry, each command in the overlay, one commit.

use super::{Repeat, ReplicaStart, activation::Crossing};
use crate::{
    CommittedEntry, Overlay, ReplicaFault,
    digest::EntryDigest,
    entry_sessions::EntrySessions,
    output::EntryOutput,
    ports::{AppliedPoint, Call, CallFailure, Instance, Outcome, PendingTimers, StoreChanges},
    snapshot_source::open_snapshot,
    store_snapshot::load_pairs,
    task::{self, Task},
};
use quorate_vocabulary::Position;

/// Finds the state on disk, or makes it from the newest snapshot or from nothing. With the plugin that it is of.
pub(super) fn open(start: &ReplicaStart) -> Result<(ReplicaStart, AppliedPoint), ReplicaFault> {
    let applied = start.state.applied().map_err(ReplicaFault::while_doing("reading the applied point"))?;
    let newest = start.snapshots.newest().map_err(ReplicaFault::while_doing("listing the snapshots"))?;
    let newest = newest.map(|newest| newest.header.point.index);
    match (applied, newest) {
        // The store may have lost commits that were not yet durable, and the log may be cut up to the snapshot.
        (Some(applied), newest) if newest.is_none_or(|newest| newest <= applied.index) => {
            Ok((start.running(applied.plugin(start.founding))?, applied))
        }
        (_, Some(newest)) => load(start, newest),
        (_, None) => {
            let start = start.running(start.founding)?;
            let begin = || start.state.begin_load()?.finish(&start.initial);
            begin().map_err(ReplicaFault::while_doing("starting an empty state"))?;
            let applied = start.initial.clone();
            Ok((start, applied))
        }
    }
}

/// Replaces the state by that of a snapshot. With the plugin that it is of.
pub(super) fn load(start: &ReplicaStart, index: u64) -> Result<(ReplicaStart, AppliedPoint), ReplicaFault> {
    let start = start.for_snapshot(index)?;
    let (header, mut source) = open_snapshot(&start, index)?;
    let point = header.point;
    let mut load = || {
        if start.state.take_in(&point)? {
            return Ok(());
        }
        let mut loader = start.state.begin_load()?;
        load_pairs(&mut source, loader.as_mut())?;
        loader.finish(&point)
    };
    load().map_err(ReplicaFault::while_doing("loading a snapshot into the state store"))?;
    Ok((start, point))
}

/// Applies an entry and commits what it changed together with the point, whose timers and digest are filled in.
pub(super) fn apply(
    start: &ReplicaStart,
    entry: &CommittedEntry,
    mut digest: EntryDigest,
    point: &mut AppliedPoint,
    mut sessions: EntrySessions,
) -> Result<(Vec<Call>, Vec<Repeat>), ReplicaFault> {
    let (time_ms, tasks) = task::tasks(&entry.body, &point.timers);
    let (calls, mut changes) = if tasks.is_empty() {
        (Vec::new(), StoreChanges::default())
    } else {
        run(start, entry.index, time_ms, &tasks, point, &mut sessions)?
    };
    for (ordinal, call) in (0..).zip(&calls) {
        digest.add_call(ordinal, call);
    }
    digest.add_changes(&changes);
    let (rows, repeats) = sessions.finish();
    digest.add_sessions(&rows);
    changes.sessions = rows;
    point.digest = digest.finish();
    start.state.commit(changes, point).map_err(ReplicaFault::while_doing("committing an entry"))?;
    Ok((calls, repeats))
}

fn run(
    start: &ReplicaStart,
    index: u64,
    time_ms: u64,
    tasks: &[Task],
    point: &mut AppliedPoint,
    of_entry: &mut EntrySessions,
) -> Result<(Vec<Call>, StoreChanges), ReplicaFault> {
    let view = start.state.view().map_err(ReplicaFault::while_doing("taking a view of the state"))?;
    let mut overlay = Overlay::new(view, &start.limits);
    let mut calls = Vec::with_capacity(tasks.len());
    let mut instance = None;
    let mut ordinals = 0_u32..;
    let mut output = EntryOutput::new(&start.limits);
    let AppliedPoint { timers, poison, sessions, .. } = point;
    for task in tasks {
        if let Some(answered) = of_entry.answer(sessions, &start.limits, task, ordinals.start) {
            ordinals.next();
            calls.push(answered);
            continue;
        }
        if poison.is_frozen() {
            calls.extend(task.frozen());
            continue;
        }
        if output.is_full() {
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
        let position = Position { index, ordinal: ordinals.next().unwrap_or(u32::MAX), time_ms };
        if let Some(trapped) = task.oversized(start) {
            poison.note(index, &trapped.outcome);
            of_entry.keep(sessions, task, position, &trapped.outcome);
            calls.push(trapped);
            continue;
        }
        let mut call;
        let mut changed_bytes = 0;
        loop {
            let was_fresh = instance.is_none();
            (call, overlay) = run_one(start, &mut instance, position, task, overlay, timers)?;
            match &call.outcome {
                Outcome::Reply(_) => {
                    changed_bytes = overlay.keep_command();
                    timers.change(&call.timers, time_ms, &start.limits);
                }
                Outcome::Rejection(_) | Outcome::Frozen | Outcome::Session(_) => overlay.drop_command(),
                Outcome::Trapped(trap) => {
                    overlay.drop_command();
                    instance = None;
                    // The verdict on a command must not depend on what its neighbours did to the instance.
                    if trap.kind.depends_on_history() && !was_fresh {
                        continue;
                    }
                }
            }
            break;
        }
        output.add(&call, changed_bytes);
        poison.note(index, &call.outcome);
        of_entry.keep(sessions, task, position, &call.outcome);
        calls.push(call);
    }
    Ok((calls, overlay.into_changes()))
}

fn run_one(
    start: &ReplicaStart,
    instance: &mut Option<Box<dyn Instance>>,
    position: Position,
    task: &Task,
    overlay: Overlay,
    timers: &PendingTimers,
) -> Result<(Call, Overlay), ReplicaFault> {
    let instance = match instance {
        Some(instance) => instance,
        None => {
            let fresh = start.plugin.start(&start.group, &start.limits);
            instance.insert(fresh.map_err(ReplicaFault::while_doing("starting an instance"))?)
        }
    };
    let performed = task.perform(start, instance.as_mut(), position, overlay, timers);
    performed.map_err(ReplicaFault::while_doing("applying a command"))
}

/// What carrying the state across to the plugin of `next` changes in it, or why that plugin cannot.
pub(super) fn cross(
    next: &ReplicaStart,
    crossing: Crossing,
    position: Position,
) -> Result<Result<StoreChanges, CallFailure>, ReplicaFault> {
    let Crossing::Migrate { from } = crossing else { return Ok(Ok(StoreChanges::default())) };
    let view = next.state.view().map_err(ReplicaFault::while_doing("taking a view of the state"))?;
    let overlay = Overlay::for_migration(view, &next.limits);
    let instance = next.plugin.start(&next.group, &next.limits);
    let mut instance = instance.map_err(ReplicaFault::while_doing("starting an instance"))?;
    let migrated = instance.migrate_store(position, from, overlay);
    let (migrated, mut overlay) = migrated.map_err(ReplicaFault::while_doing("migrating the state"))?;
    Ok(migrated.map(|()| {
        overlay.keep_command();
        overlay.into_changes()
    }))
}

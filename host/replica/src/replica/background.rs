//! Checkpoints in the background: another instance is brought to the checkpoint, saves, and a fresh one loads that and follows
//! until it takes the place of the apply instance.
//!
//! The successor has seen the checkpoint and every command since that did not trap, nothing else: like the apply instance it is
//! a function of the log, whenever and however often it is made.

use super::ReplicaStart;
use crate::{
    CommittedEntry, ReplicaFault,
    digest::ReplayDigest,
    ports::{
        AppliedPoint, CallFailure, HostFault, Instance, PendingTimers, SnapshotInfo, SnapshotTail,
        SnapshotWriter,
    },
    replay::{self, Base, PAGE_BYTES_MAX, Replay, Trapped},
    sink::LentWriter,
    tail,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A successor that lacks no more entries than this has caught up: what is left is done when it takes over.
const LAG_ENTRIES_MAX: u64 = 16;
/// How often a successor that is being prepared looks how far apply has gone meanwhile: under load it may never come near.
const CATCH_UPS_MAX: u32 = 8;

/// How far apply has come, for whoever follows it from another thread.
#[derive(Clone)]
struct Followed {
    applied: u64,
    trapped: Arc<Trapped>,
}

/// A checkpoint that is under way.
pub(super) struct Pending {
    /// As of the checkpoint.
    point: Arc<AppliedPoint>,
    base: Base,
    trapped: Arc<Trapped>,
    done: ReplayDigest,
    followed: Arc<Mutex<Followed>>,
    is_handed_out: bool,
    /// What came of it, once it was handed back.
    prepared: Option<Result<Successor, CallFailure>>,
}

/// The work of a checkpoint in the background. May be sent to another thread; apply goes on meanwhile. A copy does the same
/// again, for when there was no room.
#[derive(Clone)]
pub struct BackgroundCheckpoint {
    start: Arc<ReplicaStart>,
    point: Arc<AppliedPoint>,
    base: Base,
    trapped: Arc<Trapped>,
    done: ReplayDigest,
    followed: Arc<Mutex<Followed>>,
}

/// What came of that work, to be handed back to the replica.
pub struct PreparedCheckpoint {
    index: u64,
    outcome: Prepared,
}

enum Prepared {
    /// The successor, or why the plugin did not come to one.
    Done(Box<Result<Successor, CallFailure>>),
    /// The entries that it was to be made from have left the log meanwhile, for the log begins with another's snapshot, which
    /// is about to take the place of all that this replica has. Apply was done with those entries; this was not.
    Superseded(ReplicaFault),
}

/// The instance that is to take over, and the snapshot that is to become its base.
struct Successor {
    instance: Box<dyn Instance>,
    timers: PendingTimers,
    /// As far as it has come.
    index: u64,
    writer: Box<dyn SnapshotWriter>,
    tail: SnapshotTail,
}

/// The new apply instance, and the snapshot that is its base.
type TakenOver = (Box<dyn Instance>, SnapshotInfo);

/// A fault met on the way behind entry `begins` is none if those entries are not in the log any more.
fn or_superseded(
    start: &ReplicaStart,
    begins: u64,
    done: Result<Result<Successor, CallFailure>, ReplicaFault>,
) -> Result<Prepared, ReplicaFault> {
    match done {
        Ok(done) => Ok(Prepared::Done(Box::new(done))),
        Err(fault @ ReplicaFault::Host { .. }) if start.begins_behind()? > begins => {
            Ok(Prepared::Superseded(fault))
        }
        Err(fault) => Err(fault),
    }
}

fn lock(followed: &Mutex<Followed>) -> MutexGuard<'_, Followed> {
    followed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pending {
    pub(super) fn new(point: AppliedPoint, base: Base, trapped: Arc<Trapped>, done: ReplayDigest) -> Self {
        let followed = Arc::new(Mutex::new(Followed { applied: point.index, trapped: trapped.clone() }));
        let point = Arc::new(point);
        Self { point, base, trapped, done, followed, is_handed_out: false, prepared: None }
    }

    /// The index of the checkpoint.
    pub(super) fn index(&self) -> u64 {
        self.point.index
    }

    /// Whether its successor only has to be told to take over.
    pub(super) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// The work, once.
    pub(super) fn hand_out(&mut self, start: &Arc<ReplicaStart>) -> Option<BackgroundCheckpoint> {
        (!std::mem::replace(&mut self.is_handed_out, true)).then(|| self.work(start))
    }

    fn work(&self, start: &Arc<ReplicaStart>) -> BackgroundCheckpoint {
        BackgroundCheckpoint {
            start: start.clone(),
            point: self.point.clone(),
            base: self.base.clone(),
            trapped: self.trapped.clone(),
            done: self.done.clone(),
            followed: self.followed.clone(),
        }
    }

    /// Takes what came of the work, and brings it to where apply is. Nothing when the checkpoint is of no use any more: why.
    pub(super) fn prepared(
        &mut self,
        start: &ReplicaStart,
        prepared: PreparedCheckpoint,
    ) -> Result<Result<(), ReplicaFault>, ReplicaFault> {
        let Followed { applied, trapped } = lock(&self.followed).clone();
        let outcome = match prepared.outcome {
            Prepared::Done(done) => match *done {
                Ok(successor) => {
                    let begins = successor.index;
                    or_superseded(start, begins, successor.follow(start, applied, &trapped))?
                }
                failed @ Err(_) => Prepared::Done(Box::new(failed)),
            },
            superseded @ Prepared::Superseded(_) => superseded,
        };
        match outcome {
            Prepared::Done(done) => self.prepared = Some(*done),
            Prepared::Superseded(fault) => return Ok(Err(fault)),
        }
        Ok(Ok(()))
    }

    /// Apply has made the calls of this entry.
    pub(super) fn applied(
        &mut self,
        start: &ReplicaStart,
        entry: &CommittedEntry,
        trapped: &Arc<Trapped>,
    ) -> Result<(), ReplicaFault> {
        *lock(&self.followed) = Followed { applied: entry.index, trapped: trapped.clone() };
        self.prepared = match self.prepared.take() {
            Some(Ok(successor)) => Some(successor.follow_one(start, entry, trapped)?),
            prepared => prepared,
        };
        Ok(())
    }

    /// Does what is left of the work, or all of it.
    pub(super) fn prepare(&mut self, start: &Arc<ReplicaStart>) -> Result<(), ReplicaFault> {
        if self.prepared.is_none() {
            let prepared = self.work(start).run()?;
            // While there are entries to apply, nothing takes their place.
            self.prepared(start, prepared)??;
        }
        Ok(())
    }

    /// The successor, which is prepared, and its snapshot as of `point`, which is of the next entry.
    pub(super) fn take_over(
        self,
        start: &ReplicaStart,
        point: &AppliedPoint,
    ) -> Result<Result<TakenOver, CallFailure>, ReplicaFault> {
        let successor = match self.prepared {
            Some(Ok(successor)) => successor,
            Some(Err(failure)) => return Ok(Err(failure)),
            None => return Err(ReplicaFault::Stopped { cause: "no successor".into() }),
        };
        successor.become_base(start, point).map(Ok)
    }
}

impl BackgroundCheckpoint {
    /// The index of the checkpoint.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.point.index
    }

    /// Does it, up to an instance that has nearly caught up with apply.
    pub fn run(self) -> Result<PreparedCheckpoint, ReplicaFault> {
        let outcome = or_superseded(&self.start, self.base.index, self.prepare())?;
        Ok(PreparedCheckpoint { index: self.point.index, outcome })
    }

    fn prepare(&self) -> Result<Result<Successor, CallFailure>, ReplicaFault> {
        let mut successor = self.save_and_load()?;
        for _ in 0..CATCH_UPS_MAX {
            let Followed { applied, trapped } = lock(&self.followed).clone();
            successor = match successor {
                Ok(near) if applied.saturating_sub(near.index) <= LAG_ENTRIES_MAX => {
                    successor = Ok(near);
                    break;
                }
                Ok(behind) => behind.follow(&self.start, applied, &trapped)?,
                Err(_) => break,
            };
        }
        Ok(successor)
    }

    fn save_and_load(&self) -> Result<Result<Successor, CallFailure>, ReplicaFault> {
        let start = &self.start;
        let position = self.point.position();
        let (base, trapped) = (&self.base, &self.trapped);
        let mut instance = replay::rebuild(start, base, trapped, &self.done, self.point.index)?;
        let begun = start.snapshots.begin(&start.header(AppliedPoint::clone(&self.point)));
        let writer = LentWriter::new(begun.map_err(ReplicaFault::while_doing("beginning a snapshot"))?);
        let saved = instance.save(position, writer.sink());
        // Gone before the next one comes, so that the two do not have to fit into memory together.
        drop(instance);
        if let Err(failure) = saved.map_err(ReplicaFault::while_doing("saving a snapshot"))? {
            return Ok(Err(failure));
        }
        let returned = writer.take_back().map_err(ReplicaFault::while_doing("saving a snapshot"))?;
        let (mut writer, saved_bytes) = returned;
        let source = writer.read_back().map_err(ReplicaFault::while_doing("reading a snapshot back"))?;
        let instance = start.plugin.start(&start.group, &start.limits);
        let mut instance = instance.map_err(ReplicaFault::while_doing("starting an instance"))?;
        let loaded = instance.load(position, source);
        if let Err(failure) = loaded.map_err(ReplicaFault::while_doing("loading a snapshot"))? {
            return Ok(Err(failure));
        }
        Ok(Ok(Successor {
            instance,
            timers: self.point.timers.clone(),
            index: self.point.index,
            writer,
            tail: SnapshotTail { saved: AppliedPoint::clone(&self.point), saved_bytes },
        }))
    }
}

impl PreparedCheckpoint {
    /// The index of the checkpoint.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }
}

impl Successor {
    /// Applies what the log has up to `last`.
    fn follow(
        mut self,
        start: &ReplicaStart,
        last: u64,
        trapped: &Trapped,
    ) -> Result<Result<Self, CallFailure>, ReplicaFault> {
        while self.index < last {
            let page = start.history.entries(self.index + 1, last, PAGE_BYTES_MAX);
            let page = page.map_err(ReplicaFault::while_doing("reading the log"))?;
            if page.is_empty() {
                return Err(replay::missing(self.index + 1));
            }
            for entry in page {
                if entry.index != self.index + 1 {
                    return Err(replay::missing(self.index + 1));
                }
                self = match self.follow_one(start, &entry, trapped)? {
                    Ok(successor) => successor,
                    failed @ Err(_) => return Ok(failed),
                };
            }
        }
        Ok(Ok(self))
    }

    fn follow_one(
        mut self,
        start: &ReplicaStart,
        entry: &CommittedEntry,
        trapped: &Trapped,
    ) -> Result<Result<Self, CallFailure>, ReplicaFault> {
        let mut replay = Replay {
            start,
            instance: self.instance.as_mut(),
            timers: &mut self.timers,
            trapped,
            observe: &mut |_, _| {},
        };
        if replay.entry(entry, None)?.is_err() {
            // Not a fault: it fits less into its memory, or burns more, than the apply instance did; so on every replica.
            let why =
                format!("a command of entry {} traps on the machine made from what was saved", entry.index);
            return Ok(Err(CallFailure::Refused(why)));
        }
        let written = tail::write(self.writer.as_mut(), entry, trapped);
        written.map_err(ReplicaFault::while_doing("writing the tail of a snapshot"))?;
        self.index = entry.index;
        Ok(Ok(self))
    }

    fn become_base(self, start: &ReplicaStart, point: &AppliedPoint) -> Result<TakenOver, ReplicaFault> {
        let Self { instance, index, mut writer, tail, .. } = self;
        if index + 1 != point.index {
            let fault =
                HostFault::because(format!("a successor at entry {index} takes over at {}", point.index));
            return Err(ReplicaFault::Host { doing: "finishing a snapshot", fault });
        }
        let mut header = start.header(point.clone());
        header.tail = Some(Box::new(tail));
        writer.set_header(&header);
        let info = writer.finish().map_err(ReplicaFault::while_doing("finishing a snapshot"))?;
        Ok((instance, info))
    }
}

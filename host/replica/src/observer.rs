use crate::{
    ReplicaFault, ReplicaStart, bounds,
    ports::{AppliedPoint, Call, Callback, Instance, LifecycleEvent, Outcome, PendingTimers, StoreView},
    replay::{self, Replay},
    replica::MemoryPoint,
};
use bytes::Bytes;
use quorate_vocabulary::{PluginDigest, Position};
use std::sync::Arc;

/// A moment of a replica: what a query or a callback sees. Cheap to take and to keep for a while.
#[derive(Clone)]
pub struct ReadPoint {
    pub(crate) start: Arc<ReplicaStart>,
    pub(crate) applied: Arc<AppliedPoint>,
    pub(crate) view: Arc<dyn StoreView>,
    /// Of a memory machine.
    pub(crate) memory: Option<MemoryPoint>,
}

impl ReadPoint {
    /// How far the replica had come.
    #[must_use]
    pub fn applied(&self) -> &AppliedPoint {
        &self.applied
    }
}

/// Answers queries and runs lifecycle callbacks, never on the instance that applies commands.
///
/// Of a store machine every call has a fresh instance over a read-only view, so any number of observers may run side by
/// side. Of a memory machine an observer keeps an instance that follows by applying the same entries and discarding what
/// comes of it; it catches up when it is asked, by the log. May be sent to another thread, and dropped at any time.
pub struct Observer {
    start: Arc<ReplicaStart>,
    follower: Option<Follower>,
}

/// The instance of a memory machine's observer, and where it stands.
struct Follower {
    plugin: PluginDigest,
    instance: Box<dyn Instance>,
    at: Position,
    /// The timers that are set there.
    timers: PendingTimers,
}

impl Observer {
    pub(crate) fn new(start: Arc<ReplicaStart>) -> Self {
        Self { start, follower: None }
    }

    /// Lets go of the instance that it keeps, until it is asked again.
    pub fn rest(&mut self) {
        self.follower = None;
    }

    /// Whether the instance it would keep for this point is one that the node has no room for: it may be used, and should not
    /// stay ([`Observer::rest`]).
    #[must_use]
    pub fn lacks_room_for(&self, at: &ReadPoint) -> bool {
        at.memory.is_some() && self.follower.is_none() && !at.start.plugin.has_room()
    }

    /// Answers a query as of `at` or, where a memory machine's observer has gone further already, later.
    pub fn query(&mut self, at: &ReadPoint, request: &Bytes) -> Result<Call, ReplicaFault> {
        self.start = at.start.clone();
        let start = self.start.clone();
        let budget = start.limits.fuel_per_query;
        if let Some(trapped) = bounds::oversized(request, &start.limits, budget) {
            return Ok(trapped);
        }
        let call = self.run(at, |instance, position| {
            let call = instance.query(position, request, at.view.clone());
            let call = call.map_err(ReplicaFault::while_doing("answering a query"))?;
            let trapped = matches!(call.outcome, Outcome::Trapped(_));
            Ok((call, trapped))
        })?;
        Ok(bounds::enforce(call, &start.limits, budget))
    }

    /// Tells the plugin of its replica's life; does nothing when it does not want to know.
    pub fn lifecycle(&mut self, at: &ReadPoint, event: &LifecycleEvent) -> Result<Callback, ReplicaFault> {
        self.start = at.start.clone();
        if !self.start.plugin.has_lifecycle() {
            return Ok(Callback::default());
        }
        let callback = self.run(at, |instance, position| {
            let callback = instance.lifecycle(position, event, at.view.clone());
            let callback = callback.map_err(ReplicaFault::while_doing("running a lifecycle callback"))?;
            let trapped = callback.failure.is_some();
            Ok((callback, trapped))
        })?;
        Ok(bounds::enforce_callback(callback, &self.start.limits))
    }

    /// Makes a call on an instance that stands at the point; the call also says whether it trapped.
    fn run<T>(
        &mut self,
        point: &ReadPoint,
        call: impl FnOnce(&mut dyn Instance, Position) -> Result<(T, bool), ReplicaFault>,
    ) -> Result<T, ReplicaFault> {
        let Some(memory) = &point.memory else {
            let instance = self.start.plugin.start(&self.start.group, &self.start.limits);
            let mut instance = instance.map_err(ReplicaFault::while_doing("starting an instance"))?;
            return call(instance.as_mut(), point.applied.position()).map(|(value, _)| value);
        };
        // Put back only when all went well: an instance that trapped, or met a fault, is never called again.
        let mut follower = self.catch_up(&point.applied, memory)?;
        let (value, trapped) = call(follower.instance.as_mut(), follower.at)?;
        if !trapped {
            self.follower = Some(follower);
        }
        Ok(value)
    }

    /// An instance that stands at the point, or later.
    fn catch_up(&mut self, applied: &AppliedPoint, memory: &MemoryPoint) -> Result<Follower, ReplicaFault> {
        self.try_catch_up(applied, memory).map_err(|fault| {
            // The snapshot, or the entries behind it, may be gone because the replica has a newer one by now.
            match self.start.snapshots.newest() {
                Ok(Some(newest)) if newest.header.point.index > memory.base.index => {
                    ReplicaFault::Behind { index: applied.index }
                }
                _ => fault,
            }
        })
    }

    fn try_catch_up(
        &mut self,
        applied: &AppliedPoint,
        memory: &MemoryPoint,
    ) -> Result<Follower, ReplicaFault> {
        // The log may be cut behind the base, and the commands that trapped before it are forgotten.
        let plugin = self.start.plugin_digest;
        let kept = self.follower.take();
        let kept = kept.filter(|kept| kept.plugin == plugin && kept.at.index >= memory.base.index);
        if let Some(mut follower) = kept
            && self.follow(&mut follower, applied, memory)?
        {
            return Ok(follower);
        }
        // What it was asked since its base may have used up its memory: not so one made anew.
        let base = &memory.base;
        let loaded = replay::load_base(&self.start, base)?;
        let instance = loaded.map_err(|failure| ReplicaFault::Snapshot { index: base.index, failure })?;
        let at = Position { index: base.index, ..Position::default() };
        let mut follower = Follower { plugin, instance, at, timers: base.timers.clone() };
        if self.follow(&mut follower, applied, memory)? {
            return Ok(follower);
        }
        Err(ReplicaFault::Diverged { base: base.index, index: applied.index })
    }

    /// Whether it came up to the point, without a trap that the apply instance did not meet.
    fn follow(
        &self,
        follower: &mut Follower,
        applied: &AppliedPoint,
        memory: &MemoryPoint,
    ) -> Result<bool, ReplicaFault> {
        let mut replay = Replay {
            start: &self.start,
            instance: follower.instance.as_mut(),
            timers: &mut follower.timers,
            trapped: &memory.trapped,
            observe: &mut |_, _| {},
        };
        let followed = replay.entries(follower.at.index + 1, applied.index)?.is_ok();
        if followed && follower.at.index <= applied.index {
            follower.at = applied.position();
        }
        Ok(followed)
    }
}

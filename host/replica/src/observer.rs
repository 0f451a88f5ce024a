use crate::{
    ReplicaFault,
    ports::{
        AppliedPoint, Call, Callback, GroupInfo, GroupLimits, History, LifecycleEvent, Plugin, Snapshots,
        StoreView,
    },
};
use bytes::Bytes;
use std::{collections::BTreeSet, sync::Arc};

/// A moment of a replica: what a query or a callback sees. Cheap to take and to keep for a while.
#[derive(Clone)]
pub struct ReadPoint {
    pub(crate) applied: Arc<AppliedPoint>,
    pub(crate) view: Arc<dyn StoreView>,
    pub(crate) base: Option<u64>,
    pub(crate) trapped: Arc<BTreeSet<(u64, u32)>>,
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
/// comes of it; it catches up when it is asked. May be sent to another thread, and dropped at any time.
pub struct Observer {
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) group: GroupInfo,
    pub(crate) limits: GroupLimits,
    pub(crate) snapshots: Arc<dyn Snapshots>,
    pub(crate) history: Arc<dyn History>,
}

impl Observer {
    /// Answers a query as of `at` or, where a memory machine's observer has gone further already, later.
    pub fn query(&mut self, at: &ReadPoint, request: &Bytes) -> Result<Call, ReplicaFault> {
        let _ = (at, request, &self.plugin, &self.group, &self.limits, &self.snapshots, &self.history);
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }

    /// Tells the plugin of its replica's life; does nothing when it does not want to know.
    pub fn lifecycle(&mut self, at: &ReadPoint, event: &LifecycleEvent) -> Result<Callback, ReplicaFault> {
        let _ = (at, event);
        Err(ReplicaFault::Stopped { cause: "not built yet".into() })
    }
}

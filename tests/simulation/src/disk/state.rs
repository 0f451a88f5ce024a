//! A store machine's state: commits are lost in a crash unless they were flushed.

use super::lock;
use crate::planted::Bug;
use bytes::Bytes;
use quorate_replica::{
    ports::{AppliedPoint, HostFault, StateLoader, StateStore, StoreChanges, StoreView},
    testing::MemoryStore,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Points that a bug may go back to.
const POINTS_KEPT: usize = 4;

/// The state of one replica.
#[derive(Clone, Debug)]
pub(crate) struct State {
    store: MemoryStore,
    bug: Option<Bug>,
    /// The latest points, and the one that a bug has put in the place of the last.
    points: Arc<Mutex<(VecDeque<AppliedPoint>, Option<AppliedPoint>)>>,
    /// The next commit fails, and so do all after it until the node is started again.
    fails: Arc<AtomicBool>,
}

impl State {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { store: MemoryStore::default(), bug, points: Arc::default(), fails: Arc::default() }
    }

    pub(crate) fn flush(&self) {
        self.store.flush();
    }

    pub(crate) fn pairs(&self) -> BTreeMap<Bytes, Bytes> {
        self.store.pairs()
    }

    /// A number is another than it should be, durably, and nothing says so. Whether there is a state to be made wrong.
    pub(crate) fn corrupt(&self, name: &'static str, wrong_by: i64, point: &AppliedPoint) -> bool {
        let name = Bytes::from_static(name.as_bytes());
        let number =
            self.pairs().get(&name).and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
        let wrong: i64 = number.unwrap_or(0) + wrong_by;
        let mut changes = StoreChanges::default();
        changes.keys.insert(name, Some(wrong.to_string().into()));
        let is_there = matches!(self.store.applied(), Ok(Some(_)));
        is_there && self.store.commit(changes, point).is_ok()
    }

    /// The disk fails from now on.
    pub(crate) fn fail_next(&self) {
        self.fails.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    pub(crate) fn crash(&self) {
        self.fails.store(false, Ordering::Relaxed);
        if self.bug == Some(Bug::ApplyTwice) {
            // The changes were written, and the point that says so was not.
            self.store.flush();
            let mut points = lock(&self.points);
            points.1 = points.0.pop_front();
            points.0.clear();
            return;
        }
        self.store.crash();
    }

    /// A crash in the middle of a load: neither the old state is there nor the new one.
    pub(crate) fn crash_while_loading(&self) {
        self.forget_points();
        drop(self.store.begin_load());
    }

    fn forget_points(&self) {
        *lock(&self.points) = Default::default();
    }
}

impl StateStore for State {
    fn view(&self) -> Result<Arc<dyn StoreView>, HostFault> {
        self.store.view()
    }

    fn applied(&self) -> Result<Option<AppliedPoint>, HostFault> {
        match &lock(&self.points).1 {
            Some(earlier) => Ok(Some(earlier.clone())),
            None => self.store.applied(),
        }
    }

    fn commit(&self, changes: StoreChanges, point: &AppliedPoint) -> Result<(), HostFault> {
        if self.has_failed() {
            return Err(HostFault::because("the disk fails"));
        }
        if self.bug == Some(Bug::ApplyTwice) {
            let mut points = lock(&self.points);
            points.1 = None;
            points.0.push_back(point.clone());
            if points.0.len() > POINTS_KEPT {
                points.0.pop_front();
            }
        }
        self.store.commit(changes, point)
    }

    fn begin_load(&self) -> Result<Box<dyn StateLoader>, HostFault> {
        self.forget_points();
        self.store.begin_load()
    }
}

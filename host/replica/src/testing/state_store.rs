use crate::ports::{AppliedPoint, HostFault, ScanRange, StateLoader, StateStore, StoreChanges, StoreView};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Pairs = BTreeMap<Bytes, Bytes>;

/// The state of one replica of a store machine.
///
/// Like a database without synced writes it can lose its last commits: see [`MemoryStore::crash`].
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    now: Arc<Mutex<State>>,
    durable: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    pairs: Arc<Pairs>,
    /// Without its sessions, which are in rows.
    applied: Option<AppliedPoint>,
    sessions: Arc<Pairs>,
}

/// What stands in the record of a point.
fn without_sessions(point: &AppliedPoint) -> AppliedPoint {
    AppliedPoint { sessions: point.sessions.without_rows(), ..point.clone() }
}

impl MemoryStore {
    fn now(&self) -> MutexGuard<'_, State> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durable(&self) -> MutexGuard<'_, State> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes durable what was committed so far.
    pub fn flush(&self) {
        let now = self.now().clone();
        *self.durable() = now;
    }

    /// Loses what was committed since the last [`MemoryStore::flush`] or finished load.
    pub fn crash(&self) {
        let durable = self.durable().clone();
        *self.now() = durable;
    }

    /// Everything in it.
    #[must_use]
    pub fn pairs(&self) -> BTreeMap<Bytes, Bytes> {
        Pairs::clone(&self.now().pairs)
    }
}

impl StateStore for MemoryStore {
    fn view(&self) -> Result<Arc<dyn StoreView>, HostFault> {
        Ok(Arc::new(View(self.now().pairs.clone())))
    }

    fn applied(&self) -> Result<Option<AppliedPoint>, HostFault> {
        let State { applied, sessions, .. } = self.now().clone();
        let Some(mut applied) = applied else { return Ok(None) };
        applied.sessions.load(sessions.iter())?;
        Ok(Some(applied))
    }

    fn commit(&self, changes: StoreChanges, point: &AppliedPoint) -> Result<(), HostFault> {
        let mut now = self.now();
        let pairs = Arc::make_mut(&mut now.pairs);
        for range in &changes.removed {
            pairs.retain(|key, _| !range.contains(key));
        }
        for (key, value) in changes.keys {
            match value {
                Some(value) => drop(pairs.insert(key, value)),
                None => drop(pairs.remove(&key)),
            }
        }
        let sessions = Arc::make_mut(&mut now.sessions);
        for (key, value) in changes.sessions.iter() {
            match value {
                Some(value) => drop(sessions.insert(key.clone(), value.clone())),
                None => drop(sessions.remove(key)),
            }
        }
        now.applied = Some(without_sessions(point));
        Ok(())
    }

    fn begin_load(&self) -> Result<Box<dyn StateLoader>, HostFault> {
        *self.now() = State::default();
        self.flush();
        Ok(Box::new(Loader { store: self.clone(), pairs: Pairs::new() }))
    }
}

struct Loader {
    store: MemoryStore,
    pairs: Pairs,
}

impl StateLoader for Loader {
    fn put(&mut self, pairs: Vec<(Bytes, Bytes)>) -> Result<(), HostFault> {
        for (key, value) in pairs {
            if self.pairs.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(HostFault::because("keys that are loaded must ascend"));
            }
            self.pairs.insert(key, value);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, point: &AppliedPoint) -> Result<(), HostFault> {
        let applied = Some(without_sessions(point));
        let sessions = Arc::new(point.sessions.rows().into_iter().collect());
        *self.store.now() = State { pairs: Arc::new(self.pairs), applied, sessions };
        self.store.flush();
        Ok(())
    }
}

struct View(Arc<Pairs>);

impl StoreView for View {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        if range.keys.is_empty() {
            return Ok(Vec::new());
        }
        let end = range.keys.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let pairs = self.0.range::<[u8], _>((Bound::Included(range.keys.start.as_ref()), end));
        let pairs: Box<dyn Iterator<Item = (&Bytes, &Bytes)>> =
            if range.reverse { Box::new(pairs.rev()) } else { Box::new(pairs) };
        let mut found = Vec::new();
        let mut bytes = 0_u64;
        for (key, value) in pairs.take(range.limit) {
            bytes = bytes.saturating_add(u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX));
            if bytes > range.bytes_max && !found.is_empty() {
                break;
            }
            found.push((key.clone(), value.clone()));
        }
        Ok(found)
    }
}

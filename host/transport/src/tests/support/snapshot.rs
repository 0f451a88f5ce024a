use crate::{ALL_BYTES, SnapshotOffer, SnapshotReceiver, SnapshotRefusal, SnapshotSource};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

/// Small, so that a test's snapshot has many.
pub(in crate::tests) const CHUNK_BYTES: usize = 4096;

/// Bytes that differ from one place to the next.
pub(in crate::tests) fn pattern(bytes: usize) -> Bytes {
    (0..bytes).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect()
}

/// This storage's manifest: the checksum of all bytes.
pub(in crate::tests) fn manifest_of(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&crc32c::crc32c(bytes).to_le_bytes())
}

type Hook<T> = Option<Box<dyn FnMut(T) + Send>>;

/// A snapshot in memory that notes what was read.
pub(in crate::tests) struct MemorySource {
    pub(in crate::tests) bytes: Bytes,
    pub(in crate::tests) manifest: Bytes,
    pub(in crate::tests) fail_at: Option<u64>,
    /// How many bytes there are shows at the end only.
    pub(in crate::tests) is_open_ended: bool,
    /// Called with the offset before each read.
    pub(in crate::tests) on_read: Hook<u64>,
}

impl MemorySource {
    pub(in crate::tests) fn new(bytes: Bytes) -> Self {
        let manifest = manifest_of(&bytes);
        Self { bytes, manifest, fail_at: None, is_open_ended: false, on_read: None }
    }
}

impl SnapshotSource for MemorySource {
    fn total_bytes(&self) -> Option<u64> {
        (!self.is_open_ended).then_some(self.bytes.len() as u64)
    }

    fn manifest(&self) -> Bytes {
        self.manifest.clone()
    }

    fn read_at(&mut self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        if let Some(on_read) = &mut self.on_read {
            on_read(offset);
        }
        if self.fail_at.is_some_and(|at| offset >= at) {
            return Err(io::Error::other("the disk is gone"));
        }
        let start = usize::try_from(offset).expect("in memory");
        let end = self.bytes.len().min(start + bytes_max);
        Ok(self.bytes.slice(start..end))
    }
}

/// Snapshots that were received, whole and in part.
#[derive(Clone, Default)]
pub(in crate::tests) struct SnapshotStore {
    state: Arc<Mutex<StoreState>>,
}

#[derive(Default)]
pub(in crate::tests) struct StoreState {
    partial: BTreeMap<(GroupId, ReplicaId), Vec<u8>>,
    pub(in crate::tests) stored: BTreeMap<(GroupId, ReplicaId), (SnapshotOffer, Vec<u8>)>,
    /// The offsets at which transfers began.
    pub(in crate::tests) begun_at: Vec<u64>,
    pub(in crate::tests) refusal: Option<SnapshotRefusal>,
    /// What is offered is here already.
    pub(in crate::tests) holds_all: bool,
    /// How many of the next snapshots turn out damaged when they are whole.
    pub(in crate::tests) damage: usize,
    /// Called with the end of each chunk that was written.
    pub(in crate::tests) on_write: Hook<u64>,
    /// Called before a whole snapshot is stored.
    pub(in crate::tests) on_finish: Hook<()>,
}

impl SnapshotStore {
    pub(in crate::tests) fn state(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().expect("no panic")
    }

    pub(in crate::tests) fn begin(
        &self,
        offer: SnapshotOffer,
    ) -> Result<Box<dyn SnapshotReceiver>, SnapshotRefusal> {
        let mut state = self.state();
        if let Some(refusal) = state.refusal.clone() {
            return Err(refusal);
        }
        let mut held = state.partial.get(&(offer.group, offer.replica)).map_or(0, Vec::len) as u64;
        if state.holds_all {
            held = offer.total_bytes.unwrap_or(ALL_BYTES);
        }
        state.begun_at.push(held);
        drop(state);
        Ok(Box::new(MemoryReceiver { store: self.clone(), offer, held }))
    }
}

struct MemoryReceiver {
    store: SnapshotStore,
    offer: SnapshotOffer,
    held: u64,
}

impl SnapshotReceiver for MemoryReceiver {
    fn received_bytes(&self) -> u64 {
        self.held
    }

    fn write(&mut self, offset: u64, chunk: &Bytes) -> Result<(), SnapshotRefusal> {
        let mut state = self.store.state();
        let partial = state.partial.entry((self.offer.group, self.offer.replica)).or_default();
        assert_eq!(partial.len() as u64, offset, "chunks come one after another");
        partial.extend_from_slice(chunk);
        let end = partial.len() as u64;
        if let Some(on_write) = &mut state.on_write {
            on_write(end);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotRefusal> {
        let mut state = self.store.state();
        if let Some(on_finish) = &mut state.on_finish {
            on_finish(());
        }
        if state.holds_all {
            return Ok(());
        }
        let key = (self.offer.group, self.offer.replica);
        let mut bytes = state.partial.remove(&key).unwrap_or_default();
        if state.damage > 0 {
            state.damage -= 1;
            bytes.push(0);
        }
        if manifest_of(&bytes) != self.offer.manifest {
            return Err(SnapshotRefusal::Damaged("the checksum does not match".to_owned()));
        }
        state.stored.insert(key, (self.offer, bytes));
        Ok(())
    }
}

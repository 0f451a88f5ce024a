use super::{AppliedPoint, HostFault, SessionRows};
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

/// The most bytes of keys and values one scan gives, as the plugin contract says; the first pair always comes.
pub const SCAN_BYTES_MAX: u64 = 1 << 20;

/// Keys from `start` (included) to `end` (excluded; none: to the last key). Empty when `end` is not behind `start`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key.
    pub start: Bytes,
    /// The key behind the last one.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// Every key there is.
    #[must_use]
    pub fn all() -> Self {
        Self { start: Bytes::new(), end: None }
    }

    /// Whether no key can be in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether the key is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }
}

/// What a scan asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRange {
    /// Which keys.
    pub keys: KeyRange,
    /// At most so many pairs.
    pub limit: usize,
    /// No further pair when the bytes of keys and values would pass this; the first pair always comes.
    pub bytes_max: u64,
    /// From the last key to the first.
    pub reverse: bool,
}

impl ScanRange {
    /// The whole store in one go: for small ones, and tests.
    #[must_use]
    pub fn everything() -> Self {
        Self { keys: KeyRange::all(), limit: usize::MAX, bytes_max: u64::MAX, reverse: false }
    }
}

/// The keys and values of one group as they were at one moment: later commits do not show.
pub trait StoreView: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, HostFault>;

    /// The pairs in a range, in the order of the keys' bytes, or from the other end when `reverse`.
    fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault>;

    /// The same for somebody who reads all there is once, as a snapshot does: what is read is not worth remembering, and is
    /// shown pair by pair without being copied.
    fn visit_once(&self, range: &ScanRange, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), HostFault> {
        self.scan(range)?.iter().for_each(|(key, value)| visit(key, value));
        Ok(())
    }
}

/// A view of nothing: what a memory machine is handed.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyView;

impl StoreView for EmptyView {
    fn get(&self, _key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        Ok(None)
    }

    fn scan(&self, _range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        Ok(Vec::new())
    }
}

/// What an entry changed in the store. The ranges go first, then the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreChanges {
    /// Ranges of keys to remove: sorted, not empty, neither overlapping nor touching.
    pub removed: Vec<KeyRange>,
    /// Keys to set (or, with none, to remove), whether in a removed range or not.
    pub keys: BTreeMap<Bytes, Option<Bytes>>,
    /// Rows of sessions, which are not the machine's and no view shows.
    pub sessions: SessionRows,
}

impl StoreChanges {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.keys.is_empty() && self.sessions.is_empty()
    }
}

/// The ordered store that holds the state of one replica of a store machine. One owner writes to it.
pub trait StateStore: Send + Sync {
    /// The state now, all of it up to the last commit.
    fn view(&self) -> Result<Arc<dyn StoreView>, HostFault>;

    /// The point of the last commit that survived, with its sessions; none when there was none, or a load was begun and not finished.
    ///
    /// After a crash it may be older than what was committed last, never newer than the state beside it.
    fn applied(&self) -> Result<Option<AppliedPoint>, HostFault>;

    /// Writes the changes and the point, both or neither. Of the point's sessions only the rows are written that the changes
    /// name. It need not be durable at once: what is lost is applied again
    /// from the log, which must not be cut further than what is durable here.
    fn commit(&self, changes: StoreChanges, point: &AppliedPoint) -> Result<(), HostFault>;

    /// Takes in the state of this point as it was prepared while it came from a peer, durably and in place of what is there:
    /// the same as a load of its snapshot, without reading that. False when there is none, and nothing has changed.
    fn take_in(&self, _point: &AppliedPoint) -> Result<bool, HostFault> {
        Ok(false)
    }

    /// Forgets everything, the applied point first, and takes a new state. Also called to start from nothing.
    fn begin_load(&self) -> Result<Box<dyn StateLoader>, HostFault>;
}

/// A new state on its way into a [`StateStore`]. Dropped unfinished it leaves a store without an applied point.
pub trait StateLoader: Send {
    /// Adds pairs; their keys ascend over all calls.
    fn put(&mut self, pairs: Vec<(Bytes, Bytes)>) -> Result<(), HostFault>;

    /// Makes the new state durable, with its point and all of its sessions.
    fn finish(self: Box<Self>, point: &AppliedPoint) -> Result<(), HostFault>;
}

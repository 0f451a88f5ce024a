//! What the commands of one entry change in the store before it is written.

mod holes;
mod ranges;
mod scan;
#[cfg(test)]
mod tests;

use crate::ports::{
    EmptyView, GroupLimits, HostFault, KeyRange, SCAN_BYTES_MAX, ScanRange, StoreChanges, StoreView,
};
use bytes::{BufMut, Bytes, BytesMut};
use holes::Holes;
use ranges::RangeSet;
use std::{cell::RefCell, collections::BTreeMap, fmt, ops::Bound, sync::Arc};

/// Why a store call of a plugin did not go through.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The plugin passed a limit of its group: it traps with `LimitExceeded` and this message.
    #[error("{what} has {bytes} bytes, and the group allows {max}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        max: u64,
    },
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostFault),
}

/// The changes of one entry over a view of the store: those of the commands before, which are kept, and those of the
/// command that runs, which are kept or dropped when it ends.
///
/// An owned value, so that an instance can hold it while a command runs and hand it back.
pub struct Overlay {
    view: Arc<dyn StoreView>,
    limits: StoreLimits,
    entry: Layer,
    command: Layer,
    command_bytes: u64,
    holes: RefCell<Holes>,
}

#[derive(Clone, Copy)]
struct StoreLimits {
    key_bytes_max: u64,
    value_bytes_max: u64,
    changed_bytes_max: u64,
}

/// Changes on top of something: keys that are set or removed, and ranges in which all else is removed.
#[derive(Default)]
struct Layer {
    keys: BTreeMap<Bytes, Option<Bytes>>,
    removed: RangeSet,
}

impl Layer {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.removed.is_empty()
    }

    /// What this layer says of a key: nothing, that it is removed, or its value.
    fn get(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        match self.keys.get(key) {
            Some(value) => Some(value.as_ref()),
            None => self.removed.find(key).map(|_| None),
        }
    }

    fn remove_range(&mut self, range: KeyRange) {
        let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.clone()));
        self.keys.extract_if((Bound::Included(range.start.clone()), end), |_, _| true).for_each(drop);
        self.removed.insert(range);
    }

    /// Takes the changes of a layer that was on top of this one.
    fn take(&mut self, top: Self) {
        for range in top.removed.into_ranges() {
            self.remove_range(range);
        }
        self.keys.extend(top.keys);
    }
}

impl Overlay {
    /// Nothing changed yet, over this view.
    #[must_use]
    pub fn new(view: Arc<dyn StoreView>, limits: &GroupLimits) -> Self {
        Self::with_room(view, limits, limits.changed_bytes_per_command_max)
    }

    /// The same for carrying a whole state across, which may change more than a command.
    #[must_use]
    pub fn for_migration(view: Arc<dyn StoreView>, limits: &GroupLimits) -> Self {
        Self::with_room(view, limits, limits.changed_bytes_per_migration_max)
    }

    fn with_room(view: Arc<dyn StoreView>, limits: &GroupLimits, changed_bytes_max: u64) -> Self {
        let limits = StoreLimits {
            key_bytes_max: limits.key_bytes_max,
            value_bytes_max: limits.value_bytes_max,
            changed_bytes_max,
        };
        Self {
            view,
            limits,
            entry: Layer::default(),
            command: Layer::default(),
            command_bytes: 0,
            holes: RefCell::default(),
        }
    }

    /// An overlay of nothing, for memory machines.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Arc::new(EmptyView), &GroupLimits::default())
    }

    /// The value of a key, as the command that runs sees it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.check_key(key)?;
        match self.command.get(key).or_else(|| self.entry.get(key)) {
            Some(value) => Ok(value.cloned()),
            None => Ok(self.view.get(key)?),
        }
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), StoreError> {
        self.check_key(&key)?;
        let bytes = length(&value);
        let max = self.limits.value_bytes_max;
        if bytes > max {
            return Err(StoreError::Limit { what: "a value", bytes, max });
        }
        self.charge(length(&key) + bytes)?;
        self.holes.get_mut().fill(&key);
        self.command.keys.insert(key, Some(value));
        Ok(())
    }

    /// Removes a key, whether it is there or not.
    pub fn delete(&mut self, key: Bytes) -> Result<(), StoreError> {
        self.check_key(&key)?;
        self.charge(length(&key))?;
        self.command.keys.insert(key, None);
        Ok(())
    }

    /// Removes every key in a range.
    pub fn delete_range(&mut self, range: KeyRange) -> Result<(), StoreError> {
        self.check_range(&range)?;
        if range.is_empty() {
            return Ok(());
        }
        self.charge(length(&range.start) + range.end.as_deref().map_or(0, length))?;
        self.command.remove_range(range);
        Ok(())
    }

    /// The pairs in a range, as the command that runs sees them. Gives no more than [`SCAN_BYTES_MAX`].
    pub fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.check_range(&range.keys)?;
        let bytes_max = range.bytes_max.min(SCAN_BYTES_MAX);
        let range = ScanRange { bytes_max, ..range.clone() };
        Ok(scan::scan(self.view.as_ref(), &self.entry, &self.command, &mut self.holes.borrow_mut(), &range)?)
    }

    /// Keeps what the command changed: it replied. Gives the bytes of that.
    pub fn keep_command(&mut self) -> u64 {
        let bytes = std::mem::take(&mut self.command_bytes);
        self.entry.take(std::mem::take(&mut self.command));
        self.holes.get_mut().keep_command();
        bytes
    }

    /// Drops what the command changed: it rejected or trapped.
    pub fn drop_command(&mut self) {
        self.command_bytes = 0;
        self.command = Layer::default();
        self.holes.get_mut().drop_command();
    }

    /// What the kept commands changed.
    #[must_use]
    pub fn into_changes(self) -> StoreChanges {
        StoreChanges {
            removed: self.entry.removed.into_ranges().collect(),
            keys: self.entry.keys,
            ..StoreChanges::default()
        }
    }

    /// Charges a change against what one command may change.
    fn charge(&mut self, bytes: u64) -> Result<(), StoreError> {
        let bytes = self.command_bytes.saturating_add(bytes);
        let max = self.limits.changed_bytes_max;
        if bytes > max {
            return Err(StoreError::Limit { what: "what the command changes in the store", bytes, max });
        }
        self.command_bytes = bytes;
        Ok(())
    }

    fn check_key(&self, key: &[u8]) -> Result<(), StoreError> {
        let bytes = length(key);
        let max = self.limits.key_bytes_max;
        if bytes > max { Err(StoreError::Limit { what: "a key", bytes, max }) } else { Ok(()) }
    }

    fn check_range(&self, range: &KeyRange) -> Result<(), StoreError> {
        self.check_key(&range.start)?;
        range.end.as_ref().map_or(Ok(()), |end| self.check_key(end))
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Overlay")
            .field("keys_of_entry", &self.entry.keys.len())
            .field("keys_of_command", &self.command.keys.len())
            .finish_non_exhaustive()
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("no platform has lengths over 64 bits")
}

/// The first key behind this one.
pub(crate) fn successor(key: &Bytes) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

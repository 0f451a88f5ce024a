//! What raft sees of a replica's log: the newest entries, and of all of them what [`LogIndex`] keeps.

use crate::{Configuration, EntryBody, LogEntry, LogIndex, LogPoint, configuration::conf_state};
use quorate_vocabulary::ReplicaId;
use raft::{
    GetEntriesContext, RaftState, Storage, StorageError,
    eraftpb::{Entry, EntryType, HardState, Snapshot},
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    mem,
};

/// What an entry costs in memory beside its data.
const ENTRY_FRAME_BYTES: usize = 96;
/// Sends that wait for the same fetch; more than a group has members would only ask twice.
const WAITING_SENDS_MAX: usize = 16;

/// A send that waits for entries that are only on disk.
struct MissingEntries {
    first: u64,
    last: u64,
    requested: bool,
    sends: Vec<GetEntriesContext>,
}

/// The log of one replica as raft reads it. Entries are in it from the moment they are handed out to be persisted.
pub(crate) struct LogWindow {
    hard_state: HardState,
    started: Configuration,
    truncated: LogPoint,
    /// The configuration at `truncated`.
    base: Configuration,
    index: LogIndex,
    /// The newest entries, without gaps up to the last.
    cached: VecDeque<Entry>,
    cached_bytes: usize,
    /// Up to here the log is committed and its members are in force.
    handed: u64,
    /// The newest snapshot that is on disk.
    snapshot: Option<LogPoint>,
    /// From here on one can be made while it is sent.
    sendable: Option<LogPoint>,
    /// raft asked for a snapshot and there was none of at least this index.
    snapshot_wanted: Cell<Option<u64>>,
    missing: RefCell<Vec<MissingEntries>>,
    /// Read back from disk, while the sends that wait for them are repeated.
    fetched: Vec<Entry>,
}

impl LogWindow {
    pub(crate) fn new(
        hard_state: HardState,
        truncated: LogPoint,
        base: Configuration,
        index: LogIndex,
        applied: u64,
    ) -> Self {
        let started = index.configuration(applied).unwrap_or(&base).clone();
        Self {
            hard_state,
            started,
            truncated,
            base,
            index,
            cached: VecDeque::new(),
            cached_bytes: 0,
            handed: applied,
            snapshot: None,
            sendable: None,
            snapshot_wanted: Cell::new(None),
            missing: RefCell::default(),
            fetched: Vec::new(),
        }
    }

    /// Adds entries that the index knows already.
    pub(crate) fn fill(&mut self, entries: impl IntoIterator<Item = LogEntry>) {
        for entry in entries {
            self.cache(raft_entry(entry));
        }
    }

    pub(crate) fn truncated(&self) -> LogPoint {
        self.truncated
    }

    pub(crate) fn last(&self) -> LogPoint {
        self.index.last().unwrap_or(self.truncated)
    }

    pub(crate) fn snapshot_point(&self) -> Option<LogPoint> {
        self.snapshot
    }

    pub(crate) fn time_ms(&self) -> u64 {
        self.index.time_ms()
    }

    pub(crate) fn saw_time(&mut self, time_ms: u64) {
        self.index.saw_time(time_ms);
    }

    pub(crate) fn saw_handed(&mut self, handed: u64) {
        self.handed = handed;
    }

    /// The configuration that the entry at this place is, if it is one.
    pub(crate) fn configuration_entry(&self, index: u64) -> Option<&Configuration> {
        self.index.is_configuration(index).then(|| self.configuration_at(index))
    }

    /// The newest configuration that an entry of the log is, and its place.
    pub(crate) fn newest_configuration_entry(&self) -> Option<(u64, &Configuration)> {
        self.index.newest_configuration()
    }

    pub(crate) fn first_of_term(&self, term: u64) -> Option<u64> {
        self.index.first_of_term(term)
    }

    /// The term at this place, if the log still knows it.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.truncated.index {
            return Some(self.truncated.term);
        }
        (index > self.truncated.index && index <= self.last().index).then(|| self.index.term(index))?
    }

    /// From where on all configurations have this replica.
    fn member_from(&self, replica: ReplicaId) -> u64 {
        let joined = self.index.member_from(replica).unwrap_or(0);
        let is_member_before = joined > 0 && self.configuration_at(joined - 1).member(replica).is_some();
        if is_member_before { self.truncated.index } else { joined }
    }

    /// The configuration at this place, which must be in the log or where it begins.
    pub(crate) fn configuration_at(&self, index: u64) -> &Configuration {
        self.index.configuration(index).unwrap_or(&self.base)
    }

    /// Takes in entries to be persisted; what is there from the first of them on is replaced.
    pub(crate) fn append(&mut self, entries: &[LogEntry]) -> Result<(), crate::EntryError> {
        let Some(first) = entries.first() else { return Ok(()) };
        if first.index <= self.last().index {
            self.index.truncate_from(first.index);
            while self.cached.back().is_some_and(|entry| entry.index >= first.index) {
                if let Some(entry) = self.cached.pop_back() {
                    self.cached_bytes -= cost(&entry);
                }
            }
        }
        for entry in entries {
            self.index.push(entry)?;
            self.cache(raft_entry(entry.clone()));
        }
        Ok(())
    }

    fn cache(&mut self, entry: Entry) {
        self.cached_bytes += cost(&entry);
        self.cached.push_back(entry);
    }

    /// A snapshot replaces the whole log.
    pub(crate) fn restore(&mut self, point: LogPoint, configuration: Configuration) {
        let time_ms = self.index.time_ms();
        self.index = LogIndex::default();
        self.index.saw_time(time_ms);
        self.cached.clear();
        self.cached_bytes = 0;
        self.truncated = point;
        self.base = configuration;
        self.handed = point.index;
    }

    /// Drops the log up to and including `through`, which is behind where it begins.
    pub(crate) fn cut_through(&mut self, through: u64) -> Option<LogPoint> {
        let term = self.term_at(through)?;
        self.base = self.configuration_at(through).clone();
        self.index.cut_through(through);
        self.truncated = LogPoint { index: through, term };
        self.evict_while(|entry, _| entry.index <= through);
        Some(self.truncated)
    }

    /// Lets go of the oldest entries beyond `bytes_max`, but of none behind `persisted`, which could not be read back.
    /// Entries that apply still needs are kept up to `unapplied_bytes_max`.
    pub(crate) fn evict(
        &mut self,
        bytes_max: usize,
        persisted: u64,
        handed: u64,
        unapplied_bytes_max: usize,
    ) {
        self.evict_while(|entry, bytes| {
            entry.index <= persisted
                && bytes > if entry.index <= handed { bytes_max } else { bytes_max.max(unapplied_bytes_max) }
        });
    }

    fn evict_while(&mut self, condition: impl Fn(&Entry, usize) -> bool) {
        while self.cached.front().is_some_and(|entry| condition(entry, self.cached_bytes)) {
            if let Some(entry) = self.cached.pop_front() {
                self.cached_bytes -= cost(&entry);
            }
        }
    }

    pub(crate) fn give_back_room(&mut self) {
        self.cached.shrink_to_fit();
        self.fetched.shrink_to_fit();
        self.missing.get_mut().shrink_to_fit();
        self.index.give_back_room();
    }

    /// The first entry that is in memory, or the one behind the last.
    pub(crate) fn cached_from(&self) -> u64 {
        self.cached.front().map_or(self.last().index + 1, |entry| entry.index)
    }

    pub(crate) fn cached_entry(&self, index: u64) -> Option<&Entry> {
        let place = index.checked_sub(self.cached.front()?.index)?;
        self.cached.get(usize::try_from(place).ok()?)
    }

    /// Of entries read from disk those that are what the log has there now: a read may have overtaken a write.
    pub(crate) fn still_in_log(&self, first: u64, entries: Vec<LogEntry>) -> Vec<LogEntry> {
        let mut expected = first;
        let mut entries = entries;
        let good = entries
            .iter()
            .take_while(|entry| {
                let fits = entry.index == expected && self.term_at(entry.index) == Some(entry.term);
                expected += 1;
                fits
            })
            .count();
        entries.truncate(good);
        entries
    }

    /// A snapshot that is on disk. Whether it is one of this log and newer than the last.
    pub(crate) fn offer_snapshot(&mut self, point: LogPoint) -> bool {
        let newer = self.snapshot.is_none_or(|snapshot| snapshot.index < point.index);
        if !newer || self.term_at(point.index) != Some(point.term) {
            return false;
        }
        self.snapshot = Some(point);
        true
    }

    /// A snapshot that can be made while it is sent, of this place or a later one. Nothing is on disk for it. Whether it is one
    /// of this log and newer than the last.
    pub(crate) fn offer_to_send(&mut self, point: LogPoint) -> bool {
        let newer = self.sendable.is_none_or(|sendable| sendable.index < point.index);
        if !newer || self.term_at(point.index) != Some(point.term) {
            return false;
        }
        self.sendable = Some(point);
        true
    }

    pub(crate) fn take_snapshot_wanted(&self) -> Option<u64> {
        self.snapshot_wanted.take()
    }

    /// What sends wait for and has not been asked for: first and last index.
    pub(crate) fn missing(&self) -> Vec<(u64, u64)> {
        let mut missing = self.missing.borrow_mut();
        let new = missing.iter_mut().filter(|range| !range.requested);
        new.map(|range| {
            range.requested = true;
            (range.first, range.last)
        })
        .collect()
    }

    /// Entries read from disk are at hand from now until `fetch_done`; the sends that waited for them.
    pub(crate) fn fetched(&mut self, first: u64, entries: Vec<LogEntry>) -> Vec<GetEntriesContext> {
        self.fetched = entries.into_iter().map(raft_entry).collect();
        let mut missing = self.missing.borrow_mut();
        let Some(place) = missing.iter().position(|range| range.first == first && range.requested) else {
            return Vec::new();
        };
        missing.swap_remove(place).sends
    }

    pub(crate) fn fetch_done(&mut self) {
        self.fetched.clear();
    }

    /// No send waits any longer: the replica does not lead.
    pub(crate) fn forget_sends(&self) {
        self.missing.borrow_mut().clear();
    }

    /// Entries without their content, for those who only look at indexes and kinds.
    fn skeletons(&self, low: u64, high: u64) -> Vec<Entry> {
        let skeleton = |index| {
            let mut entry = Entry { index, term: self.term_at(index).unwrap_or(0), ..Entry::default() };
            if self.index.is_configuration(index) {
                entry.set_entry_type(EntryType::EntryConfChangeV2);
            }
            entry
        };
        (low..high).map(skeleton).collect()
    }
}

impl Storage for LogWindow {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState { hard_state: self.hard_state.clone(), conf_state: conf_state(&self.started) })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.truncated.index {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last().index + 1 {
            return Err(StorageError::Unavailable.into());
        }
        if !context.can_async() {
            // Committed entries, to be applied or looked through for configurations: apply takes their content from
            // the window or from disk, at its own pace.
            return Ok(self.skeletons(low, high));
        }
        let bytes_max = max_size.into().unwrap_or(u64::MAX);
        let found = |entries: &mut dyn Iterator<Item = &Entry>| {
            let mut bytes = 0_u64;
            let taken = entries.take_while(|entry| {
                let first = bytes == 0;
                bytes = bytes.saturating_add(u64::try_from(cost(entry)).unwrap_or(u64::MAX));
                first || bytes <= bytes_max
            });
            taken.cloned().collect::<Vec<_>>()
        };
        let cached_from = self.cached_from();
        if low >= cached_from {
            let skipped = usize::try_from(low - cached_from).unwrap_or(usize::MAX);
            let count = usize::try_from(high - low).unwrap_or(usize::MAX);
            return Ok(found(&mut self.cached.iter().skip(skipped).take(count)));
        }
        if self.fetched.first().is_some_and(|entry| entry.index <= low)
            && self.fetched.last().is_some_and(|entry| entry.index >= low)
        {
            return Ok(found(&mut self.fetched.iter().filter(|entry| (low..high).contains(&entry.index))));
        }
        let mut missing = self.missing.borrow_mut();
        match missing.iter_mut().find(|range| range.first == low) {
            Some(range) if range.sends.len() < WAITING_SENDS_MAX => range.sends.push(context),
            Some(_) => {}
            None => missing.push(MissingEntries {
                first: low,
                last: high.min(cached_from) - 1,
                requested: false,
                sends: vec![context],
            }),
        }
        Err(StorageError::LogTemporarilyUnavailable.into())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        let cause =
            if index < self.truncated.index { StorageError::Compacted } else { StorageError::Unavailable };
        self.term_at(index).ok_or_else(|| cause.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.truncated.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index)
    }

    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        // A replica refuses a snapshot from before it was a member.
        let index_min = request_index.max(self.truncated.index).max(self.member_from(ReplicaId(to)));
        if self.configuration_at(self.last().index).is_witness(ReplicaId(to)) {
            // Any place will do, and where it stands is all there is to send.
            let term = self.term_at(self.handed).filter(|_| self.handed >= index_min);
            let point = term.map(|term| LogPoint { index: self.handed, term });
            return match point {
                Some(point) => Ok(raft_snapshot(point, self.configuration_at(point.index))),
                None => Err(StorageError::SnapshotTemporarilyUnavailable.into()),
            };
        }
        let points = [self.sendable, self.snapshot].into_iter().flatten();
        match points.filter(|point| point.index >= index_min).max_by_key(|point| point.index) {
            Some(point) => Ok(raft_snapshot(point, self.configuration_at(point.index))),
            None => {
                self.snapshot_wanted.set(Some(index_min));
                Err(StorageError::SnapshotTemporarilyUnavailable.into())
            }
        }
    }
}

/// A snapshot as raft knows it: only where it stands, and as its data the members with their nodes.
pub(crate) fn raft_snapshot(point: LogPoint, configuration: &Configuration) -> Snapshot {
    let mut snapshot =
        Snapshot { data: EntryBody::Configuration(configuration.clone()).encode(), ..Snapshot::default() };
    let metadata = snapshot.mut_metadata();
    metadata.index = point.index;
    metadata.term = point.term;
    metadata.set_conf_state(conf_state(configuration));
    snapshot
}

/// Where a snapshot stands, and who the members are there.
pub(crate) fn read_snapshot(snapshot: &Snapshot) -> Option<(LogPoint, Configuration)> {
    let metadata = snapshot.get_metadata();
    match EntryBody::decode(&snapshot.data) {
        Ok(EntryBody::Configuration(configuration)) => {
            Some((LogPoint { index: metadata.index, term: metadata.term }, configuration))
        }
        _ => None,
    }
}

/// An entry as raft keeps it. Configurations are of a type of their own there, and what we write about them is their
/// context: their data would be raft's own words.
pub(crate) fn raft_entry(entry: LogEntry) -> Entry {
    let mut kept = Entry { index: entry.index, term: entry.term, ..Entry::default() };
    if EntryBody::is_configuration(&entry.data) {
        kept.set_entry_type(EntryType::EntryConfChangeV2);
        kept.context = entry.data;
    } else {
        kept.data = entry.data;
    }
    kept
}

/// An entry as it is stored and sent.
pub(crate) fn log_entry(entry: &mut Entry) -> LogEntry {
    let data = match entry.get_entry_type() {
        EntryType::EntryNormal => mem::take(&mut entry.data),
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => mem::take(&mut entry.context),
    };
    LogEntry { index: entry.index, term: entry.term, data }
}

fn cost(entry: &Entry) -> usize {
    ENTRY_FRAME_BYTES + entry.data.len() + entry.context.len()
}

/// raft's hard state as ours.
pub(crate) fn hard_state(state: &HardState) -> crate::HardState {
    let vote = (state.vote != raft::INVALID_ID).then_some(ReplicaId(state.vote));
    crate::HardState { term: state.term, vote, commit: state.commit }
}

//! How far the log is handed to apply.

use crate::LogEntry;
use std::collections::VecDeque;

#[derive(Default)]
pub(crate) struct Applying {
    /// Everything up to here is handed out.
    pub(crate) handed: u64,
    /// Everything up to here is committed and on disk, and may be.
    pub(crate) committed: u64,
    /// Everything up to here is applied.
    pub(crate) applied: u64,
    in_flight: VecDeque<(u64, usize)>,
    in_flight_bytes: usize,
    /// The first index of what is being read from disk.
    pub(crate) fetching: Option<u64>,
    pub(crate) fetched: VecDeque<LogEntry>,
}

impl Applying {
    pub(crate) fn new(applied: u64) -> Self {
        Self { handed: applied, committed: applied, applied, ..Self::default() }
    }

    pub(crate) fn give_back_room(&mut self) {
        self.in_flight.shrink_to_fit();
        self.fetched.shrink_to_fit();
    }

    /// Whether apply may get more before it has finished some of what it has.
    pub(crate) fn has_room(&self, bytes_max: usize) -> bool {
        self.in_flight_bytes < bytes_max
    }

    pub(crate) fn hand(&mut self, index: u64, bytes: usize) {
        self.handed = index;
        self.in_flight.push_back((index, bytes));
        self.in_flight_bytes += bytes;
    }

    pub(crate) fn applied(&mut self, index: u64) {
        self.applied = self.applied.max(index.min(self.handed));
        while let Some((_, bytes)) = self.in_flight.pop_front_if(|(handed, _)| *handed <= index) {
            self.in_flight_bytes -= bytes;
        }
    }

    /// A snapshot takes the place of everything up to here.
    pub(crate) fn restore(&mut self, index: u64) {
        let applied = self.applied;
        *self = Self { applied, ..Self::new(index) };
    }
}

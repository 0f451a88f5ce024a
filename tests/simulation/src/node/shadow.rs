//! A replica's log as it has been told to write it, on disk or not: the term of each entry.

use quorate_consensus::{LogEntry, LogPoint};

/// The terms of a log.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    begin: LogPoint,
    terms: Vec<u64>,
}

impl Shadow {
    pub(crate) fn new<'a>(begin: LogPoint, entries: impl IntoIterator<Item = &'a LogEntry>) -> Self {
        Self { begin, terms: entries.into_iter().map(|entry| entry.term).collect() }
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.begin.index + 1)?).ok()
    }

    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.begin.index {
            return Some(self.begin.term);
        }
        self.terms.get(self.place(index)?).copied()
    }

    /// The place behind which it begins.
    pub(crate) fn begins(&self) -> u64 {
        self.begin.index
    }

    pub(crate) fn restore(&mut self, begin: LogPoint) {
        *self = Self { begin, terms: Vec::new() };
    }

    pub(crate) fn append(&mut self, entries: &[LogEntry]) {
        if let Some(place) = entries.first().and_then(|first| self.place(first.index)) {
            self.terms.truncate(place);
            self.terms.extend(entries.iter().map(|entry| entry.term));
        }
    }
}

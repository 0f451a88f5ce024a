use crate::{Configuration, EntryBody, EntryError, LogEntry, LogPoint};
use quorate_vocabulary::ReplicaId;

/// What the entries of a log are, without their content: their terms, the configurations among them, and how late
/// the latest stamp is.
///
/// Built by whoever reads the log from disk, entry by entry, so that a replica can be opened without holding its whole
/// log in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIndex {
    /// The first entry of each run of entries of one term, in order.
    terms: Vec<LogPoint>,
    /// The configurations, in order.
    configurations: Vec<(u64, Configuration)>,
    last: Option<LogPoint>,
    time_ms: u64,
}

impl LogIndex {
    /// The index of these entries.
    ///
    /// # Errors
    /// When a configuration among them cannot be read.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a LogEntry>) -> Result<Self, EntryError> {
        let mut index = Self::default();
        for entry in entries {
            index.push(entry)?;
        }
        Ok(index)
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// When it is a configuration that cannot be read.
    pub fn push(&mut self, entry: &LogEntry) -> Result<(), EntryError> {
        if EntryBody::is_configuration(&entry.data)
            && let EntryBody::Configuration(configuration) = EntryBody::decode(&entry.data)?
        {
            self.configurations.push((entry.index, configuration));
        }
        if self.terms.last().is_none_or(|run| run.term != entry.term) {
            self.terms.push(entry.point());
        }
        self.time_ms = self.time_ms.max(EntryBody::peek_time_ms(&entry.data).unwrap_or(0));
        self.last = Some(entry.point());
        Ok(())
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<LogPoint> {
        self.last
    }

    /// The latest stamp among the entries; 0 without one.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The term of the entry at `index`, which is known to be in the log.
    #[must_use]
    pub fn term(&self, index: u64) -> Option<u64> {
        let run = self.terms.partition_point(|run| run.index <= index).checked_sub(1)?;
        Some(self.terms[run].term)
    }

    /// The first entry of this term.
    pub(crate) fn first_of_term(&self, term: u64) -> Option<u64> {
        let run = self.terms.binary_search_by_key(&term, |run| run.term).ok()?;
        Some(self.terms[run].index)
    }

    pub(crate) fn is_configuration(&self, index: u64) -> bool {
        self.configurations.binary_search_by_key(&index, |(place, _)| *place).is_ok()
    }

    /// The newest configuration at or before `index`.
    pub(crate) fn configuration(&self, index: u64) -> Option<&Configuration> {
        let count = self.configurations.partition_point(|(place, _)| *place <= index);
        Some(&self.configurations[count.checked_sub(1)?].1)
    }

    /// The newest configuration among the entries, and its place.
    pub(crate) fn newest_configuration(&self) -> Option<(u64, &Configuration)> {
        self.configurations.last().map(|(index, configuration)| (*index, configuration))
    }

    /// Where this replica became a member for the last time; none when it was one all along.
    pub(crate) fn member_from(&self, replica: ReplicaId) -> Option<u64> {
        let newest_first = self.configurations.iter().rev();
        let without = newest_first.take_while(|(_, configuration)| configuration.member(replica).is_some());
        let (index, _) = without.last()?;
        Some(*index)
    }

    /// Forgets the entries from `first` on. The latest stamp stays: it may only be too late, never too early.
    pub(crate) fn truncate_from(&mut self, first: u64) {
        let Some(before) = first.checked_sub(1) else { return };
        self.terms.retain(|run| run.index < first);
        self.configurations.retain(|(index, _)| *index < first);
        self.last = self.term(before).map(|term| LogPoint { index: before, term });
    }

    /// Forgets the entries up to and including `through`.
    pub(crate) fn cut_through(&mut self, through: u64) {
        let Some(last) = self.last else { return };
        if last.index <= through {
            *self = Self { time_ms: self.time_ms, ..Self::default() };
            return;
        }
        self.configurations.retain(|(index, _)| *index > through);
        let first = through + 1;
        let Some(term) = self.term(first) else { return };
        self.terms.retain(|run| run.index > first);
        self.terms.insert(0, LogPoint { index: first, term });
    }

    pub(crate) fn give_back_room(&mut self) {
        self.terms.shrink_to_fit();
        self.configurations.shrink_to_fit();
    }

    /// A stamp that entries no longer in the log had.
    pub(crate) fn saw_time(&mut self, time_ms: u64) {
        self.time_ms = self.time_ms.max(time_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use quorate_vocabulary::{Member, MemberRole, NodeId};

    fn configuration(replica: u64) -> Configuration {
        let member = Member { replica: ReplicaId(replica), node: NodeId(1), role: MemberRole::Voter };
        Configuration::new(vec![member])
    }

    /// Terms 1 1 2 2 2 5 at 2..=7, configurations at 3 and 6, a stamp at 4.
    fn index() -> LogIndex {
        let entry = |index, term, body: EntryBody| LogEntry { index, term, data: body.encode() };
        let commands = EntryBody::Commands { time_ms: 77, commands: vec![Bytes::new()] };
        LogIndex::of(&[
            entry(2, 1, EntryBody::Empty),
            entry(3, 1, EntryBody::Configuration(configuration(1))),
            entry(4, 2, commands),
            entry(5, 2, EntryBody::Empty),
            entry(6, 2, EntryBody::Configuration(configuration(2))),
            entry(7, 5, EntryBody::Empty),
        ])
        .expect("an index")
    }

    fn terms(index: &LogIndex, range: std::ops::RangeInclusive<u64>) -> Vec<Option<u64>> {
        range.map(|place| index.term(place)).collect()
    }

    #[test]
    fn terms_configurations_and_stamps_are_found() {
        let index = index();
        assert_eq!(terms(&index, 1..=7), [None, Some(1), Some(1), Some(2), Some(2), Some(2), Some(5)]);
        assert_eq!((index.first_of_term(2), index.first_of_term(3)), (Some(4), None));
        assert_eq!(index.configuration(2), None);
        assert_eq!(index.configuration(5), Some(&configuration(1)));
        assert_eq!(index.configuration(7), Some(&configuration(2)));
        assert!(index.is_configuration(6) && !index.is_configuration(5));
        assert_eq!((index.last(), index.time_ms()), (Some(LogPoint { index: 7, term: 5 }), 77));
    }

    #[test]
    fn a_tail_that_is_replaced_is_forgotten() {
        let mut index = index();
        index.truncate_from(5);
        assert_eq!(index.last(), Some(LogPoint { index: 4, term: 2 }));
        assert_eq!(index.configuration(9), Some(&configuration(1)));
        index.truncate_from(2);
        assert_eq!((index.last(), index.term(2)), (None, None));
    }

    #[test]
    fn a_front_that_is_cut_is_forgotten() {
        let mut index = index();
        index.cut_through(4);
        assert_eq!(terms(&index, 4..=7), [None, Some(2), Some(2), Some(5)]);
        assert_eq!(index.configuration(5), None);
        assert_eq!(index.configuration(6), Some(&configuration(2)));
        index.cut_through(6);
        assert_eq!(terms(&index, 6..=7), [None, Some(5)]);
        index.cut_through(7);
        assert_eq!((index.last(), index.time_ms()), (None, 77));
    }
}

use crate::{Configuration, EntryBody, EntryError, LogEntry, LogPoint};

/// What the entries of a log are, without their content: their terms, and the configurations among them.
///
/// Built by whoever reads the log from disk, entry by entry, so that a replica can be opened without holding its whole
/// log in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIndex {
    /// The first entry of each run of entries of one term, in order.
    pub(crate) terms: Vec<LogPoint>,
    /// The configurations, in order.
    pub(crate) configurations: Vec<(u64, Configuration)>,
    /// The last entry.
    pub(crate) last: Option<LogPoint>,
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
        self.last = Some(entry.point());
        Ok(())
    }
}

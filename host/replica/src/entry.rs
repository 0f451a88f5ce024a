use quorate_proto::entry::EntryBody;

/// An entry of the group's log that is committed, as apply takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedEntry {
    /// Its index. Entries are applied without a gap.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// What it means.
    pub body: EntryBody,
}

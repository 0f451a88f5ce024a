//! Logs: what is on disk, and what is committed.

use super::{Checks, Invariant};
use crate::trace::fingerprint;
use bytes::Bytes;
use quorate_consensus::{CommittedEntry, EntryBody, LogEntry, LogPoint, SessionCommand};
use quorate_vocabulary::GroupId;
use std::collections::BTreeMap;

/// The index of the first entry of any group.
pub(super) const FIRST: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Of every entry that any disk ever had: its content, and the term of the one before.
    logs: BTreeMap<LogPoint, (u64, u64)>,
    /// From the first on: the term and the content.
    entries: Vec<(u64, u64, EntryBody)>,
    /// Up to where a replica of a term knew the log to be committed.
    known: BTreeMap<u64, u64>,
    time_ms: u64,
    /// What clients were told is done at a place that nobody knew to be committed then.
    promised: BTreeMap<(u64, usize), Bytes>,
}

fn place(index: u64) -> Option<usize> {
    usize::try_from(index.checked_sub(FIRST)?).ok()
}

impl Committed {
    /// The last entry that a replica of an earlier term knew to be committed.
    pub(super) fn known_before(&self, term: u64) -> Option<(u64, u64)> {
        let index = self.known.range(..term).map(|(_, index)| *index).max()?;
        self.entries.get(place(index)?).map(|(term, ..)| (index, *term))
    }

    /// The first committed entry that this log does not have.
    pub(super) fn first_missing(&self, term_at: impl Fn(u64) -> Option<u64>, begins: u64) -> u64 {
        let known = (FIRST..).zip(&self.entries);
        let mut missing =
            known.filter(|(index, (term, ..))| *index >= begins && term_at(*index) != Some(*term));
        missing.next().map_or_else(|| self.end(), |(index, _)| index)
    }

    /// Behind the last entry that is committed.
    fn end(&self) -> u64 {
        FIRST + u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Forgets all from `end` on; how many entries that are.
    pub(super) fn cut(&mut self, end: u64) -> u64 {
        let lost = self.end().saturating_sub(end);
        self.entries.truncate(place(end).unwrap_or(0));
        for index in self.known.values_mut() {
            *index = (*index).min(end - 1);
        }
        self.promised.split_off(&(end, 0));
        self.time_ms = self.entries.iter().filter_map(|(_, _, body)| body.time_ms()).max().unwrap_or(0);
        lost
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &EntryBody> {
        self.entries.iter().map(|(_, _, body)| body)
    }

    fn commit(&mut self, entry: &CommittedEntry) -> Result<(), (Invariant, String)> {
        let CommittedEntry { index, term, body, .. } = entry;
        let content = fingerprint(&body.encode());
        let place = place(*index).filter(|place| *place <= self.entries.len());
        let Some(place) = place else {
            let what = format!("entry {index} is handed to apply, and the ones before it never were");
            return Err((Invariant::AppliedOnce, what));
        };
        if let Some((known_term, known, known_body)) = self.entries.get(place) {
            if (known_term, *known) == (term, content) {
                return Ok(());
            }
            let what = format!(
                "entry {index} is committed as {body:?} of term {term}, and was as {known_body:?} of term {known_term}"
            );
            return Err((Invariant::Committed, what));
        }
        self.entries.push((*term, content, body.clone()));
        if let Some(time_ms) = body.time_ms() {
            if time_ms < self.time_ms {
                let what = format!("entry {index} is stamped {time_ms}, an earlier one {}", self.time_ms);
                return Err((Invariant::Stamps, what));
            }
            self.time_ms = time_ms;
        }
        for ordinal in 0..=commands(body).len() {
            if let Some(promised) = self.promised.remove(&(*index, ordinal)) {
                check_kept(*index, body, ordinal, &promised)?;
            }
        }
        Ok(())
    }
}

fn commands(body: &EntryBody) -> Vec<Option<&Bytes>> {
    match body {
        EntryBody::Commands { commands, .. } => commands.iter().map(Some).collect(),
        EntryBody::SessionCommands { commands, .. } => commands.iter().map(SessionCommand::command).collect(),
        _ => Vec::new(),
    }
}

fn check_kept(
    index: u64,
    body: &EntryBody,
    ordinal: usize,
    command: &Bytes,
) -> Result<(), (Invariant, String)> {
    if commands(body).get(ordinal) == Some(&Some(command)) {
        return Ok(());
    }
    let what =
        format!("{command:?} was acknowledged as command {ordinal} of entry {index}, which is {body:?}");
    Err((Invariant::Acknowledged, what))
}

impl Checks {
    /// Entries are on a disk, behind `before`.
    pub(crate) fn appended(&mut self, group: GroupId, before: LogPoint, entries: &[LogEntry]) {
        self.check(group, |checks| {
            let mut before = before.term;
            for entry in entries {
                if EntryBody::is_withheld(&entry.data) {
                    // Of a witness: where it stands must be the same.
                    if let Some((_, known)) = checks.committed.logs.get(&entry.point())
                        && *known != before
                    {
                        let what = format!("before {:?} a witness has term {before}", entry.point());
                        return Err((Invariant::LogMatching, what));
                    }
                    before = entry.term;
                    continue;
                }
                let found = (fingerprint(&entry.data), before);
                let known = *checks.committed.logs.entry(entry.point()).or_insert(found);
                if known != found {
                    let what = format!("{:?} differs between two logs", entry.point());
                    return Err((Invariant::LogMatching, what));
                }
                before = entry.term;
            }
            Ok(())
        });
    }

    /// A replica of this term hands these to apply.
    pub(crate) fn committed(&mut self, group: GroupId, term: u64, entries: &[CommittedEntry]) {
        self.check(group, |checks| {
            for entry in entries {
                checks.committed.commit(entry)?;
            }
            if let Some(last) = entries.last() {
                let known = checks.committed.known.entry(term).or_default();
                *known = last.index.max(*known);
            }
            Ok(())
        });
    }

    /// A client is told that its command is done.
    pub(crate) fn acknowledged(&mut self, group: GroupId, index: u64, ordinal: usize, command: &Bytes) {
        self.check(group, |checks| {
            let committed = &mut checks.committed;
            match place(index).and_then(|place| committed.entries.get(place)) {
                Some((_, _, body)) => check_kept(index, body, ordinal, command),
                None => {
                    committed.promised.insert((index, ordinal), command.clone());
                    Ok(())
                }
            }
        });
    }

    /// Everything is over: whatever was promised is there by now, or was lost.
    pub(crate) fn check_promises(&mut self) {
        let groups: Vec<GroupId> = self.groups.keys().copied().collect();
        for group in groups {
            self.check(group, |checks| match checks.committed.promised.first_key_value() {
                None => Ok(()),
                Some(((index, _), command)) => {
                    let what = format!("{command:?} was acknowledged at entry {index}, and is lost");
                    Err((Invariant::Acknowledged, what))
                }
            });
        }
    }

    /// How far a group is committed, as anybody ever knew.
    pub(crate) fn committed_up_to(&self, group: GroupId) -> u64 {
        let entries = self.groups.get(&group).map_or(0, |checks| checks.committed.entries.len());
        FIRST - 1 + u64::try_from(entries).unwrap_or(u64::MAX)
    }

    /// The newest configuration that is committed.
    pub(crate) fn configuration(&self, group: GroupId) -> Option<&quorate_consensus::Configuration> {
        let bodies = self.groups.get(&group)?.committed.entries.iter().rev().map(|(_, _, body)| body);
        let mut configurations = bodies.filter_map(|body| match body {
            EntryBody::Configuration(configuration) => Some(configuration),
            _ => None,
        });
        configurations.next()
    }
}

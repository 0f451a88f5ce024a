use super::{ranges::RangeSet, successor};
use crate::ports::KeyRange;
use bytes::Bytes;

/// Ranges of keys that scans found empty, so that the next scan jumps over them.
///
/// Without it a command could remove many keys and scan over them again and again: each scan would walk over all that is
/// removed, for the price of one that finds nothing. What a scan gives does not depend on it.
#[derive(Default)]
pub(super) struct Holes {
    /// True of the commands that are kept.
    entry: RangeSet,
    /// True of the command that runs, if it has changed anything.
    command: RangeSet,
}

impl Holes {
    /// Remembers that a range is empty; `changed` when the command that runs has changed anything.
    pub(super) fn add(&mut self, range: KeyRange, changed: bool) {
        if changed {
            self.command.insert(range);
        } else {
            self.entry.insert(range);
        }
    }

    /// A key is set.
    pub(super) fn fill(&mut self, key: &Bytes) {
        self.entry.split(key);
        self.command.split(key);
    }

    pub(super) fn keep_command(&mut self) {
        for range in std::mem::take(&mut self.command).into_ranges() {
            self.entry.insert(range);
        }
    }

    pub(super) fn drop_command(&mut self) {
        self.command = RangeSet::default();
    }

    /// Moves the end of a range at which a scan begins behind the holes there; says whether there was one.
    pub(super) fn jump(&self, rest: &mut KeyRange, reverse: bool) -> bool {
        let mut jumped = false;
        while !rest.is_empty() {
            let sets = [&self.entry, &self.command];
            let jump = if reverse {
                let found = sets.into_iter().find_map(|set| set.find_before(rest.end.as_deref()));
                found.map(|(start, _)| KeyRange { start: rest.start.clone(), end: Some(start.clone()) })
            } else {
                let found = sets.into_iter().find_map(|set| set.find(&rest.start));
                found.map(|(_, end)| match end {
                    Some(end) => KeyRange { start: end.clone(), end: rest.end.clone() },
                    None => KeyRange { start: rest.start.clone(), end: Some(rest.start.clone()) },
                })
            };
            let Some(behind) = jump else { break };
            *rest = behind;
            jumped = true;
        }
        jumped
    }
}

/// What is left of a range behind a key, for a scan that goes this way.
pub(super) fn behind(key: &Bytes, range: &KeyRange, reverse: bool) -> KeyRange {
    if reverse {
        KeyRange { start: range.start.clone(), end: Some(key.clone()) }
    } else {
        KeyRange { start: successor(key), end: range.end.clone() }
    }
}

/// What of a range a scan that goes this way meets before a key.
pub(super) fn before(key: &Bytes, range: &KeyRange, reverse: bool) -> KeyRange {
    if reverse {
        KeyRange { start: successor(key), end: range.end.clone() }
    } else {
        KeyRange { start: range.start.clone(), end: Some(key.clone()) }
    }
}

//! The names of the folders of a group's snapshots.

use std::path::{Path, PathBuf};

pub(super) const MANIFEST: &str = "manifest";
pub(super) const DATA: &str = "data";
/// How far a stream has come whose pairs are being written to table files.
pub(super) const PROGRESS: &str = "progress";
/// The sessions of the group, beside table files.
pub(super) const SESSIONS: &str = "sessions";

/// What a folder among a group's snapshots is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One that is whole. Of two at the same index the later generation counts.
    Finished { index: u64, generation: u64 },
    /// One that is being written.
    Taking { number: u64 },
    /// One that is being received.
    Incoming { index: u64, term: u64 },
    /// One that is being removed.
    Removed { number: u64 },
    /// A database made of one, to read it.
    Reading { number: u64 },
}

impl Place {
    pub(super) fn of(name: &str) -> Option<Self> {
        let number = |text: &str| text.parse().ok();
        if let Some(rest) = name.strip_prefix("taking-") {
            return Some(Self::Taking { number: number(rest)? });
        }
        if let Some(rest) = name.strip_prefix("removed-") {
            return Some(Self::Removed { number: number(rest)? });
        }
        if let Some(rest) = name.strip_prefix("reading-") {
            return Some(Self::Reading { number: number(rest)? });
        }
        if let Some(rest) = name.strip_prefix("incoming-") {
            let (index, term) = rest.split_once('-')?;
            return Some(Self::Incoming { index: number(index)?, term: number(term)? });
        }
        let (index, generation) = name.split_once('-')?;
        Some(Self::Finished { index: number(index)?, generation: number(generation)? })
    }

    pub(super) fn path(self, group: &Path) -> PathBuf {
        group.join(match self {
            // Padded, so that a listing is in order.
            Self::Finished { index, generation } => format!("{index:020}-{generation}"),
            Self::Taking { number } => format!("taking-{number}"),
            Self::Incoming { index, term } => format!("incoming-{index}-{term}"),
            Self::Removed { number } => format!("removed-{number}"),
            Self::Reading { number } => format!("reading-{number}"),
        })
    }
}

/// The name of a table file.
pub(super) fn table(number: usize) -> String {
    format!("{number}.sst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_known_by_its_name() {
        for place in [
            Place::Finished { index: 7, generation: 2 },
            Place::Finished { index: u64::MAX, generation: u64::MAX },
            Place::Taking { number: 1 },
            Place::Incoming { index: 9, term: 3 },
            Place::Removed { number: 4 },
            Place::Reading { number: 5 },
        ] {
            let path = place.path(Path::new("group"));
            let name = path.file_name().and_then(|name| name.to_str()).unwrap();
            assert_eq!(Place::of(name), Some(place));
        }
    }

    #[test]
    fn other_names_are_no_place() {
        for name in
            ["", "-", "7", "7-", "-7", "a-b", "taking-", "incoming-7", "lost+found", "18446744073709551616-1"]
        {
            assert_eq!(Place::of(name), None, "{name}");
        }
    }
}

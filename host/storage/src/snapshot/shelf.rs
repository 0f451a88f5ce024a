//! What is known of the snapshots in a group's folder.

use super::{manifest::Manifest, place::Place};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What is known of the folder.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Those that are whole, by index.
    pub(super) finished: BTreeMap<u64, Finished>,
    /// Finished ones whose manifest or size is wrong. Left for whoever looks into it, until the next one is placed.
    pub(super) damaged: Vec<PathBuf>,
    /// The highest number that any folder's name has or had.
    pub(super) number: u64,
    /// Whether somebody receives one.
    pub(super) receiving: bool,
    /// The group was destroyed.
    pub(super) gone: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) place: Place,
    pub(super) manifest: Arc<Manifest>,
    pub(super) origin: Origin,
}

/// How a finished snapshot came to be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is this replica's own: taken here, loaded, or found when the node started.
    Own,
    /// It was received, and so many deliveries of it wait for raft to say whether it has a use for them. Until it is
    /// loaded it makes no other superfluous.
    Received { deliveries: usize },
}

impl Shelf {
    pub(super) fn next_number(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }

    /// The newest that is this replica's own.
    pub(super) fn latest(&self) -> Option<&Finished> {
        self.finished.values().rfind(|finished| finished.origin == Origin::Own)
    }

    /// Takes out those that are not needed any more now that the state stands at this index.
    pub(super) fn superfluous(&mut self, index: u64, kept: usize) -> Vec<Finished> {
        // Raft has no use for what it did not take before that.
        let mut superfluous = self.take_out(|at, finished| at < index && finished.origin != Origin::Own);
        // Counted from the newest; this one stays even if it is older, since somebody is about to load it.
        let own = self.finished.iter().filter(|(_, finished)| finished.origin == Origin::Own);
        let own: Vec<u64> = own.map(|(at, _)| *at).collect();
        let old = &own[..own.len().saturating_sub(kept)];
        superfluous.extend(self.take_out(|at, _| at != index && old.contains(&at)));
        superfluous
    }

    pub(super) fn take_out(&mut self, which: impl Fn(u64, &Finished) -> bool) -> Vec<Finished> {
        self.finished.extract_if(.., |index, finished| which(*index, finished)).map(|(_, out)| out).collect()
    }

    /// How a new one at this index stands: one that comes in place of this replica's own is as good as that, and the
    /// deliveries of one that was received are not forgotten.
    pub(super) fn origin_in_place_of(&self, index: u64, origin: Origin) -> Origin {
        let before = self.finished.get(&index).map(|finished| finished.origin);
        match (before, origin) {
            (Some(Origin::Own), _) => Origin::Own,
            (Some(Origin::Received { deliveries: before }), Origin::Received { deliveries }) => {
                Origin::Received { deliveries: before + deliveries }
            }
            (_, origin) => origin,
        }
    }

    /// Adds one, and gives the place of the one that it makes superfluous.
    pub(super) fn add(&mut self, index: u64, finished: Finished) -> Option<Place> {
        let generation = |place| if let Place::Finished { generation, .. } = place { generation } else { 0 };
        match self.finished.get(&index) {
            Some(other) if generation(other.place) > generation(finished.place) => Some(finished.place),
            _ => self.finished.insert(index, finished).map(|replaced| replaced.place),
        }
    }
}

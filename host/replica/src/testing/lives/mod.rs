//! Three replicas of one log, each with a life of its own: restarts, lost commits, evictions, snapshots taken and installed,
//! checkpoints prepared in the background or not in time, queries and callbacks at any moment. What they answer, burn and
//! hold must be the same. The same plays are given with native plugins and with real components.

mod background;
mod law;
mod one;
mod play;
mod random;
mod spoiled;

pub use random::Random;

use crate::{
    EntryResult,
    ports::{GroupLimits, Plugin},
};
use bytes::Bytes;
use quorate_vocabulary::PluginDigest;
use std::{collections::BTreeMap, sync::Arc};

/// What three replicas run, and what they are asked.
#[derive(Clone)]
pub struct Lives {
    /// Their plugin.
    pub plugin: Arc<dyn Plugin>,
    /// What it is known by.
    pub digest: PluginDigest,
    /// The limits of their group.
    pub limits: GroupLimits,
    /// How many entries their log has.
    pub entries: u64,
    /// Draws a command.
    pub command: fn(&mut Random) -> Bytes,
    /// Draws a query that an observer is asked: it may trap or burn all it has.
    pub query: fn(&mut Random) -> Bytes,
    /// Draws a query that does no harm but to be on the wrong instance.
    pub harmless: fn(&mut Random) -> Bytes,
    /// What all replicas are asked at the end, to hold their states against each other.
    pub questions: Vec<Bytes>,
}

/// What came of it.
pub struct Lived {
    /// What all replicas made of each entry.
    pub results: BTreeMap<u64, EntryResult>,
    /// How often each thing was done to a replica.
    pub deeds: BTreeMap<&'static str, u64>,
}

impl Lives {
    /// Plays a log and three lives, all drawn from the seed.
    ///
    /// # Errors
    /// The first thing in which two replicas, or two lives of one, differed; or the fault that stopped one.
    pub fn play(&self, seed: u64) -> Result<Lived, String> {
        play::Play::new(self, seed)?.run(false)
    }

    /// The same, but with queries on the instances that apply commands, where none may ever run: must find a difference.
    ///
    /// # Errors
    /// As [`Lives::play`].
    pub fn play_with_queries_on_the_apply_instance(&self, seed: u64) -> Result<Lived, String> {
        play::Play::new(self, seed)?.run(true)
    }
}

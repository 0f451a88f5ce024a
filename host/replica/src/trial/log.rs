//! The logs of a trial: the same commands, packed into entries in one way or another.

use crate::{Activation, EntryBody, Order};
use bytes::Bytes;
use quorate_vocabulary::{PluginDigest, Position};
use std::collections::BTreeMap;

/// After so many commands comes a checkpoint and the firing of timers. No entry reaches over that.
pub(crate) const CHUNK_COMMANDS: usize = 16;
/// The sizes of the entries of the first log, over and over.
const SIZES: [usize; 6] = [1, 3, 2, 1, 5, 4];
/// The time of the first chunk: some day, since zero is what a plugin may not expect.
const BEGIN_MS: u64 = 1_700_000_000_000;
/// From chunk to chunk.
const CHUNK_MS: u64 = 60_000;
/// The index of the first entry of a log.
const FIRST_INDEX: u64 = 2;

/// One entry of a log.
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) body: EntryBody,
    /// The place of its first command among all commands; of other entries, that of the last command before.
    pub(crate) command: usize,
}

/// How commands are packed into entries.
#[derive(Clone, Copy)]
pub(crate) enum Packing {
    /// In entries of several sizes.
    Mixed,
    /// In entries of one size.
    Equal(usize),
}

/// The log of these commands. `next`: a plugin to go over to behind the entry with the middle one of them.
pub(crate) fn log(commands: &[Bytes], packing: Packing, mut next: Option<PluginDigest>) -> Vec<Entry> {
    let middle = commands.len() / 2;
    let mut entries = Vec::new();
    let mut index = FIRST_INDEX;
    let mut sizes = SIZES.into_iter().cycle();
    let mut done = 0;
    for (chunk, commands) in (0_u64..).zip(commands.chunks(CHUNK_COMMANDS)) {
        let time_ms = BEGIN_MS + chunk * CHUNK_MS;
        let mut push = |body, command| {
            entries.push(Entry { index, body, command });
            index += 1;
        };
        let mut rest = commands;
        while !rest.is_empty() {
            let size = match packing {
                Packing::Mixed => sizes.next().unwrap_or(1),
                Packing::Equal(size) => size,
            };
            let (packed, behind) = rest.split_at(size.clamp(1, rest.len()));
            push(EntryBody::Commands { time_ms, commands: packed.to_vec() }, done);
            done += packed.len();
            rest = behind;
            if done >= middle
                && let Some(plugin) = next.take()
            {
                let order = Order::Activate(Activation { number: 1, plugin });
                push(EntryBody::Order { time_ms, order }, done.saturating_sub(1));
            }
        }
        let last = done.saturating_sub(1);
        push(EntryBody::Timers { time_ms: time_ms + CHUNK_MS / 2 }, last);
        push(EntryBody::Checkpoint { time_ms: time_ms + CHUNK_MS / 2 }, last);
    }
    entries
}

/// Where each call of one log stands in another log of the same commands.
#[derive(Debug, Default)]
pub(crate) struct Places {
    commands: BTreeMap<(u64, u32), Position>,
    others: BTreeMap<u64, u64>,
}

impl Places {
    /// From `log` to `first`.
    pub(crate) fn new(log: &[Entry], first: &[Entry]) -> Self {
        let others = |log: &[Entry]| -> Vec<u64> {
            log.iter().filter(|entry| count(entry) == 0).map(|entry| entry.index).collect()
        };
        Self {
            commands: positions(log)
                .zip(positions(first))
                .map(|(here, there)| ((here.index, here.ordinal), there))
                .collect(),
            others: others(log).into_iter().zip(others(first)).collect(),
        }
    }

    /// The place in the other log.
    pub(crate) fn of(&self, position: Position) -> Position {
        if let Some(place) = self.commands.get(&(position.index, position.ordinal)) {
            return *place;
        }
        Position { index: self.others.get(&position.index).copied().unwrap_or(position.index), ..position }
    }
}

/// How many commands an entry holds.
pub(crate) fn count(entry: &Entry) -> usize {
    match &entry.body {
        EntryBody::Commands { commands, .. } => commands.len(),
        _ => 0,
    }
}

fn positions(log: &[Entry]) -> impl Iterator<Item = Position> + '_ {
    log.iter().flat_map(|entry| {
        let time_ms = entry.body.time_ms().unwrap_or_default();
        (0..).take(count(entry)).map(move |ordinal| Position { index: entry.index, ordinal, time_ms })
    })
}

//! What another plugin would have answered: two copies of a group go through the same entries of its log, one with the plugin
//! that it runs and one with another, and their outcomes are compared. Nothing of the group itself is touched.

mod disk;
#[cfg(test)]
mod tests;

use crate::{
    CommittedEntry, Replica, ReplicaFault, ReplicaStart,
    ports::{Call, Outcome, Plugin, SnapshotInfo},
    replay::PAGE_BYTES_MAX,
    testing::MemoryHistory,
};
use bytes::Bytes;
use disk::{ShadowSnapshots, TwoPlugins};
use quorate_proto::entry::{Activation, EntryBody, Order};
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// How far a shadow run goes.
#[derive(Clone, Copy, Debug)]
pub struct ShadowLimits {
    /// The most entries that are replayed.
    pub entries_max: u64,
    /// The most bytes of entries that are replayed, which the copies hold in memory.
    pub bytes_max: u64,
    /// The most fuel that both copies may burn together.
    pub fuel_max: u64,
    /// The most differences that are told of one by one; further ones are counted.
    pub differences_max: usize,
}

/// What a shadow run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowReport {
    /// The copies began with the state as of this entry.
    pub from: u64,
    /// The last entry that was replayed.
    pub through: u64,
    /// How many entries were replayed.
    pub entries: u64,
    /// How many commands and timers were compared.
    pub commands: u64,
    /// How many of them ended otherwise.
    pub differing: u64,
    /// The first of those.
    pub differences: Vec<ShadowDifference>,
    /// Why the other plugin could not take the state over; then nothing was replayed.
    pub activation_failure: Option<String>,
    /// Why not all entries were replayed.
    pub stopped: Option<&'static str>,
}

/// A command or timer that ended otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowDifference {
    /// The entry in the group's log.
    pub index: u64,
    /// Its place in that entry, from 0.
    pub ordinal: u32,
    /// The command; none of a timer.
    pub command: Option<Bytes>,
    /// How it ended with the plugin that the group runs; none when it was not called.
    pub before: Option<Outcome>,
    /// How it ended with the other one.
    pub after: Option<Outcome>,
}

/// What is run in the shadow.
pub struct ShadowRun {
    /// The group as its replica has it: its log and snapshots are read, its state is not touched.
    pub start: ReplicaStart,
    /// The snapshot that the copies begin with; none: with what the group began with.
    pub base: Option<SnapshotInfo>,
    /// The other plugin.
    pub next: Arc<dyn Plugin>,
    /// Its digest.
    pub next_digest: PluginDigest,
    /// The last entry to be replayed, which the group has applied.
    pub last: u64,
    /// Entries that changed the group's plugin without effect: they are left out.
    pub idle_activations: Vec<u64>,
}

/// Why nothing is known of the other plugin.
#[derive(Debug, thiserror::Error)]
pub enum ShadowFailure {
    /// The log to be replayed changes the plugin itself.
    #[error("entry {index} of its log, behind its newest snapshot, changed the version of its plugin")]
    Activated {
        /// That entry.
        index: u64,
    },
    /// A copy met a failure of the host.
    #[error("{0}")]
    Fault(#[from] ReplicaFault),
}

impl ShadowRun {
    /// Replays, for as long as `goes_on` says so.
    ///
    /// # Errors
    /// When the comparison would say nothing, or the host failed.
    pub fn run(
        self,
        limits: ShadowLimits,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<ShadowReport, ShadowFailure> {
        let mut before = self.copy()?;
        let mut after = self.copy()?;
        let base = before.replica.applied().clone();
        let from = base.index;
        let mut report = ShadowReport { from, through: from, ..ShadowReport::default() };
        // One more entry than in the group's log, in both: what the plugins see of their place stays the same.
        let order = |order| CommittedEntry {
            index: from + 1,
            term: base.term,
            body: EntryBody::Order { time_ms: base.time_ms, order },
        };
        let number = base.activation.as_ref().map_or(1, |last| last.number.saturating_add(1));
        before.apply(&order(Order::Unfreeze))?;
        let activation = Activation { number, plugin: self.next_digest };
        let activated = after.apply(&order(Order::Activate(activation)))?;
        report.activation_failure = activated.activation.and_then(|record| record.failure.clone());
        if report.activation_failure.is_some() {
            return Ok(report);
        }
        let (mut bytes, mut fuel) = (0_u64, 0_u64);
        while report.through < self.last {
            let page = self.start.history.entries(report.through + 1, self.last, PAGE_BYTES_MAX);
            for entry in page.map_err(ReplicaFault::while_doing("reading the log"))? {
                bytes = bytes.saturating_add(u64::try_from(entry.body.encode().len()).unwrap_or(u64::MAX));
                report.stopped = match () {
                    () if report.entries >= limits.entries_max => Some("the most entries were replayed"),
                    () if bytes > limits.bytes_max => Some("the most bytes of entries were replayed"),
                    () if fuel >= limits.fuel_max => Some("the most fuel was burnt"),
                    () if !goes_on() => Some("the time was over"),
                    () => None,
                };
                if report.stopped.is_some() {
                    return Ok(report);
                }
                let index = entry.index;
                let entry = self.shadow_of(entry)?;
                let calls = (before.apply(&entry)?.commands, after.apply(&entry)?.commands);
                let burnt = calls.0.iter().chain(&calls.1).map(|call| call.fuel);
                fuel = burnt.fold(fuel, u64::saturating_add);
                report.through = index;
                report.entries += 1;
                report.compare(index, &entry.body, &calls.0, &calls.1, limits.differences_max);
            }
        }
        Ok(report)
    }

    /// A copy of the group where its base is, in memory.
    fn copy(&self) -> Result<Copy, ReplicaFault> {
        let history = Arc::new(MemoryHistory::default());
        if let Some(base) = &self.base {
            history.cut_through(base.header.point.index);
        }
        let start = ReplicaStart {
            plugins: Arc::new(TwoPlugins {
                running: (self.start.plugin_digest, self.start.plugin.clone()),
                next: (self.next_digest, self.next.clone()),
            }),
            state: Arc::new(crate::testing::MemoryStore::default()),
            snapshots: Arc::new(ShadowSnapshots::new(self.start.snapshots.clone(), self.base.clone())),
            history: history.clone(),
            ..self.start.clone()
        };
        let replica = Replica::open(start)?;
        if let Some(base) = &self.base
            && replica.applied().index != base.header.point.index
        {
            let fault = crate::ports::HostFault::because("its newest snapshot does not load");
            return Err(ReplicaFault::Host { doing: "copying a group", fault });
        }
        Ok(Copy { replica, history })
    }

    /// What stands for an entry in the logs of the copies: one place further, and without what is only for the group itself.
    fn shadow_of(&self, entry: CommittedEntry) -> Result<CommittedEntry, ShadowFailure> {
        let CommittedEntry { index, term, body } = entry;
        let nothing = |time_ms| EntryBody::Commands { time_ms, commands: Vec::new() };
        let body = match body {
            EntryBody::Order { time_ms, order: Order::Activate(_) } => {
                if !self.idle_activations.contains(&index) {
                    return Err(ShadowFailure::Activated { index });
                }
                nothing(time_ms)
            }
            EntryBody::Checkpoint { .. }
            | EntryBody::BackgroundCheckpoint { .. }
            | EntryBody::TakeOver { .. }
            | EntryBody::Attest { .. }
            | EntryBody::Verdict { .. } => nothing(body.time_ms().unwrap_or(0)),
            body => body,
        };
        Ok(CommittedEntry { index: index + 1, term, body })
    }
}

/// A copy of a group.
struct Copy {
    replica: Replica,
    history: Arc<MemoryHistory>,
}

impl Copy {
    fn apply(&mut self, entry: &CommittedEntry) -> Result<crate::EntryResult, ReplicaFault> {
        self.history.insert(entry.clone());
        self.replica.apply(entry)
    }
}

impl ShadowReport {
    /// Whether the other plugin takes the state over and all that was compared ended the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing == 0 && self.activation_failure.is_none()
    }

    fn compare(&mut self, index: u64, body: &EntryBody, before: &[Call], after: &[Call], told_max: usize) {
        let command = |place: usize| match body {
            EntryBody::Commands { commands, .. } => commands.get(place).cloned(),
            EntryBody::SessionCommands { commands, .. } => commands.get(place)?.command().cloned(),
            _ => None,
        };
        for place in 0..before.len().max(after.len()) {
            self.commands += 1;
            let outcomes = [before, after].map(|calls| calls.get(place).map(|call| &call.outcome));
            if is_same(outcomes[0], outcomes[1]) {
                continue;
            }
            self.differing += 1;
            if self.differences.len() < told_max {
                let [before, after] = outcomes.map(Option::<&Outcome>::cloned);
                let ordinal = u32::try_from(place).unwrap_or(u32::MAX);
                let command = command(place);
                self.differences.push(ShadowDifference { index, ordinal, command, before, after });
            }
        }
    }
}

/// Whether a client would have been told the same. The words of a trap are for people.
fn is_same(before: Option<&Outcome>, after: Option<&Outcome>) -> bool {
    match (before, after) {
        (Some(Outcome::Trapped(before)), Some(Outcome::Trapped(after))) => before.kind == after.kind,
        (before, after) => before == after,
    }
}

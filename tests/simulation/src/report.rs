//! What a run is asked for, and what came of it.

use crate::{checks::Violation, faults::FaultKind, planted::Bug};
use std::{collections::BTreeSet, fmt};

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides everything.
    pub seed: u64,
    /// So many events happen before the faults stop.
    pub steps: u64,
    /// A bug that the host has.
    pub bug: Option<Bug>,
    /// What is switched off.
    pub without: BTreeSet<FaultKind>,
    /// Whether to keep what happened in words.
    pub keeps_trace: bool,
}

impl Settings {
    /// A run of this seed with everything that can go wrong.
    #[must_use]
    pub fn new(seed: u64, steps: u64) -> Self {
        Self { seed, steps, bug: None, without: BTreeSet::new(), keeps_trace: false }
    }

    /// The command that runs it again.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!("cargo xtask sim --seed {} --steps {}", self.seed, self.steps);
        if let Some(bug) = self.bug {
            command += &format!(" --bug {bug}");
        }
        if !self.without.is_empty() {
            let words: Vec<&str> = self.without.iter().map(|kind| kind.word()).collect();
            command += &format!(" --without {}", words.join(","));
        }
        command
    }
}

macro_rules! coverage {
    ($($(#[$doc:meta])* $name:ident = $words:literal;)*) => {
        /// How often a run, or many, got where.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Coverage {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Coverage {
            /// Adds what another run did.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// All counters with their names.
            #[must_use]
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$(($words, self.$name)),*]
            }
        }
    };
}

coverage! {
    /// Events.
    steps = "steps";
    /// Leaders that were elected.
    elections = "elections";
    /// Crashes.
    crashes = "crashes";
    /// Crashes during a write that got to the disk.
    crashes_after_write = "crashes with a write that survived";
    /// Divisions of the network.
    partitions = "partitions";
    /// One-way divisions.
    one_way = "one-way partitions";
    /// Messages that did not arrive because of them.
    messages_cut = "messages cut";
    /// Jumps of wall clocks.
    clock_jumps = "clock jumps";
    /// Commands that clients had answers to.
    commands_done = "commands done";
    /// Sessions that were opened.
    sessions_opened = "sessions opened";
    /// Sessions that ended while their clients used them.
    sessions_expired = "sessions expired";
    /// Commands of sessions that clients had answers to.
    commands_once = "commands of sessions done";
    /// Commands of sessions that were sent again.
    commands_repeated = "commands of sessions repeated";
    /// Requests that were refused or lost.
    refused = "requests refused";
    /// Linearizable reads that were answered.
    reads_done = "reads done";
    /// Reads that a leader answered by its lease.
    lease_reads = "reads by lease";
    /// Queries that ran.
    queries = "queries";
    /// Lifecycle callbacks that ran.
    callbacks = "callbacks";
    /// Queries that an observer was too late for.
    observers_behind = "observers behind";
    /// Observers made anew.
    observers_renewed = "observers renewed";
    /// Entries applied.
    entries_applied = "entries applied";
    /// Commands that trapped.
    traps = "traps";
    /// Checkpoints applied.
    checkpoints = "checkpoints";
    /// Checkpoints begun in the background.
    checkpoints_begun = "checkpoints begun";
    /// Of these, ready before they were taken over.
    checkpoints_prepared = "checkpoints prepared";
    /// Checkpoints that the machine could not make.
    checkpoints_failed = "checkpoints failed";
    /// Snapshots of store machines.
    store_snapshots = "store snapshots";
    /// Snapshots sent.
    snapshots_sent = "snapshots sent";
    /// Of these, lost.
    snapshots_lost = "snapshots lost";
    /// Snapshots loaded in place of a state.
    snapshots_installed = "snapshots installed";
    /// Logs cut.
    logs_cut = "logs cut";
    /// Reads of entries that were in memory no longer.
    fetches = "fetches";
    /// Configurations applied.
    configurations = "configurations";
    /// Replicas that slept, counted at every tick of their shards.
    asleep = "ticks asleep";
    /// Leaderships handed over.
    transfers = "transfers asked for";
    /// Of these, done.
    transferred = "transfers done";
    /// Changes of members asked for.
    member_changes = "member changes asked for";
    /// Steps towards members that the catalog wants.
    member_steps = "steps of member changes";
    /// Changes of members that were brought about.
    changes_completed = "member changes completed";
    /// Changes of the catalog's own voters asked for.
    own_changes = "catalog voter changes asked for";
    /// Majorities of voters that were lost for good.
    majorities_lost = "majorities lost";
    /// Times an operator asked to go on without them.
    recoveries_asked = "recoveries asked for";
    /// Of these, refused.
    recoveries_refused = "recoveries refused";
    /// Groups that went on with their survivors.
    recoveries = "recoveries done";
    /// Committed entries that only the lost ones had.
    entries_lost = "entries lost with majorities";
    /// Lost replicas that came back and were told so.
    superseded = "lost replicas set aside";
    /// Groups that had no majority without replicas that were corrupted or damaged.
    majorities_hurt = "majorities lost to corruption";
    /// Recoveries asked for while all was well.
    recoveries_needless = "needless recoveries asked for";
    /// States that were made wrong.
    corruptions = "states corrupted";
    /// Comparisons in which all replicas agreed.
    agreements = "comparisons agreed";
    /// Verdicts on replicas that differed.
    verdicts = "verdicts";
    /// Replicas that a verdict stopped.
    outvoted = "replicas outvoted";
    /// Leaders that said that replicas differ and nobody can tell which is right.
    undecided = "comparisons undecided";
    /// Operators that said which was wrong, where nobody else could.
    decided = "replicas an operator removed";
    /// Replicas that were given up.
    given_up = "replicas given up";
    /// Logs that were damaged.
    damages = "logs damaged";
    /// Replacements asked for.
    replaced = "replacements asked for";
    /// Of these, of replicas that were no members yet.
    newcomers_replaced = "newcomers replaced";
    /// Of these, of members without which a change of members could not come about.
    changes_taken_back = "changes of members taken back";
    /// Groups that were created.
    groups_created = "groups created";
    /// Other versions that were asked for.
    versions_wanted = "versions asked for";
    /// Activations that were applied, on any replica.
    activations = "activations";
    /// Of these, such that the version before went on.
    activations_failed = "activations failed";
    /// Replicas that stood still until they had compiled a version.
    stood_still = "replicas that lacked a version";
    /// Groups that were deleted.
    groups_deleted = "groups deleted";
    /// Reads and writes that a disk failed.
    disk_errors = "disk errors";
    /// Snapshots of other nodes that were of no use.
    snapshots_unused = "snapshots unused";
    /// Witnesses that were opened.
    witnesses_opened = "witnesses opened";
    /// Changes of priorities asked for.
    priorities = "priorities asked for";
    /// Replicas that were opened.
    replicas_opened = "replicas opened";
    /// Replicas that were removed.
    replicas_removed = "replicas removed";
    /// Histories of clients that were checked.
    histories = "histories checked";
    /// Of these, too tangled to decide.
    histories_undecided = "histories undecided";
    /// How long healing took, in virtual milliseconds.
    heal_ms = "healing (virtual ms)";
}

impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.counters() {
            writeln!(formatter, "{count:>14} {name}")?;
        }
        Ok(())
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What did not hold, if anything did not.
    pub violation: Option<Violation>,
    /// A number for everything that happened.
    pub trace_hash: u64,
    /// What happened, in words, when that was asked for.
    pub trace: Vec<String>,
    /// Where it got.
    pub coverage: Coverage,
}

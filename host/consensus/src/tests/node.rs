//! A node of a simulated cluster: a shard, its disk and its machines.

use crate::{
    CommittedEntry, Configuration, EntryBody, HardState, LogEntry, LogIndex, LogPoint, Persist, ReplicaStart,
    RequestId, Shard,
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The state of a machine: all commands that it has applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) applied: LogPoint,
    pub(super) time_ms: u64,
    pub(super) commands: Vec<Bytes>,
    pub(super) configuration: Configuration,
}

impl Machine {
    pub(super) fn apply(&mut self, entry: &CommittedEntry) {
        self.applied = LogPoint { index: entry.index, term: entry.term };
        self.time_ms = self.time_ms.max(entry.body.time_ms().unwrap_or(0));
        match &entry.body {
            EntryBody::Commands { commands, .. } => self.commands.extend(commands.iter().cloned()),
            EntryBody::SessionCommands { commands, .. } => {
                self.commands.extend(commands.iter().filter_map(|command| command.command().cloned()));
            }
            EntryBody::Configuration(configuration) => self.configuration = configuration.clone(),
            EntryBody::Withheld { .. } => {
                panic!("entry {} is handed to apply without its content", entry.index)
            }
            EntryBody::Empty
            | EntryBody::Checkpoint { .. }
            | EntryBody::BackgroundCheckpoint { .. }
            | EntryBody::TakeOver { .. }
            | EntryBody::Attest { .. }
            | EntryBody::Verdict { .. }
            | EntryBody::Timers { .. }
            | EntryBody::Order { .. } => {}
        }
    }
}

/// What a replica has on disk, as if every write were synced when it is done.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) replica: ReplicaId,
    pub(super) is_witness: bool,
    pub(super) hard_state: HardState,
    pub(super) truncated: LogPoint,
    pub(super) configuration: Configuration,
    pub(super) entries: BTreeMap<u64, LogEntry>,
    /// What is left of the machine after a crash.
    pub(super) machine: Machine,
    pub(super) snapshots: BTreeMap<u64, Machine>,
}

impl Disk {
    pub(super) fn new(start: &ReplicaStart) -> Self {
        let machine = Machine {
            applied: start.truncated,
            configuration: start.configuration.clone(),
            ..Machine::default()
        };
        Self {
            replica: start.replica,
            is_witness: start.is_witness,
            hard_state: start.hard_state,
            truncated: start.truncated,
            configuration: start.configuration.clone(),
            entries: BTreeMap::new(),
            machine,
            snapshots: BTreeMap::new(),
        }
    }

    pub(super) fn write(&mut self, persist: &Persist) {
        if let Some(restored) = &persist.restored {
            self.entries.clear();
            self.truncated = restored.truncated;
            self.configuration = restored.configuration.clone();
        }
        if let Some(first) = persist.entries.first() {
            self.entries.split_off(&first.index);
            let end = self.entries.last_key_value().map_or(self.truncated.index, |(index, _)| *index);
            assert_eq!(end + 1, first.index, "a log without gaps");
        }
        for entry in &persist.entries {
            let is_whole = !EntryBody::is_withheld(&entry.data);
            let has_meaning = entry.data.is_empty() || EntryBody::is_configuration(&entry.data);
            assert!(has_meaning || is_whole != self.is_witness, "a witness holds no content, and others do");
        }
        self.entries.extend(persist.entries.iter().map(|entry| (entry.index, entry.clone())));
        if let Some(hard_state) = persist.hard_state {
            assert!(hard_state.term >= self.hard_state.term, "terms never go back");
            let voted = self.hard_state.vote.is_some() && self.hard_state.term == hard_state.term;
            assert!(!voted || self.hard_state.vote == hard_state.vote, "one vote a term");
            self.hard_state = hard_state;
        }
    }

    pub(super) fn cut(&mut self, truncated: LogPoint, configuration: &Configuration) {
        let is_applied = self.is_witness || self.machine.applied.index >= truncated.index;
        assert!(is_applied, "what is cut is in the machine's state");
        self.entries = self.entries.split_off(&(truncated.index + 1));
        self.truncated = truncated;
        self.configuration = configuration.clone();
    }

    pub(super) fn read(&self, first: u64, last: u64, bytes_max: usize) -> Vec<LogEntry> {
        let mut bytes = 0;
        let mut entries = Vec::new();
        for (_, entry) in self.entries.range(first..=last) {
            bytes += entry.data.len();
            if !entries.is_empty() && bytes > bytes_max {
                break;
            }
            entries.push(entry.clone());
        }
        entries
    }

    /// What the node finds, with at most so many of the entries.
    pub(super) fn start(&self, group: GroupId, entries_max: usize) -> ReplicaStart {
        let skipped = self.entries.len().saturating_sub(entries_max);
        ReplicaStart {
            group,
            replica: self.replica,
            is_witness: self.is_witness,
            hard_state: self.hard_state,
            truncated: self.truncated,
            configuration: self.configuration.clone(),
            log: LogIndex::of(self.entries.values()).expect("entries that can be read"),
            entries: self.entries.values().skip(skipped).cloned().collect(),
            applied: self.machine.applied.index,
            applied_time_ms: self.machine.time_ms,
        }
    }
}

/// Work of the log writer and of apply, each done in order.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Persist(Persist),
    Cut { truncated: LogPoint, configuration: Configuration },
}

#[derive(Clone, Debug)]
pub(super) enum Work {
    Apply(CommittedEntry),
    Restore { point: LogPoint },
}

pub(super) struct Hosted {
    pub(super) disk: Disk,
    pub(super) machine: Machine,
    pub(super) writes: VecDeque<Write>,
    pub(super) work: VecDeque<Work>,
    /// What has been told to apply, of which some may still wait in `work`.
    pub(super) told: u64,
}

impl Hosted {
    pub(super) fn new(disk: Disk) -> Self {
        let machine = disk.machine.clone();
        let told = machine.applied.index;
        Self { disk, machine, writes: VecDeque::new(), work: VecDeque::new(), told }
    }
}

pub(super) struct Node {
    pub(super) id: NodeId,
    /// None while it is down.
    pub(super) shard: Option<Shard>,
    /// Rises with every crash: what was under way before is gone.
    pub(super) life: u64,
    pub(super) groups: BTreeMap<GroupId, Hosted>,
    /// What its clients wait for.
    pub(super) requests: BTreeSet<RequestId>,
}

//! The replica: opens, applies entry by entry, takes and loads snapshots.

mod activation;
mod background;
mod memory;
mod start;
mod store;
mod undo;

pub use background::{BackgroundCheckpoint, PreparedCheckpoint};
pub use start::{CheckpointResult, EntryResult, Repeat, ReplicaStart};

use crate::{
    CommittedEntry, Observer, ReadPoint, ReplicaFault, StoreSnapshot,
    checkpoint_policy::Growth,
    digest::EntryDigest,
    entry_sessions::EntrySessions,
    ports::{AppliedPoint, Attested, EmptyView, Plugin, SnapshotInfo, StateDigest},
};
pub(crate) use memory::MemoryPoint;

use background::Pending;
use memory::MemoryMachine;
use quorate_proto::entry::{EntryBody, Order};
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::sync::Arc;

/// A replica's machine: applies the committed entries of one group, one after the other.
///
/// Owned by one worker; nothing in here is shared but through the ports. After a [`ReplicaFault`] it applies no more.
pub struct Replica {
    start: Arc<ReplicaStart>,
    applied: Arc<AppliedPoint>,
    machine: Machine,
    /// Since the last checkpoint or snapshot.
    growth: Growth,
    /// Entries that asked something of the machine, since the last that asked for its digest.
    unattested_entries: u64,
    stopped: Option<String>,
}

enum Machine {
    Memory(MemoryMachine),
    /// Its instances live for one entry and its state is in the store: nothing to hold.
    Store,
}

impl Replica {
    /// Opens a replica from its disk: from its state store or its newest snapshot, whichever has come further, or else
    /// from nothing. Entries behind [`Replica::applied`] are then to be applied again.
    #[allow(clippy::needless_pass_by_value)] // Made for this alone, and kept but for the plugin.
    pub fn open(start: ReplicaStart) -> Result<Self, ReplicaFault> {
        let (start, applied, machine) = match start.plugin.kind() {
            MachineKind::Memory => {
                let (start, applied, machine) = MemoryMachine::open(&start)?;
                (start, applied, Machine::Memory(machine))
            }
            MachineKind::Store => {
                let (start, applied) = store::open(&start)?;
                (start, applied, Machine::Store)
            }
        };
        let start = Arc::new(start);
        let begins_behind = start.begins_behind()?;
        if applied.index < begins_behind {
            return Err(ReplicaFault::StateBehindLog { applied: applied.index, begins_behind });
        }
        let newest = start.snapshots.newest().map_err(ReplicaFault::while_doing("listing the snapshots"))?;
        let from = newest.map_or(start.initial.index, |newest| newest.header.point.index);
        let growth = Growth { entries: applied.index.saturating_sub(from), ..Growth::default() };
        Ok(Self { start, applied: Arc::new(applied), machine, growth, unattested_entries: 0, stopped: None })
    }

    /// How far it has come.
    #[must_use]
    pub fn applied(&self) -> &AppliedPoint {
        &self.applied
    }

    /// Where its machine keeps its state.
    #[must_use]
    pub fn kind(&self) -> MachineKind {
        match self.machine {
            Machine::Memory(_) => MachineKind::Memory,
            Machine::Store => MachineKind::Store,
        }
    }

    /// The plugin that it runs.
    #[must_use]
    pub fn plugin(&self) -> &dyn Plugin {
        self.start.plugin.as_ref()
    }

    /// The digest of that plugin.
    #[must_use]
    pub fn plugin_digest(&self) -> PluginDigest {
        self.start.plugin_digest
    }

    /// The plugin that must be compiled here before this entry can be applied; none when nothing is missing.
    #[must_use]
    pub fn lacks_for(&self, body: &EntryBody) -> Option<PluginDigest> {
        match body {
            EntryBody::Order { order: Order::Activate(activation), .. } => self.lacks(activation.plugin),
            _ => None,
        }
    }

    /// The plugin that must be compiled here before the snapshot at `index` can be installed.
    pub fn lacks_for_snapshot(&self, index: u64) -> Result<Option<PluginDigest>, ReplicaFault> {
        let opened = self.start.snapshots.open(index);
        let (header, _) = opened.map_err(ReplicaFault::while_doing("opening a snapshot"))?;
        Ok(self.lacks(header.point.plugin(self.start.founding)))
    }

    /// Whether this entry has to wait because a machine that sleeps must be woken for it, and the node has no room for that.
    #[must_use]
    pub fn lacks_room_for(&self, body: &EntryBody) -> bool {
        let asks_the_machine = match body {
            EntryBody::Commands { .. }
            | EntryBody::SessionCommands { .. }
            | EntryBody::Timers { .. }
            | EntryBody::Checkpoint { .. }
            | EntryBody::TakeOver { .. }
            | EntryBody::Order { .. } => true,
            EntryBody::Empty
            | EntryBody::BackgroundCheckpoint { .. }
            | EntryBody::Attest { .. }
            | EntryBody::Verdict { .. }
            | EntryBody::Configuration(_)
            | EntryBody::Withheld { .. } => false,
        };
        asks_the_machine && self.sleeps() && !self.start.plugin.has_room()
    }

    /// Whether it is a memory machine without its instance, which is made again when it is needed.
    #[must_use]
    pub fn sleeps(&self) -> bool {
        matches!(&self.machine, Machine::Memory(machine) if machine.sleeps())
    }

    fn lacks(&self, digest: PluginDigest) -> Option<PluginDigest> {
        self.start.running(digest).err().map(|_| digest)
    }

    /// Applies the next entry. Every entry is to be handed over, those without commands as well.
    ///
    /// A fault stops the replica, except for [no room](ReplicaFault::is_no_room): then nothing has been done, and the same entry is
    /// to be handed over again when there may be room.
    pub fn apply(&mut self, entry: &CommittedEntry) -> Result<EntryResult, ReplicaFault> {
        self.check_running()?;
        let before = self.before();
        let result = match self.apply_next(entry) {
            Err(fault) if fault.is_no_room() => match self.undo(before, entry) {
                Ok(()) => return Err(fault),
                Err(fault) => Err(fault),
            },
            result => result,
        };
        self.stop_on_fault(result)
    }

    fn apply_next(&mut self, entry: &CommittedEntry) -> Result<EntryResult, ReplicaFault> {
        let expected = self.applied.index + 1;
        if entry.index != expected {
            return Err(ReplicaFault::Gap { index: entry.index, expected });
        }
        let mut point = AppliedPoint {
            index: entry.index,
            term: entry.term,
            time_ms: entry.body.time_ms().unwrap_or(0).max(self.applied.time_ms),
            digest: self.applied.digest,
            configuration: self.applied.configuration.clone(),
            timers: self.applied.timers.clone(),
            active: self.applied.active,
            activation: self.applied.activation.clone(),
            poison: self.applied.poison,
            attested: self.applied.attested,
            sessions: self.applied.sessions.clone(),
        };
        match &entry.body {
            EntryBody::Attest { .. } => {
                point.attested = Some(Attested { index: entry.index, digest: self.applied.digest });
            }
            EntryBody::Verdict { index, digest, agreed, .. } => {
                self.hear(*index, StateDigest(*digest), *agreed)?;
            }
            _ => {}
        }
        let mut digest = EntryDigest::new(self.applied.digest, entry.index);
        let mut configuration = None;
        if let EntryBody::Configuration(changed) = &entry.body {
            digest.add_configuration(&entry.body.encode());
            point.configuration = changed.clone();
            configuration = Some(changed.clone());
        }
        self.growth.add(entry);
        if let EntryBody::Order { order, .. } = &entry.body {
            let result = self.order(entry, order, point, digest)?;
            if let Machine::Memory(machine) = &mut self.machine {
                machine.entry_applied(&self.start, entry)?;
            }
            return Ok(result);
        }
        match &entry.body {
            EntryBody::Attest { .. } => self.unattested_entries = 0,
            EntryBody::Commands { .. } | EntryBody::SessionCommands { .. } | EntryBody::Timers { .. } => {
                self.unattested_entries += 1;
            }
            _ => {}
        }
        let mut sessions = EntrySessions::begin(&mut point);
        let (commands, repeats, checkpoint) = match &mut self.machine {
            Machine::Store => {
                let (commands, repeats) = store::apply(&self.start, entry, digest, &mut point, sessions)?;
                (commands, repeats, None)
            }
            Machine::Memory(machine) => {
                let commands =
                    machine.apply_tasks(&self.start, entry, &mut point, &mut sessions, &mut self.growth)?;
                for (ordinal, call) in (0..).zip(&commands) {
                    digest.add_call(ordinal, call);
                }
                let (rows, repeats) = sessions.finish();
                digest.add_sessions(&rows);
                let (digest, checkpoint) =
                    machine.mark(&self.start, &entry.body, digest, &point, &mut self.growth)?;
                point.digest = digest;
                let checkpoint = match entry.body {
                    EntryBody::BackgroundCheckpoint { .. } => {
                        self.growth = Growth::default();
                        Some(machine.begin_checkpoint(&point))
                    }
                    _ => checkpoint,
                };
                machine.entry_applied(&self.start, entry)?;
                (commands, repeats, checkpoint)
            }
        };
        if matches!(entry.body, EntryBody::Timers { .. }) {
            self.growth.commands += u64::try_from(commands.len()).unwrap_or(u64::MAX);
        }
        self.applied = Arc::new(point);
        Ok(EntryResult { index: entry.index, commands, repeats, checkpoint, activation: None, configuration })
    }

    /// Most replicas have noted this digest there.
    fn hear(&self, index: u64, digest: StateDigest, agreed: u64) -> Result<(), ReplicaFault> {
        match self.applied.attested {
            Some(attested) if attested.index == index && attested.digest != digest => {
                Err(ReplicaFault::Outvoted { agreed, index })
            }
            _ => Ok(()),
        }
    }

    /// Writes the state it has as a snapshot, for whoever looks into what went wrong: of a replica that has met a fault, and is
    /// of no other use. None when a machine has nothing to write it with.
    pub fn write_evidence(self) -> Result<Option<SnapshotInfo>, ReplicaFault> {
        let header = self.start.header(AppliedPoint::clone(&self.applied));
        match self.machine {
            Machine::Store => {
                let view = self.start.state.view();
                let view = view.map_err(ReplicaFault::while_doing("taking a view of the state"))?;
                StoreSnapshot { header, view, snapshots: self.start.snapshots.clone() }.write().map(Some)
            }
            Machine::Memory(machine) => machine.write_evidence(&self.start, &header),
        }
    }

    /// Replaces the state by the snapshot at `index`, which a peer sent and [`Snapshots`](crate::ports::Snapshots) holds
    /// by now. A snapshot that is not ahead of the state changes nothing.
    ///
    /// A fault stops the replica, except for [no room](ReplicaFault::is_no_room): then the same is to be tried again.
    pub fn install_snapshot(&mut self, index: u64) -> Result<(), ReplicaFault> {
        self.check_running()?;
        if index <= self.applied.index {
            return Ok(());
        }
        match self.install_next(index) {
            Err(fault) if fault.is_no_room() => {
                // What it has is of no use any more, and takes the room of one.
                self.rest();
                Err(fault)
            }
            result => self.stop_on_fault(result),
        }
    }

    fn install_next(&mut self, index: u64) -> Result<(), ReplicaFault> {
        let (start, point) = match &mut self.machine {
            Machine::Store => store::load(&self.start, index)?,
            Machine::Memory(machine) => {
                let start = self.start.for_snapshot(index)?;
                let (point, loaded) = MemoryMachine::load(&start, index)?
                    .map_err(|failure| ReplicaFault::Snapshot { index, failure })?;
                *machine = loaded;
                (start, point)
            }
        };
        self.start = Arc::new(start);
        self.applied = Arc::new(point);
        self.growth = Growth::default();
        Ok(())
    }

    /// Lets go of the instance of a memory machine, which is made again when there is something to apply: from its checkpoint and
    /// the entries since, as after a trap. For groups that nobody uses.
    pub fn rest(&mut self) {
        if let Machine::Memory(machine) = &mut self.machine {
            machine.rest();
        }
    }

    /// This moment, for observers.
    pub fn read_point(&self) -> Result<ReadPoint, ReplicaFault> {
        let applied = self.applied.clone();
        Ok(match &self.machine {
            Machine::Store => {
                let view = self.start.state.view();
                let view = view.map_err(ReplicaFault::while_doing("taking a view of the state"))?;
                ReadPoint { start: self.start.clone(), applied, view, memory: None }
            }
            Machine::Memory(machine) => {
                let memory = Some(machine.read_point());
                ReadPoint { start: self.start.clone(), applied, view: Arc::new(EmptyView), memory }
            }
        })
    }

    /// A new observer.
    #[must_use]
    pub fn observer(&self) -> Observer {
        Observer::new(self.start.clone())
    }

    /// The work of a checkpoint in the background that has begun, to be done by whoever has the time, and handed back by
    /// [`Replica::checkpoint_prepared`]. Given out once. What is not handed back in time is done where it is needed.
    pub fn background_checkpoint(&mut self) -> Option<BackgroundCheckpoint> {
        let start = self.start.clone();
        self.pending()?.hand_out(&start)
    }

    /// Takes back what came of that work; of a checkpoint that is not under way any more it is dropped.
    pub fn checkpoint_prepared(&mut self, prepared: PreparedCheckpoint) -> Result<(), ReplicaFault> {
        self.check_running()?;
        let start = self.start.clone();
        let result = match self.pending().filter(|pending| pending.index() == prepared.index()) {
            Some(pending) => pending.prepared(&start, prepared),
            None => Ok(Ok(())),
        };
        if let (Ok(Err(fault)), Machine::Memory(machine)) = (&result, &mut self.machine) {
            tracing::info!(group = %self.start.group.name, %fault, "a checkpoint is dropped: a snapshot takes its place");
            machine.pending = None;
        }
        let result = result.map(|_| ());
        self.stop_on_fault(result)
    }

    /// The index of the checkpoint that is under way in the background, and whether its successor can take over: the leader
    /// then proposes that.
    #[must_use]
    pub fn checkpoint_under_way(&self) -> Option<(u64, bool)> {
        let Machine::Memory(MemoryMachine { pending: Some(pending), .. }) = &self.machine else {
            return None;
        };
        Some((pending.index(), pending.is_prepared()))
    }

    fn pending(&mut self) -> Option<&mut Pending> {
        match &mut self.machine {
            Machine::Memory(machine) => machine.pending.as_deref_mut(),
            Machine::Store => None,
        }
    }

    /// Whether so much was applied since the last checkpoint or snapshot that another one is due. For a memory machine
    /// the leader then proposes a checkpoint, and asks again when that is applied; for a store machine the node calls
    /// [`Replica::snapshot`].
    #[must_use]
    pub fn checkpoint_due(&self) -> bool {
        // Without a snapshot, or when it cannot be told, the state counts as a small one.
        let state_bytes = || self.start.snapshots.newest_bytes().ok().flatten().unwrap_or(0);
        self.checkpoint_under_way().is_none() && self.start.checkpoints.is_due(&self.growth, state_bytes)
    }

    /// Whether enough was applied since the last checkpoint or snapshot for another one when its time has come, which
    /// whoever has a clock says. The next steps are those of [`Replica::checkpoint_due`].
    #[must_use]
    pub fn checkpoint_due_by_time(&self) -> bool {
        self.checkpoint_under_way().is_none() && self.start.checkpoints.is_due_by_time(&self.growth)
    }

    /// How many entries have asked something of the machine since the replicas were last compared: the leader proposes that they
    /// be compared again when there are enough, or when there are any and time has passed.
    #[must_use]
    pub fn unattested_entries(&self) -> u64 {
        self.unattested_entries
    }

    /// A snapshot of a store machine as of now, to be written by whoever has the time; none for a memory machine (propose
    /// a checkpoint) and none when nothing was applied since the newest one.
    pub fn snapshot(&mut self) -> Result<Option<StoreSnapshot>, ReplicaFault> {
        self.check_running()?;
        if self.kind() == MachineKind::Memory {
            return Ok(None);
        }
        let newest =
            self.start.snapshots.newest().map_err(ReplicaFault::while_doing("listing the snapshots"))?;
        let newest = newest.map_or(self.start.initial.index, |newest| newest.header.point.index);
        if newest >= self.applied.index {
            return Ok(None);
        }
        let snapshot = self.state_now()?;
        self.growth = Growth::default();
        Ok(snapshot)
    }

    /// The state of a store machine as of now, whether there is a snapshot of it or not: to be sent. None for a memory machine.
    pub fn state_now(&self) -> Result<Option<StoreSnapshot>, ReplicaFault> {
        self.check_running()?;
        if self.kind() == MachineKind::Memory {
            return Ok(None);
        }
        let view =
            self.start.state.view().map_err(ReplicaFault::while_doing("taking a view of the state"))?;
        let header = self.start.header(AppliedPoint::clone(&self.applied));
        Ok(Some(StoreSnapshot { header, view, snapshots: self.start.snapshots.clone() }))
    }

    fn check_running(&self) -> Result<(), ReplicaFault> {
        match &self.stopped {
            Some(cause) => Err(ReplicaFault::Stopped { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    fn stop_on_fault<T>(&mut self, result: Result<T, ReplicaFault>) -> Result<T, ReplicaFault> {
        if let Err(fault) = &result {
            self.stopped = Some(fault.to_string());
        }
        result
    }
}

use super::harness::{Harness, common_methods};
use super::host::{MemoryHost, Phase, lend};
use super::{Event, LifecycleEvent, LogLine, Outcome, lifecycle, outcome::migrated};
use crate::{
    Context, Group, Host, Lifecycle, MemoryMachine, MemoryTimers, MemoryUpgrade, Position, Rejection, Reply,
    SnapshotReader, SnapshotWriter,
};
use std::io;

/// A group of one replica that runs a memory machine.
#[derive(Clone, Debug)]
pub struct MemoryHarness<Machine> {
    harness: Harness,
    machine: Machine,
}

impl<Machine: MemoryMachine> MemoryHarness<Machine> {
    /// A group whose machine is new.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a harness is always made on purpose")]
    pub fn new() -> Self {
        Self { harness: Harness::new(), machine: Machine::new() }
    }

    /// A group whose machine was loaded from a snapshot.
    ///
    /// # Errors
    /// The machine's own.
    pub fn loaded(snapshot: impl Into<Vec<u8>>) -> io::Result<Self> {
        let mut harness = Harness::new();
        let machine = load(&mut harness.host, snapshot.into())?;
        Ok(Self { harness, machine })
    }

    common_methods!();

    /// The machine's answers to commands that share an entry.
    ///
    /// # Panics
    /// When the machine rejects a command and still changes its state.
    pub fn apply_entry<Command: AsRef<[u8]>>(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<Outcome> {
        let machine = &mut self.machine;
        self.harness.entry(commands, |harness, command| {
            let command = command.as_ref();
            let what = format!("\"{}\"", command.escape_ascii());
            call(machine, &mut harness.host, &what, |machine, context| machine.apply(context, command))
        })
    }

    /// Lets the timers fire that are due by now, as one entry: their numbers, and what came of each. See
    /// [`advance_ms`](Self::advance_ms).
    ///
    /// # Panics
    /// When the machine rejects a timer and still changes its state.
    pub fn fire_timers(&mut self) -> Vec<(u64, Outcome)>
    where
        Machine: MemoryTimers,
    {
        let machine = &mut self.machine;
        self.harness.fire(|harness, id| {
            call(machine, &mut harness.host, &format!("timer {id}"), |machine, context| {
                machine.fired(context, id).map(|()| Reply::empty())
            })
        })
    }

    /// The group goes on with another version of the machine, which reads what this one saves, in version `from`.
    ///
    /// # Errors
    /// The other machine's own, or what it panicked with.
    pub fn upgraded<Next: MemoryUpgrade>(mut self, from: u32) -> Result<MemoryHarness<Next>, String> {
        let snapshot = self.save();
        self.harness.next_entry();
        let host = &mut self.harness.host;
        host.snapshot = snapshot;
        host.snapshot_read = 0;
        let mut next = None;
        let outcome = lend(host, Phase::Load, || {
            Outcome::of(|| {
                let mut reader = SnapshotReader::default();
                let loaded = if from == Next::STATE_VERSION {
                    Next::load(&mut reader)
                } else {
                    Next::migrate(&mut reader, from)
                };
                next = Some(loaded.map_err(|error| error.to_string())?);
                Ok(Reply::empty())
            })
        });
        migrated(outcome)?;
        let machine = next.ok_or("there is no machine")?;
        Ok(MemoryHarness { harness: self.harness, machine })
    }

    /// The machine's answer to a query.
    pub fn query(&mut self, request: impl AsRef<[u8]>) -> Outcome {
        let machine = &self.machine;
        lend(&mut self.harness.host, Phase::Query, || {
            Outcome::of(|| machine.query(&Host::new(), request.as_ref()))
        })
    }

    /// The bytes of the machine's state.
    ///
    /// # Panics
    /// When the machine cannot save it.
    pub fn save(&mut self) -> Vec<u8> {
        saved(&self.machine, &mut self.harness.host)
    }

    /// Saves the state and goes on with a machine that loaded it, as every replica does at a checkpoint.
    ///
    /// # Panics
    /// When the machine cannot, or when the loaded machine saves other bytes than it was loaded from.
    pub fn save_and_load(&mut self) {
        let bytes = self.save();
        self.machine = load(&mut self.harness.host, bytes.clone()).expect("a machine loads what it saved");
        let again = self.save();
        assert!(again == bytes, "a loaded machine saves other bytes: {again:?} instead of {bytes:?}");
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Tells the machine about its replica. It may propose from a `LeaderStart` to a `LeaderStop`.
    pub fn tell(&mut self, event: &LifecycleEvent)
    where
        Machine: Lifecycle,
    {
        let harness = &mut self.harness;
        harness.leads = lifecycle::tell(&self.machine, &mut harness.host, harness.leads, event);
    }
}

/// Makes one call of an entry, and undoes what it did unless it replied.
fn call<Machine: MemoryMachine>(
    machine: &mut Machine,
    host: &mut MemoryHost,
    what: &str,
    act: impl FnOnce(&mut Machine, &Context) -> Result<Reply, Rejection>,
) -> Outcome {
    let before = (saved(machine, host), host.events.len(), host.timers.clone());
    let context = Context::new(host.position);
    let outcome = lend(host, Phase::Apply, || Outcome::of(|| act(machine, &context)));
    if matches!(outcome, Outcome::Reply(_)) {
        return outcome;
    }
    host.events.truncate(before.1);
    host.timers = before.2;
    if matches!(outcome, Outcome::Trapped(_)) {
        *machine = load(host, before.0).expect("a machine loads what it saved");
    } else {
        let unchanged = saved(machine, host) == before.0;
        assert!(unchanged, "the machine rejected {what} and still changed its state: {outcome:?}");
    }
    outcome
}

fn saved<Machine: MemoryMachine>(machine: &Machine, host: &mut MemoryHost) -> Vec<u8> {
    host.snapshot.clear();
    lend(host, Phase::Save, || {
        let mut writer = SnapshotWriter::default();
        machine.save(&mut writer).expect("a machine can save its state");
        writer.finish();
    });
    std::mem::take(&mut host.snapshot)
}

fn load<Machine: MemoryMachine>(host: &mut MemoryHost, snapshot: Vec<u8>) -> io::Result<Machine> {
    host.snapshot = snapshot;
    host.snapshot_read = 0;
    lend(host, Phase::Load, || Machine::load(&mut SnapshotReader::default()))
}

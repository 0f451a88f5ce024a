use super::harness::{Harness, common_methods};
use super::host::{MemoryHost, Phase, lend};
use super::{Event, LifecycleEvent, LogLine, Outcome, lifecycle, outcome::migrated};
use crate::{
    Context, Group, Host, Lifecycle, Pair, Position, Rejection, Reply, Store, StoreMachine, StoreTimers,
    StoreUpgrade, StoreView,
};
use std::marker::PhantomData;

/// A group of one replica that runs a store machine.
#[derive(Clone, Debug)]
pub struct StoreHarness<Machine> {
    harness: Harness,
    machine: PhantomData<fn() -> Machine>,
}

impl<Machine: StoreMachine> StoreHarness<Machine> {
    /// A group with an empty store.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a harness is always made on purpose")]
    pub fn new() -> Self {
        Self { harness: Harness::new(), machine: PhantomData }
    }

    common_methods!();

    /// The machine's answers to commands that share an entry.
    pub fn apply_entry<Command: AsRef<[u8]>>(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<Outcome> {
        // In a cluster the instance lives for one entry. A machine that remembers must not pass its tests.
        self.harness.entry(commands, |harness, command| {
            call(&mut harness.host, |context| {
                Machine::default().apply(context, &mut Store::new(), command.as_ref())
            })
        })
    }

    /// Lets the timers fire that are due by now, as one entry: their numbers, and what came of each. See
    /// [`advance_ms`](Self::advance_ms).
    pub fn fire_timers(&mut self) -> Vec<(u64, Outcome)>
    where
        Machine: StoreTimers,
    {
        self.harness.fire(|harness, id| {
            call(&mut harness.host, |context| {
                Machine::default().fired(context, &mut Store::new(), id).map(|()| Reply::empty())
            })
        })
    }

    /// The group goes on with another version of the machine, whose store holds what this one's holds, in version `from`.
    ///
    /// # Errors
    /// The other machine's own, or what it panicked with.
    pub fn upgraded<Next: StoreUpgrade>(mut self, from: u32) -> Result<StoreHarness<Next>, String> {
        self.harness.next_entry();
        if from != Next::STATE_VERSION {
            let outcome = lend(&mut self.harness.host, Phase::Apply, || {
                Outcome::of(|| {
                    Next::default().migrate(&mut Store::new(), from)?;
                    Ok(Reply::empty())
                })
            });
            migrated(outcome)?;
        }
        Ok(StoreHarness { harness: self.harness, machine: PhantomData })
    }

    /// The machine's answer to a query.
    pub fn query(&mut self, request: impl AsRef<[u8]>) -> Outcome {
        lend(&mut self.harness.host, Phase::Query, || {
            Outcome::of(|| Machine::default().query(&Host::new(), &StoreView::new(), request.as_ref()))
        })
    }

    #[cfg(test)]
    pub(super) fn host(&self) -> &MemoryHost {
        &self.harness.host
    }

    /// All that the store holds.
    #[must_use]
    pub fn pairs(&self) -> Vec<Pair> {
        let pairs = self.harness.host.pairs.iter();
        pairs.map(|(key, value)| Pair { key: key.clone(), value: value.clone() }).collect()
    }

    /// Puts a pair into the store as if an earlier command had.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.harness.host.pairs.insert(key.as_ref().to_vec(), value.as_ref().to_vec());
    }

    /// Tells the machine about its replica. It may propose from a `LeaderStart` to a `LeaderStop`.
    pub fn tell(&mut self, event: &LifecycleEvent)
    where
        Machine: Lifecycle,
    {
        let harness = &mut self.harness;
        harness.leads = lifecycle::tell(&Machine::default(), &mut harness.host, harness.leads, event);
    }
}

/// Makes one call of an entry, and drops what it did unless it replied.
fn call(host: &mut MemoryHost, act: impl FnOnce(&Context) -> Result<Reply, Rejection>) -> Outcome {
    let before = (host.pairs.clone(), host.events.len(), host.timers.clone());
    let context = Context::new(host.position);
    let outcome = lend(host, Phase::Apply, || Outcome::of(|| act(&context)));
    if !matches!(outcome, Outcome::Reply(_)) {
        host.pairs = before.0;
        host.events.truncate(before.1);
        host.timers = before.2;
    }
    outcome
}

//! What both harnesses have in common.

use super::host::MemoryHost;
use crate::Position;

/// The time of the first command: some day in 2024, so that a machine that takes 0 for "never" is not helped.
const FIRST_TIME_MS: u64 = 1_720_000_000_000;

#[derive(Clone, Debug)]
pub(super) struct Harness {
    pub(super) host: MemoryHost,
    pub(super) leads: bool,
}

impl Harness {
    pub(super) fn new() -> Self {
        let mut host = MemoryHost::default();
        // The first entry of a group is never a client's.
        host.position = Position { index: 1, ordinal: 0, time_ms: FIRST_TIME_MS };
        Self { host, leads: false }
    }

    /// The timer that fires next, if one is due, in the order of a group.
    pub(super) fn due(&self) -> Option<u64> {
        let timers = self.host.timers.iter().filter(|(_, at_ms)| **at_ms <= self.host.position.time_ms);
        timers.map(|(id, at_ms)| (*at_ms, *id)).min().map(|(_, id)| id)
    }

    /// Runs what is due as one entry. What one timer sets is not due in the same entry: time stands still meanwhile.
    pub(super) fn fire<Outcome>(
        &mut self,
        mut fire: impl FnMut(&mut Self, u64) -> Outcome,
    ) -> Vec<(u64, Outcome)> {
        let mut fired = Vec::new();
        while let Some(id) = self.due() {
            if fired.is_empty() {
                self.next_entry();
            }
            self.host.timers.remove(&id);
            fired.push((id, fire(self, id)));
            self.host.position.ordinal += 1;
        }
        fired
    }

    pub(super) fn next_entry(&mut self) {
        self.host.position.index += 1;
        self.host.position.ordinal = 0;
    }

    /// Runs the commands as one entry.
    pub(super) fn entry<Command, Outcome>(
        &mut self,
        commands: impl IntoIterator<Item = Command>,
        mut apply: impl FnMut(&mut Self, Command) -> Outcome,
    ) -> Vec<Outcome> {
        self.next_entry();
        let mut outcomes = Vec::new();
        for command in commands {
            outcomes.push(apply(self, command));
            self.host.position.ordinal += 1;
        }
        outcomes
    }
}

/// Methods that both harnesses have.
macro_rules! common_methods {
    () => {
        /// The machine's answer to one command, in an entry of its own.
        pub fn apply(&mut self, command: impl AsRef<[u8]>) -> Outcome {
            self.apply_entry([command]).pop().expect("one command has one outcome")
        }

        /// The same machine in another group.
        #[must_use]
        pub fn in_group(mut self, id: u64, name: &str) -> Self {
            self.harness.host.group = Group { id, name: name.to_owned() };
            self
        }

        /// Lets time pass, as far as the commands to come can see.
        pub fn advance_ms(&mut self, milliseconds: u64) {
            self.harness.host.position.time_ms += milliseconds;
        }

        /// The timers that are set: their numbers, and when each is due.
        #[must_use]
        pub fn timers(&self) -> Vec<(u64, u64)> {
            self.harness.host.timers.iter().map(|(id, at_ms)| (*id, *at_ms)).collect()
        }

        /// The position of the last entry, and the time of the next.
        #[must_use]
        pub fn position(&self) -> Position {
            self.harness.host.position
        }

        /// The events of all commands that were answered with a reply.
        #[must_use]
        pub fn events(&self) -> &[Event] {
            &self.harness.host.events
        }

        /// All that was logged.
        #[must_use]
        pub fn logs(&self) -> &[LogLine] {
            &self.harness.host.logs
        }

        /// What the callbacks proposed and nobody applied yet.
        #[must_use]
        pub fn proposals(&self) -> &[Vec<u8>] {
            &self.harness.host.proposals
        }

        /// Applies what the callbacks proposed, each in an entry of its own.
        pub fn apply_proposals(&mut self) -> Vec<Outcome> {
            let proposals = std::mem::take(&mut self.harness.host.proposals);
            proposals.into_iter().map(|command| self.apply(command)).collect()
        }
    };
}
pub(super) use common_methods;

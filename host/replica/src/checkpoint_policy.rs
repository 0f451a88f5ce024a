use crate::CommittedEntry;
use quorate_proto::entry::EntryBody;

/// When a leader should propose a checkpoint (memory machine) or a node take a snapshot (store machine): as soon as
/// anything has grown past its bound since the last one. A question of cost only, so it is not replicated.
///
/// What a snapshot costs is the size of the state, whatever has changed. So a large state is saved less often: its bounds are
/// stretched, until the log since the last snapshot has come to a part of that snapshot's size, and never further than
/// [`stretch_max`](Self::stretch_max) times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Entries.
    pub entries_max: u64,
    /// Commands in them.
    pub commands_max: u64,
    /// Bytes of those commands.
    pub bytes_max: u64,
    /// The bounds above are stretched until the bytes may come to so many hundredths of the last snapshot.
    pub bytes_percent_of_state: u64,
    /// At most so many times: what bounds the log, and what a restart applies again.
    pub stretch_max: u64,
    /// Commands applied once more because of traps: a memory machine is rebuilt from its checkpoint after each.
    pub repeated_commands_max: u64,
    /// When time has passed, so many entries are enough; with fewer there is nothing worth a snapshot.
    pub timed_entries_min: u64,
}

impl Default for CheckpointPolicy {
    fn default() -> Self {
        Self {
            entries_max: 10_000,
            commands_max: 100_000,
            bytes_max: 64 << 20,
            bytes_percent_of_state: 50,
            stretch_max: 16,
            repeated_commands_max: 100_000,
            timed_entries_min: 100,
        }
    }
}

/// What has grown since the last checkpoint or snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) entries: u64,
    pub(crate) commands: u64,
    pub(crate) bytes: u64,
    pub(crate) repeated_commands: u64,
}

impl Growth {
    pub(crate) fn add(&mut self, entry: &CommittedEntry) {
        self.entries += 1;
        match &entry.body {
            EntryBody::Commands { commands, .. } => {
                commands.iter().for_each(|command| self.add_command(command.len()));
            }
            EntryBody::SessionCommands { commands, .. } => {
                commands.iter().for_each(|command| self.add_command(command.command_bytes()));
            }
            _ => {}
        }
    }

    fn add_command(&mut self, bytes: usize) {
        self.commands += 1;
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl CheckpointPolicy {
    /// Whether one is due, of a state whose last snapshot has so many bytes. It is asked for only where it can matter.
    pub(crate) fn is_due(&self, growth: &Growth, state_bytes: impl FnOnce() -> u64) -> bool {
        // An entry at least, so that a bound of zero does not ask for checkpoints of nothing.
        growth.entries > 0
            && (growth.repeated_commands >= self.repeated_commands_max
                || (self.is_past(growth, 1) && self.is_past(growth, self.stretch(state_bytes()))))
    }

    fn is_past(&self, growth: &Growth, stretch: u64) -> bool {
        growth.entries >= self.entries_max.saturating_mul(stretch)
            || growth.commands >= self.commands_max.saturating_mul(stretch)
            || growth.bytes >= self.bytes_max.saturating_mul(stretch)
    }

    /// By how much the bounds are stretched for a state of this size.
    fn stretch(&self, state_bytes: u64) -> u64 {
        let bytes = u128::from(state_bytes) * u128::from(self.bytes_percent_of_state) / 100;
        let stretch = bytes / u128::from(self.bytes_max.max(1));
        u64::try_from(stretch).unwrap_or(u64::MAX).clamp(1, self.stretch_max.max(1))
    }

    pub(crate) fn is_due_by_time(&self, growth: &Growth) -> bool {
        growth.entries >= self.timed_entries_min.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CheckpointPolicy = CheckpointPolicy {
        entries_max: 100,
        commands_max: 1_000,
        bytes_max: 10_000,
        bytes_percent_of_state: 50,
        stretch_max: 4,
        repeated_commands_max: 50,
        timed_entries_min: 1,
    };

    fn is_due(growth: Growth, state_bytes: u64) -> bool {
        POLICY.is_due(&Growth { entries: growth.entries.max(1), ..growth }, || state_bytes)
    }

    /// What the bytes, the entries and the commands must come to, each alone, for a state of this size.
    fn bounds(state_bytes: u64) -> [Option<u64>; 3] {
        let first =
            |growth: fn(u64) -> Growth| (1..=100_000).find(|count| is_due(growth(*count), state_bytes));
        [
            first(|bytes| Growth { bytes, ..Growth::default() }),
            first(|entries| Growth { entries, ..Growth::default() }),
            first(|commands| Growth { commands, ..Growth::default() }),
        ]
    }

    #[test]
    fn a_small_state_is_saved_whenever_a_bound_is_reached() {
        for state_bytes in [0, 10_000, 39_999] {
            assert_eq!(bounds(state_bytes), [Some(10_000), Some(100), Some(1_000)], "{state_bytes}");
        }
    }

    #[test]
    fn a_large_state_is_saved_when_the_log_has_come_to_a_part_of_it() {
        assert_eq!(bounds(60_000), [Some(30_000), Some(300), Some(3_000)]);
    }

    #[test]
    fn the_log_of_a_huge_state_is_bounded_all_the_same() {
        for state_bytes in [80_000, 1_000_000, u64::MAX] {
            assert_eq!(bounds(state_bytes), [Some(40_000), Some(400), Some(4_000)], "{state_bytes}");
        }
    }

    #[test]
    fn what_traps_cost_is_bounded_whatever_the_size() {
        assert!(is_due(Growth { repeated_commands: 50, ..Growth::default() }, u64::MAX));
    }

    #[test]
    fn nothing_is_never_due() {
        let none = CheckpointPolicy { entries_max: 0, commands_max: 0, bytes_max: 0, ..POLICY };
        assert!(!none.is_due(&Growth::default(), || 0));
        assert!(none.is_due(&Growth { entries: 1, ..Growth::default() }, || 0));
    }
}

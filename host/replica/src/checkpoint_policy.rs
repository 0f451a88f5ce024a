use crate::CommittedEntry;
use quorate_proto::entry::EntryBody;

/// When a leader should propose a checkpoint (memory machine) or a node take a snapshot (store machine): as soon as
/// anything has grown past its bound since the last one. A question of cost only, so it is not replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Entries.
    pub entries_max: u64,
    /// Commands in them.
    pub commands_max: u64,
    /// Bytes of those commands.
    pub bytes_max: u64,
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
    pub(crate) fn is_due(&self, growth: &Growth) -> bool {
        // An entry at least, so that a bound of zero does not ask for checkpoints of nothing.
        growth.entries > 0
            && (growth.entries >= self.entries_max
                || growth.commands >= self.commands_max
                || growth.bytes >= self.bytes_max
                || growth.repeated_commands >= self.repeated_commands_max)
    }

    pub(crate) fn is_due_by_time(&self, growth: &Growth) -> bool {
        growth.entries >= self.timed_entries_min.max(1)
    }
}

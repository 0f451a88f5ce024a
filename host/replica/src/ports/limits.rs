/// What a plugin of this group may use. Replicated with the group: outcomes depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Fuel for one command.
    pub fuel_per_command: u64,
    /// Fuel for one query.
    pub fuel_per_query: u64,
    /// Fuel for one lifecycle callback.
    pub fuel_per_callback: u64,
    /// Fuel for one save or load of a snapshot.
    pub fuel_per_snapshot: u64,
    /// Fuel for carrying the state across to a plugin of another state version.
    pub fuel_per_migration: u64,
    /// One snapshot of a memory machine.
    pub snapshot_bytes_max: u64,
    /// Linear memory of an instance, all memories together.
    pub memory_bytes_max: u64,
    /// Table elements of an instance, all tables together.
    pub table_elements_max: u64,
    /// One command.
    pub command_bytes_max: u64,
    /// One reply or rejection, of a command or a query.
    pub reply_bytes_max: u64,
    /// One event: its topic and payload.
    pub event_bytes_max: u64,
    /// Events of one command.
    pub events_per_command_max: u64,
    /// One log line; the rest of a longer one is cut.
    pub log_line_bytes_max: u64,
    /// Log lines of one call; further ones are dropped.
    pub log_lines_per_command_max: u64,
    /// One key.
    pub key_bytes_max: u64,
    /// One value.
    pub value_bytes_max: u64,
    /// What one command may change in the store: bytes of keys and values it puts, deletes or names as ends of ranges.
    pub changed_bytes_per_command_max: u64,
    /// What the calls of one entry may give back, all together: replies, rejections, events, log lines and changes of the
    /// store. A call is always made whole; once the bound is reached, those behind it in the entry are not made.
    pub entry_output_bytes_max: u64,
    /// What carrying the state across to another plugin may change in the store, counted in the same way.
    pub changed_bytes_per_migration_max: u64,
    /// What one call of the host may copy out of the plugin's memory.
    pub host_call_bytes_max: u64,
    /// Commands one lifecycle callback may propose.
    pub proposals_per_callback_max: u64,
    /// Timers pending at once; also, how many one command may set or cancel. They are written with every entry, so few
    /// are meant: a machine that waits for much sets one timer for what comes first.
    pub timers_max: u64,
    /// A timer is due no sooner than this many milliseconds after the command that sets it, so that a machine that sets
    /// its timer again and again does not keep its group busy.
    pub timer_delay_ms_min: u64,
    /// Sessions open at once.
    pub sessions_max: u64,
    /// Commands of one session that may wait for the client to say that it has their answers, those on their way among them.
    pub session_commands_max: u64,
    /// Answers kept for one session. A command is applied as long as there is any room, so one answer may pass it.
    pub session_reply_bytes_max: u64,
    /// Answers kept for all sessions together, in the same way.
    pub sessions_reply_bytes_max: u64,
    /// The longest time-out that a session may ask for.
    pub session_timeout_ms_max: u64,
}

/// A limit outside of what a cluster allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit {name} is {value}, and must be from {min} to {max}")]
pub struct LimitError {
    /// Which one.
    pub name: &'static str,
    /// What was asked for.
    pub value: u64,
    /// The least it may be.
    pub min: u64,
    /// The most it may be.
    pub max: u64,
}

/// The most a group may be given of `table_elements_max`: what an engine sets aside for each table, and so the same on
/// every node.
pub const TABLE_ELEMENTS_MAX: u32 = 100_000;
/// The most a group may be given of `command_bytes_max`. The log and the ways between nodes are laid out for it.
pub const COMMAND_BYTES_MAX: u32 = 16 << 20;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

macro_rules! limits {
    // `$d` is a dollar sign, for the macro within.
    (($d:tt) $($name:ident: $min:expr, $default:expr, $max:expr;)*) => {
        /// Calls a macro with the names of all limits of a group, separated by commas: whoever writes them in another form
        /// cannot leave one out.
        #[macro_export]
        macro_rules! with_group_limits {
            ($d callback:ident) => { $d callback! { $($name),* } };
        }

        impl Default for GroupLimits {
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }

        impl GroupLimits {
            /// Checks every limit against the least and the most it may be.
            pub fn validate(&self) -> Result<(), LimitError> {
                $(if !($min..=$max).contains(&self.$name) {
                    return Err(LimitError {
                        name: stringify!($name), value: self.$name, min: $min, max: $max,
                    });
                })*
                Ok(())
            }
        }
    };
}

limits! {
    ($)
    // name: least, default, most;
    fuel_per_command: 10_000, 200_000_000, 100_000_000_000;
    fuel_per_query: 10_000, 200_000_000, 100_000_000_000;
    fuel_per_callback: 10_000, 200_000_000, 100_000_000_000;
    fuel_per_snapshot: 10_000, 100_000_000_000, 10_000_000_000_000;
    fuel_per_migration: 10_000, 100_000_000_000, 10_000_000_000_000;
    snapshot_bytes_max: 1, GIB, 64 * GIB;
    memory_bytes_max: 64 * KIB, 256 * MIB, 4 * GIB;
    table_elements_max: 1, TABLE_ELEMENTS_MAX.into(), TABLE_ELEMENTS_MAX.into();
    command_bytes_max: 1, MIB, COMMAND_BYTES_MAX.into();
    reply_bytes_max: 1, 4 * MIB, 16 * MIB;
    event_bytes_max: 1, 64 * KIB, MIB;
    events_per_command_max: 0, 256, 65_536;
    log_line_bytes_max: 0, 4 * KIB, 64 * KIB;
    log_lines_per_command_max: 0, 64, 4_096;
    key_bytes_max: 1, 4 * KIB, 64 * KIB;
    value_bytes_max: 1, 4 * MIB, 16 * MIB;
    changed_bytes_per_command_max: 1, 16 * MIB, 256 * MIB;
    entry_output_bytes_max: 64 * KIB, 64 * MIB, GIB;
    changed_bytes_per_migration_max: 1, 256 * MIB, 4 * GIB;
    host_call_bytes_max: 64 * KIB, 32 * MIB, 512 * MIB;
    proposals_per_callback_max: 0, 64, 4_096;
    timers_max: 0, 256, 4_096;
    timer_delay_ms_min: 1, 10, 60_000;
    sessions_max: 0, 1_024, 65_536;
    session_commands_max: 1, 256, 4_096;
    session_reply_bytes_max: 1, 4 * MIB, 64 * MIB;
    sessions_reply_bytes_max: 1, 64 * MIB, GIB;
    session_timeout_ms_max: 1_000, 86_400_000, 2_592_000_000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(GroupLimits::default().validate(), Ok(()));
    }

    #[test]
    fn a_limit_past_the_ceiling_is_named() {
        let limits = GroupLimits { memory_bytes_max: 5 * GIB, ..GroupLimits::default() };
        let error = limits.validate().expect_err("more than a component can address");
        assert_eq!((error.name, error.value, error.max), ("memory_bytes_max", 5 * GIB, 4 * GIB));
        let elements = u64::from(TABLE_ELEMENTS_MAX);
        let limits = GroupLimits { table_elements_max: elements + 1, ..GroupLimits::default() };
        let error = limits.validate().expect_err("more than an engine sets aside");
        assert_eq!((error.name, error.max), ("table_elements_max", elements));
        let limits = GroupLimits { fuel_per_command: 0, ..GroupLimits::default() };
        assert_eq!(limits.validate().expect_err("no fuel at all").name, "fuel_per_command");
    }
}

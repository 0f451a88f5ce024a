//! The cost of a command.

use super::{
    Subjects,
    driver::{Driver, commands},
    table::{Goal, Table, microseconds, shown},
};
use std::time::Duration;

/// Commands that are applied at a time: in less than the system leaves a thread alone, as a rule.
const COMMANDS: usize = 500;
/// In entries of one command, which are slower.
const COMMANDS_ALONE: usize = 100;
/// How often in a round.
const TIMES: u32 = 50;

pub(super) fn measure(subjects: &Subjects, rounds: u32) -> Table {
    let head = ["one command", "native", "component", "over native", "goal"];
    let mut table = Table::new("Commands, from the log to the state", &head);
    let memory_goal = Goal::MicrosecondsAtMost(0.25);
    let cases = [
        (&subjects.memory, 64, 100, memory_goal),
        (&subjects.memory, 1024, 100, memory_goal),
        (&subjects.memory, 64, 1, Goal::None),
        (&subjects.store, 64, 100, Goal::MicrosecondsAtMost(0.6)),
        (&subjects.store, 1024, 100, Goal::None),
        (&subjects.store, 64, 1, Goal::MicrosecondsAtMost(8.0)),
        (&subjects.store, 1024, 1, Goal::None),
    ];
    for (subject, bytes, in_entry, goal) in cases {
        let mut component = Driver::new(subject.component.clone());
        let mut native = Driver::new(subject.native.clone());
        let all = if in_entry == 1 { COMMANDS_ALONE } else { COMMANDS };
        let commands = commands(in_entry, bytes);
        let mut best = [Duration::MAX; 2];
        for _ in 0..rounds * TIMES {
            let took =
                [&mut native, &mut component].map(|driver| driver.per_command(all / in_entry, &commands));
            best = [best[0].min(took[0]), best[1].min(took[1])];
        }
        let [native, component] = best.map(microseconds);
        let over = component - native;
        let what = format!("{} machine, {bytes} B, {in_entry} in an entry", subject.kind);
        table.row_with([what, shown(native), shown(component)], over, shown(over), goal);
    }
    table
}

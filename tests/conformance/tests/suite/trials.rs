use crate::components::{commands, script, subject};
use quorate_replica::trial::run_trial;

const COMMAND_BYTES_MAX: usize = 4 << 10;

/// The trial that every upload goes through, with the commands of the script.
pub(crate) fn passes(language: &str, name: &str) {
    let Some(subject) = subject(language, name) else { return };
    let mut commands = commands(&script(name));
    // What large ones would show costs minutes of an interpreter.
    commands.retain(|command| command.len() <= COMMAND_BYTES_MAX);
    let report = run_trial(subject.plugin, subject.digest, &commands)
        .unwrap_or_else(|failure| panic!("{language}-{name}: {failure}"));
    assert_eq!(report.commands, commands.len(), "no fuel was left for some");
    assert!(report.replied > 20 && report.rejected > 5, "{report:?}");
}

//! What a plugin goes through before it is published: the same at an upload and in `quorate plugin check`.

use crate::RequestError;
use bytes::Bytes;
use quorate_machine::{CheckedPlugin, Engine};
use quorate_proto::reason;
use quorate_replica::trial::{TrialFailure, TrialReport, derived_commands, run_trial};

/// A plugin that passed.
pub(crate) struct Examined {
    /// What its bytes say of it.
    pub(crate) checked: CheckedPlugin,
    /// What its trial came to.
    pub(crate) trial: TrialReport,
}

/// Checks a plugin, compiles it and tries it with these commands; with derived ones when there are none. Takes seconds, so
/// never on a thread that others wait for.
///
/// # Errors
/// Why it must not be published.
pub(crate) fn examine(engine: &Engine, bytes: &[u8], commands: &[Bytes]) -> Result<Examined, RequestError> {
    let plugin = engine.compile(bytes)?;
    let checked = plugin.checked().clone();
    let derived = if commands.is_empty() { derived_commands() } else { Vec::new() };
    let commands = if commands.is_empty() { &derived } else { commands };
    let trial = run_trial(plugin, checked.digest, commands)?;
    Ok(Examined { checked, trial })
}

impl From<TrialFailure> for RequestError {
    fn from(failure: TrialFailure) -> Self {
        match failure {
            TrialFailure::NotDeterministic(_) => Self::PluginRefused {
                reason: reason::PLUGIN_NOT_DETERMINISTIC,
                why: failure.to_string(),
                cure: "let no reply, event or change depend on anything but the state, the parameters and the functions of the host; a store machine keeps nothing in memory between commands".to_owned(),
            },
            TrialFailure::Host(fault) => Self::Internal { why: format!("the plugin could not be tried: {fault}") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_guests::Guest;
    use quorate_machine::EngineConfig;

    fn engine() -> Engine {
        Engine::new(&EngineConfig { instances_max: 16, ..EngineConfig::default() })
            .expect("the engine starts")
    }

    /// Counts at an address of its memory and replies with the count.
    const COUNT: &str = "(i64.store (i32.const 256) (i64.add (i64.load (i32.const 256)) (i64.const 1)))
        (call $ok (i32.const 256) (i32.const 8))";

    #[test]
    fn plugins_that_do_the_same_everywhere_pass() {
        let engine = engine();
        let counter = Guest::memory()
            .apply(COUNT)
            .save(
                "(call $write (i32.const 256) (i32.const 8)) (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
            )
            .load(
                "(call $read (i32.const 8) (i32.const 80))
                (i64.store (i32.const 256) (i64.load (i32.load (i32.const 80))))
                (call $answer (i32.const 0) (i32.const 0) (i32.const 0))",
            )
            .lifecycle("(i64.store (i32.const 256) (i64.const 77))")
            .query("(i64.store (i32.const 256) (i64.const 99)) (call $ok (i32.const 0) (i32.const 0))");
        let lossy = Guest::memory().apply(COUNT);
        let random = Guest::store().apply("(call $ok_u64 (call $random))");
        let trapping = Guest::memory()
            .apply("(if (local.get $len) (then unreachable)) (call $ok (i32.const 0) (i32.const 0))");
        for guest in [counter, lossy, random, trapping, Guest::store()] {
            let examined = examine(&engine, &guest.bytes(), &[]).unwrap_or_else(|why| panic!("{why}"));
            assert!(examined.trial.commands > 10, "{:?}", examined.trial);
        }
    }

    #[test]
    fn memory_kept_between_the_commands_of_a_store_machine_is_found() {
        let size = "(drop (memory.grow (i32.const 1))) (call $ok_u64 (i64.extend_i32_u (memory.size)))";
        for apply in [COUNT, size] {
            let commands = [Bytes::from("one"), Bytes::from("two"), Bytes::from("three\u{1b}")];
            let refused = examine(&engine(), &Guest::store().apply(apply).bytes(), &commands);
            let Err(error) = refused else { panic!("{apply} passed") };
            assert_eq!(error.reason(), reason::PLUGIN_NOT_DETERMINISTIC);
            assert!(error.to_string().contains("at command 3 (\"three\\x1b\")"), "{error}");
        }
    }
}

use crate::components::{engine, subject};
use bytes::Bytes;
use quorate_guests::Guest;
use quorate_rehearsal::Stage;
use quorate_replica::ports::{GroupLimits, Outcome, Plugin};
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// A component written in text: replies with the first 512 numbers of each position.
const REFERENCE: &str = "(local.set $i (i32.const 0))
    (loop $l
        (i64.store (i32.add (i32.const 256) (i32.mul (local.get $i) (i32.const 8))) (call $random))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 512))))
    (call $ok (i32.const 256) (i32.const 4096))";

/// The replies to this command, in two entries, with two of it in the first.
fn replies(plugin: Arc<dyn Plugin>, digest: PluginDigest, command: &'static str) -> Vec<Bytes> {
    let mut stage = Stage::new(plugin, digest, GroupLimits::default()).unwrap();
    let entries = [vec![command.into(), command.into()], vec![command.into()]];
    let calls = entries.into_iter().flat_map(|entry| stage.entry(entry).unwrap());
    let reply = |call: quorate_replica::ports::Call| match call.outcome {
        Outcome::Reply(reply) => reply,
        other => panic!("{other:?}"),
    };
    calls.map(reply).collect()
}

/// All 64 bits of the host's numbers arrive, whether the host is asked or the system that a language believes to run on. Some
/// run-times draw for themselves first: Python hundreds, to seed its own generator.
pub(crate) fn is_that_of_the_host(language: &str) {
    let Some(subject) = subject(language, "counter") else { return };
    let reference = engine().compile(&Guest::memory().apply(REFERENCE).bytes()).unwrap();
    let digest = reference.checked().digest;
    let drawn = replies(reference, digest, "");
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap()).to_string();
    for command in ["draw", "entropy"] {
        let found = replies(subject.plugin.clone(), subject.digest, command);
        for (found, drawn) in found.iter().zip(&drawn) {
            let found = str::from_utf8(found).unwrap();
            let numbers: Vec<String> = drawn.chunks(8).map(number).collect();
            assert!(
                numbers.iter().any(|number| number == found),
                "{command}: {found} is none of those of its position"
            );
            assert!(numbers.iter().any(|number| number.len() > 17), "numbers that a double cannot hold");
        }
    }
}

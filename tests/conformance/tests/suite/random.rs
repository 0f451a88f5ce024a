use crate::components::{engine, subject};
use bytes::Bytes;
use quorate_guests::Guest;
use quorate_rehearsal::Stage;
use quorate_replica::ports::{GroupLimits, Outcome, Plugin};
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// The replies to these commands, in two entries, with two draws in the first.
fn replies(plugin: Arc<dyn Plugin>, digest: PluginDigest) -> Vec<Bytes> {
    let mut stage = Stage::new(plugin, digest, GroupLimits::default()).unwrap();
    let calls =
        [vec!["draw".into(), "draw".into()], vec!["draw".into()]].map(|entry| stage.entry(entry).unwrap());
    calls
        .into_iter()
        .flatten()
        .map(|call| match call.outcome {
            Outcome::Reply(reply) => reply,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// All 64 bits of the numbers arrive, and nothing draws between them: a component written in text draws the same.
pub(crate) fn is_that_of_the_host(language: &str) {
    let Some(subject) = subject(language, "counter") else { return };
    let reference =
        engine().compile(&Guest::memory().apply("(call $ok_u64 (call $random))").bytes()).unwrap();
    let digest = reference.checked().digest;
    let drawn: Vec<String> = replies(reference, digest)
        .iter()
        .map(|reply| u64::from_le_bytes(reply[..].try_into().unwrap()).to_string())
        .collect();
    assert_eq!(replies(subject.plugin, subject.digest), drawn);
    assert!(drawn.iter().any(|number| number.len() > 17), "numbers that a double cannot hold: {drawn:?}");
}

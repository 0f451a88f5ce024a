//! A healthy plugin, cut or changed at many places: whatever the bytes say, a node answers with a refusal or runs them.

use quorate_guests::Guest;
use quorate_machine::{Engine, EngineConfig};

const PIECES: usize = 200;

fn engine() -> Engine {
    Engine::new(&EngineConfig { instances_max: 8, ..EngineConfig::default() }).expect("the engine starts")
}

#[test]
fn a_plugin_that_is_cut_anywhere_is_refused() {
    let engine = engine();
    let whole = Guest::memory().bytes();
    // What stands behind the machine itself are names, which nobody needs.
    let names =
        whole.windows(14).rposition(|window| window == b"component-name").expect("the kit names things");
    for end in (0..names - 4).step_by(whole.len() / PIECES) {
        let refusal = engine.compile(&whole[..end]).expect_err("a part is no plugin").to_string();
        assert!(!refusal.chars().any(char::is_control), "cut at {end}: {refusal:?}");
    }
}

#[test]
fn a_plugin_with_a_changed_byte_is_refused_or_another_plugin() {
    let engine = engine();
    let whole = Guest::store().lifecycle("").bytes();
    let mut refused = 0;
    for place in (8..whole.len()).step_by(whole.len() / PIECES) {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] ^= change;
            if let Err(refusal) = engine.compile(&changed) {
                let message = refusal.to_string();
                assert!(!message.chars().any(char::is_control), "changed at {place}: {message:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > PIECES, "{refused} were refused");
}

//! Builds the repository's plugins for real, and runs them on the real engine in a real replica: what the guest SDK
//! says, the toolchain makes and the host does must fit together.

#![allow(clippy::unwrap_used, reason = "tests, and what helps them")]

mod determinism;
mod failures;
mod faulty;
mod machines;
mod replica;
mod timers;

use quorate_machine::{CheckedPlugin, CompiledPlugin, Engine, EngineConfig};
use quorate_toolchain::{BuiltPlugin, build_plugin};
use quorate_vocabulary::MachineKind;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tempfile::TempDir;

/// A plugin that was built once for all tests of this run.
#[derive(Clone)]
struct Plugin {
    bytes: Vec<u8>,
    checked: CheckedPlugin,
    compiled: Arc<CompiledPlugin>,
    built: BuiltPlugin,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE
        .get_or_init(|| Engine::new(&EngineConfig { instances_max: 64, ..EngineConfig::default() }).unwrap())
}

/// The component of the package in this folder of the repository.
fn plugin(folder: &str) -> Plugin {
    static BUILT: Mutex<BTreeMap<String, Plugin>> = Mutex::new(BTreeMap::new());
    static OUT: OnceLock<TempDir> = OnceLock::new();
    let mut all = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(plugin) = all.get(folder) {
        return plugin.clone();
    }
    let out = OUT.get_or_init(|| tempfile::tempdir().unwrap()).path().join(folder.replace('/', "-"));
    let built =
        build_plugin(&repository().join(folder), &out, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let bytes = fs::read(&out).unwrap();
    let checked = engine().check(&bytes).unwrap_or_else(|refusal| panic!("{refusal}"));
    let compiled = engine().compile(&bytes).unwrap_or_else(|refusal| panic!("{refusal}"));
    let plugin = Plugin { bytes, checked, compiled, built };
    all.insert(folder.to_owned(), plugin.clone());
    plugin
}

#[test]
fn each_plugin_comes_out_as_the_kind_that_its_macro_says() {
    for (folder, kind, has_lifecycle, has_timers) in [
        ("plugins/counter", MachineKind::Memory, true, false),
        ("plugins/faulty", MachineKind::Memory, true, true),
        ("plugins/kv", MachineKind::Store, true, false),
        ("plugins/lock", MachineKind::Store, false, true),
        ("plugins/queue", MachineKind::Store, false, true),
        ("examples/plugins/greeter", MachineKind::Store, false, false),
    ] {
        let plugin = plugin(folder);
        let checked = &plugin.checked;
        let found = (checked.kind, checked.has_lifecycle, checked.has_timers);
        assert_eq!(found, (kind, has_lifecycle, has_timers), "{folder}");
        assert_eq!(plugin.checked.digest.to_string(), plugin.built.digest, "{folder}");
        assert_eq!(plugin.built.package, folder.rsplit('/').next().unwrap());
    }
}

#[test]
fn plugins_are_small_and_name_no_folder_of_this_machine() {
    let home = std::env::var("HOME").unwrap();
    let repository = repository().canonicalize().unwrap();
    let plugins = ["counter", "faulty", "kv", "lock", "queue"].map(|name| format!("plugins/{name}"));
    for folder in plugins.iter().map(String::as_str).chain(["examples/plugins/greeter"]) {
        let bytes = plugin(folder).bytes;
        assert!(bytes.len() < 100_000, "{folder} has {} bytes", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        for path in [home.as_str(), repository.to_str().unwrap()] {
            assert!(!text.contains(path), "{folder} names {path}");
        }
    }
}

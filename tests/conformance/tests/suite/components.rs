//! The examples, built by `cargo xtask test` and compiled once for all tests of this run.

use quorate_machine::{CompiledPlugin, Engine, EngineConfig};
use quorate_rehearsal::{Script, Step, Subject};
use quorate_replica::ports::GroupLimits;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{env, fs};

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE
        .get_or_init(|| Engine::new(&EngineConfig { instances_max: 128, ..EngineConfig::default() }).unwrap())
}

/// The folder with the components.
fn folder() -> PathBuf {
    let folder = env::var_os("QUORATE_PLUGINS").map(PathBuf::from);
    folder.unwrap_or_else(|| {
        panic!("QUORATE_PLUGINS is not set: these tests are run by `cargo xtask test`, which builds what they need")
    })
}

/// The plugin in this language; none when the language is skipped, which is said where everybody sees it.
pub(crate) fn subject(language: &str, name: &str) -> Option<Subject> {
    if let Ok(why) = fs::read_to_string(folder().join(format!("{language}.skipped"))) {
        // Not by a macro: the output of those is kept back when a test passes.
        let _ = writeln!(io::stderr(), "skipped: {language}-{name}: {}", why.trim().replace('\n', " "));
        return None;
    }
    Some(component(&format!("{language}-{name}.wasm")))
}

/// The plugin in this file.
pub(crate) fn component(file: &str) -> Subject {
    type Compiled = Arc<OnceLock<Arc<CompiledPlugin>>>;
    static ALL: Mutex<BTreeMap<PathBuf, Compiled>> = Mutex::new(BTreeMap::new());
    let path = folder().join(file);
    let compiled =
        ALL.lock().unwrap_or_else(PoisonError::into_inner).entry(path.clone()).or_default().clone();
    // Others may be compiled meanwhile.
    let plugin = compiled
        .get_or_init(|| {
            let bytes = fs::read(&path)
                .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask test`", path.display()));
            engine().compile(&bytes).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()))
        })
        .clone();
    let digest = plugin.checked().digest;
    Subject { plugin, digest, limits: GroupLimits::default() }
}

/// The script of a plugin.
pub(crate) fn script(name: &str) -> Script {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).unwrap();
    Script::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All commands of a script, in order.
pub(crate) fn commands(script: &Script) -> Vec<bytes::Bytes> {
    let steps = script.cases.iter().flat_map(|case| &case.steps);
    let entries =
        steps.filter_map(|(step, _)| if let Step::Apply(commands) = step { Some(commands) } else { None });
    entries.flatten().cloned().collect()
}

//! What it costs that a machine is a plugin: the same logic as a component and as native code, side by side.

mod calls;
mod driver;
mod end_to_end;
mod instances;
mod languages;
mod native;
mod snapshots;
mod table;

use crate::figures::{line, say};
use clap::Args;
use quorate_machine::{CodeCacheConfig, CompiledPlugin, Engine, EngineConfig};
use quorate_replica::ports::Plugin;
use quorate_vocabulary::MachineKind;
use std::{fs, sync::Arc};
use table::Table;

/// Instances that the engines of this program have room for.
const INSTANCES: u32 = 64;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How often everything is measured; the best of each is reported
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// The size of the state that is saved and loaded, in MiB
    #[arg(long, default_value_t = 64)]
    mebibytes: usize,
    /// For how long commands are sent in each of the rounds from end to end, in milliseconds
    #[arg(long, default_value_t = 300)]
    load_ms: u64,
    /// Measures only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Calls,
    Instances,
    Snapshots,
    Languages,
    EndToEnd,
}

/// The two plugins, each as a component and as native code.
struct Subjects {
    engine: Engine,
    memory: Subject,
    store: Subject,
}

struct Subject {
    kind: MachineKind,
    bytes: Vec<u8>,
    component: Arc<CompiledPlugin>,
    native: Arc<dyn Plugin>,
}

impl Subjects {
    fn new() -> Self {
        let engine = Engine::new(&config()).expect("the engine starts");
        let subject = |kind: MachineKind| {
            let bytes = component(&format!("tally-{kind}"));
            let component = engine.compile(&bytes).expect("it compiles");
            Subject { kind, bytes, component, native: native::plugin(kind) }
        };
        let (memory, store) = (subject(MachineKind::Memory), subject(MachineKind::Store));
        Self { engine, memory, store }
    }
}

fn config() -> EngineConfig {
    EngineConfig { instances_max: INSTANCES, ..EngineConfig::default() }
}

/// As [`config`], with code kept in this folder.
fn config_with_cache(folder: &std::path::Path) -> EngineConfig {
    let code_cache = CodeCacheConfig { folder: folder.to_owned(), owner: String::new(), bytes_max: 1 << 30 };
    EngineConfig { code_cache: Some(code_cache), ..config() }
}

fn component(name: &str) -> Vec<u8> {
    fs::read(quorate_end_to_end::component(name)).expect("a built plugin")
}

pub(crate) async fn run(arguments: &Arguments) {
    let subjects = Subjects::new();
    line(&format!(
        "{}; the best of {} rounds, component and native in turns",
        subjects.engine.fingerprint(),
        arguments.rounds
    ));
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    let mut missed = 0;
    let mut print = |table: Table| missed += table.print();
    if wanted(Part::Calls) {
        say("commands");
        print(calls::measure(&subjects, arguments.rounds));
    }
    if wanted(Part::Instances) {
        say("instances, compiled code and traps");
        print(instances::measure(&subjects, arguments.rounds));
    }
    if wanted(Part::Snapshots) {
        say("saving and loading");
        print(snapshots::measure(&subjects, arguments.mebibytes, arguments.rounds));
    }
    if wanted(Part::Languages) {
        say("languages");
        print(languages::measure(arguments.rounds));
    }
    if wanted(Part::EndToEnd) {
        say("end to end");
        print(end_to_end::measure(&subjects, arguments.rounds, arguments.load_ms).await);
    }
    line(&match missed {
        0 => "every goal is met".to_owned(),
        1 => "one goal is missed".to_owned(),
        many => format!("{many} goals are missed"),
    });
}

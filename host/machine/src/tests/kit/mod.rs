//! Components from a few instructions, and short words for running them.

pub(crate) use quorate_guests::{Guest, wat};

use crate::{CompiledPlugin, Engine, EngineConfig};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, EmptyView, GroupInfo, GroupLimits, HostFault, Instance, Outcome, Plugin, ScanRange, StoreView,
        TrapKind,
    },
};
use quorate_vocabulary::{GroupId, Position};
use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

/// What the tests do with a guest.
pub(crate) trait Run {
    fn compile(&self) -> Arc<CompiledPlugin>;

    /// One instance in group 7 with the default limits.
    fn start(&self) -> Box<dyn Instance> {
        self.start_with(&GroupLimits::default())
    }

    fn start_with(&self, limits: &GroupLimits) -> Box<dyn Instance> {
        self.compile().start(&group(), limits).expect("the guest starts")
    }
}

impl Run for Guest {
    fn compile(&self) -> Arc<CompiledPlugin> {
        engine().compile(&self.bytes()).unwrap_or_else(|refusal| panic!("{refusal}\n{}", self.text()))
    }
}

/// Settings for tests: little address space, so that many engines fit into one process.
pub(crate) fn small() -> EngineConfig {
    EngineConfig { instances_max: 64, ..EngineConfig::default() }
}

/// The engine of all tests that do not need one of their own.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&small()).expect("the engine starts"))
}

pub(crate) fn group() -> GroupInfo {
    GroupInfo { id: GroupId(7), name: "acme/orders".parse().expect("a name") }
}

pub(crate) fn at(index: u64) -> Position {
    Position { index, ordinal: 0, time_ms: 1_000 }
}

/// Applies a command to an empty store.
pub(crate) fn apply(instance: &mut dyn Instance, command: &'static [u8]) -> Call {
    instance.apply(at(10), &Bytes::from_static(command), Overlay::empty()).expect("no fault").0
}

pub(crate) fn query(instance: &mut dyn Instance, request: &'static [u8]) -> Call {
    instance.query(at(10), &Bytes::from_static(request), Arc::new(EmptyView)).expect("no fault")
}

/// The reply of a call that replied.
pub(crate) fn reply(call: Call) -> Bytes {
    match call.outcome {
        Outcome::Reply(reply) => reply,
        other => panic!("no reply but {other:?}"),
    }
}

/// The kind and message of a call that trapped.
pub(crate) fn trapped(call: &Call) -> (TrapKind, &str) {
    match &call.outcome {
        Outcome::Trapped(trap) => (trap.kind, &trap.message),
        other => panic!("no trap but {other:?}"),
    }
}

/// A store in memory.
#[derive(Default)]
pub(crate) struct MapView(pub(crate) BTreeMap<Bytes, Bytes>);

impl MapView {
    pub(crate) fn of(pairs: &[(&'static str, &'static str)]) -> Arc<Self> {
        Arc::new(Self(pairs.iter().map(|(key, value)| (Bytes::from(*key), Bytes::from(*value))).collect()))
    }
}

impl StoreView for MapView {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        let found = self.0.iter().filter(|(key, _)| range.keys.contains(key));
        let found = found.map(|(key, value)| (key.clone(), value.clone()));
        let mut pairs: Vec<_> = if range.reverse { found.rev().collect() } else { found.collect() };
        pairs.truncate(range.limit);
        let mut bytes = 0;
        let fits = pairs.iter().take_while(|(key, value)| {
            bytes += u64::try_from(key.len() + value.len()).expect("small");
            bytes <= range.bytes_max
        });
        let fits = fits.count().max(1).min(pairs.len());
        pairs.truncate(fits);
        Ok(pairs)
    }
}

/// A store whose disk is broken.
pub(crate) struct BrokenView;

impl StoreView for BrokenView {
    fn get(&self, _key: &[u8]) -> Result<Option<Bytes>, HostFault> {
        Err(HostFault::because("the disk is gone"))
    }

    fn scan(&self, _range: &ScanRange) -> Result<Vec<(Bytes, Bytes)>, HostFault> {
        Err(HostFault::because("the disk is gone"))
    }
}

/// A sink whose bytes can be looked at afterwards.
#[derive(Clone, Default)]
pub(crate) struct Sink(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Text in the guest's memory: a `data` segment at an address.
pub(crate) fn data(address: u32, text: &str) -> String {
    format!(r#"(data (i32.const {address}) "{text}")"#)
}

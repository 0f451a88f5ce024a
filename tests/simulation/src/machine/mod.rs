//! The machine that groups run: numbers by name, in native code whose cost depends on its instance's history, as a
//! WebAssembly plugin's does. It has versions: each says which it is when it is asked (`version`), and no two cost the same.

mod versions;

pub(crate) use versions::{Compiled, VERSIONS, Versions, digest, reference, state_version, with_digest};

use crate::disk::lock;
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, EmptyView, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent,
        Outcome, Plugin, StoreView, Trap, TrapKind,
    },
    testing::NativePlugin,
};
use quorate_vocabulary::{MachineKind, Position};
use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

type SharedInstance = Arc<Mutex<Box<dyn Instance>>>;

/// The plugin as one replica's host has it, with a hold on the instance that applies: for bugs that call it.
#[derive(Clone)]
pub(crate) struct HeldPlugin {
    plugin: NativePlugin,
    version: u32,
    /// Whether what is started now is for an observer.
    observing: Arc<AtomicBool>,
    applying: Arc<Mutex<Option<SharedInstance>>>,
}

impl HeldPlugin {
    fn new(kind: MachineKind, version: u32, of: &Versions) -> Self {
        let (observing, applying) = (of.observing.clone(), of.applying.clone());
        Self { plugin: NativePlugin::new(kind), version, observing, applying }
    }

    /// Runs this, with what is started in it being for an observer.
    pub(crate) fn observe<T>(&self, work: impl FnOnce() -> T) -> T {
        self.observing.store(true, Ordering::Relaxed);
        let value = work();
        self.observing.store(false, Ordering::Relaxed);
        value
    }

    /// The instance that applies, which nobody but apply may call.
    pub(crate) fn applying(&self) -> Option<SharedInstance> {
        lock(&self.applying).clone()
    }
}

impl Plugin for HeldPlugin {
    fn kind(&self) -> MachineKind {
        self.plugin.kind()
    }

    fn has_lifecycle(&self) -> bool {
        true
    }

    fn state_version(&self) -> u32 {
        state_version(self.version)
    }

    fn migrates(&self) -> bool {
        true
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        let shared = Arc::new(Mutex::new(self.plugin.start(group, limits)?));
        if !self.observing.load(Ordering::Relaxed) && self.kind() == MachineKind::Memory {
            *lock(&self.applying) = Some(shared.clone());
        }
        Ok(Box::new(HeldInstance { shared, version: self.version }))
    }
}

/// An instance of one version.
struct HeldInstance {
    shared: SharedInstance,
    version: u32,
}

/// What a call costs more for every version.
const VERSION_FUEL: u64 = 3;

/// Migrations fail as the numbers of these names ask for, as long as there are any.
const BREAKS: [&str; 2] = ["break-migrate", "refuse-migrate"];
/// To this number is added from which version a state was migrated.
const MIGRATED: &str = "migrated";

fn broken(name: &str) -> CallFailure {
    if name == "break-migrate" {
        let message = "broken as asked".to_owned();
        CallFailure::Trapped(Trap { kind: TrapKind::Instruction, message })
    } else {
        CallFailure::Refused("refused as asked".to_owned())
    }
}

impl Instance for HeldInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        let asks_for_version = command.as_ref() == b"version";
        let asked = if asks_for_version { &Bytes::from_static(b"time") } else { command };
        let (mut call, store) = lock(&self.shared).apply(position, asked, store)?;
        match &mut call.outcome {
            // It is charged for all that it might have burnt.
            Outcome::Trapped(_) => return Ok((call, store)),
            Outcome::Reply(reply) if asks_for_version => *reply = self.version.to_string().into(),
            _ => {}
        }
        call.fuel += VERSION_FUEL * u64::from(self.version);
        Ok((call, store))
    }

    fn migrate_store(
        &mut self,
        _at: Position,
        from: u32,
        mut store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        let fault = |error| HostFault::because(format!("the store: {error}"));
        let read = |store: &Overlay, name: &str| store.get(name.as_bytes()).map_err(fault);
        for name in BREAKS {
            if read(&store, name)?.is_some() {
                return Ok((Err(broken(name)), store));
            }
        }
        let before = read(&store, MIGRATED)?.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let after = before.unwrap_or(0_u32).saturating_add(from);
        store.put(Bytes::from_static(MIGRATED.as_bytes()), after.to_string().into()).map_err(fault)?;
        Ok((Ok(()), store))
    }

    fn migrate_memory(
        &mut self,
        at: Position,
        from: u32,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let mut instance = lock(&self.shared);
        if let Err(failure) = instance.load(at, source)? {
            return Ok(Err(failure));
        }
        for name in BREAKS {
            let held = instance.query(at, &format!("get {name}").into(), Arc::new(EmptyView))?;
            if !matches!(held.outcome, Outcome::Reply(number) if number.as_ref() == b"0") {
                return Ok(Err(broken(name)));
            }
        }
        let command = format!("add {MIGRATED} {from}").into();
        let _ = instance.apply(at, &command, Overlay::empty())?;
        Ok(Ok(()))
    }

    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        lock(&self.shared).query(at, request, store)
    }

    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        lock(&self.shared).save(at, sink)
    }

    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        lock(&self.shared).load(at, source)
    }

    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        lock(&self.shared).lifecycle(at, event, store)
    }
}

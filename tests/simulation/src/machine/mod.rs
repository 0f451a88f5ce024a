//! The machine that groups run: numbers by name, in native code whose cost depends on its instance's history, as a
//! WebAssembly plugin's does.

use crate::disk::lock;
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Plugin,
        StoreView,
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
    /// Whether what is started now is for an observer.
    observing: Arc<AtomicBool>,
    applying: Arc<Mutex<Option<SharedInstance>>>,
}

impl HeldPlugin {
    pub(crate) fn new(kind: MachineKind) -> Self {
        Self { plugin: NativePlugin::new(kind), observing: Arc::default(), applying: Arc::default() }
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

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        let instance = self.plugin.start(group, limits)?;
        if self.observing.load(Ordering::Relaxed) || self.kind() == MachineKind::Store {
            return Ok(instance);
        }
        let shared = Arc::new(Mutex::new(instance));
        *lock(&self.applying) = Some(shared.clone());
        Ok(Box::new(HeldInstance(shared)))
    }
}

struct HeldInstance(SharedInstance);

impl Instance for HeldInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        lock(&self.0).apply(position, command, store)
    }

    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        lock(&self.0).query(at, request, store)
    }

    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        lock(&self.0).save(at, sink)
    }

    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        lock(&self.0).load(at, source)
    }

    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        lock(&self.0).lifecycle(at, event, store)
    }
}

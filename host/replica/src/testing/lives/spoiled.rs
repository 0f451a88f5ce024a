use crate::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, EmptyView, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent,
        Plugin, StoreView,
    },
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, Position};
use std::{
    io::{Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// A query that is to run on the instance that applies the next command.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Option<Bytes>>>);

impl Waiting {
    pub(super) fn set(&self, query: Option<Bytes>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = query;
    }

    fn take(&self) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A plugin whose instances answer the query that waits before they apply a command: what a host would do that keeps
/// queries and commands not apart.
pub(super) struct SpoiledPlugin {
    pub(super) plugin: Arc<dyn Plugin>,
    pub(super) waiting: Waiting,
}

impl Plugin for SpoiledPlugin {
    fn kind(&self) -> MachineKind {
        self.plugin.kind()
    }

    fn has_lifecycle(&self) -> bool {
        self.plugin.has_lifecycle()
    }

    fn has_timers(&self) -> bool {
        self.plugin.has_timers()
    }

    fn state_version(&self) -> u32 {
        self.plugin.state_version()
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        let instance = self.plugin.start(group, limits)?;
        Ok(Box::new(SpoiledInstance { instance, waiting: self.waiting.clone() }))
    }
}

struct SpoiledInstance {
    instance: Box<dyn Instance>,
    waiting: Waiting,
}

impl Instance for SpoiledInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        if let Some(query) = self.waiting.take() {
            self.instance.query(position, &query, Arc::new(EmptyView))?;
        }
        self.instance.apply(position, command, store)
    }

    fn fired(&mut self, position: Position, id: u64, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        self.instance.fired(position, id, store)
    }

    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        self.instance.query(at, request, store)
    }

    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.instance.save(at, sink)
    }

    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.instance.load(at, source)
    }

    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        self.instance.lifecycle(at, event, store)
    }
}

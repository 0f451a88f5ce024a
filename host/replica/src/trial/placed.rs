use super::log::Places;
use crate::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Plugin,
        StoreView,
    },
};
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, Position};
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// A plugin that is told other positions than those of its log.
///
/// Where the same commands are packed in another way their positions differ, and a plugin may well use its position or
/// what is derived from it. Told the positions of the first log, it must do as it did there.
pub(crate) struct PlacedPlugin {
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) places: Arc<Places>,
}

impl Plugin for PlacedPlugin {
    fn kind(&self) -> MachineKind {
        self.plugin.kind()
    }

    fn has_lifecycle(&self) -> bool {
        self.plugin.has_lifecycle()
    }

    fn has_timers(&self) -> bool {
        self.plugin.has_timers()
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        let instance = self.plugin.start(group, limits)?;
        Ok(Box::new(PlacedInstance { instance, places: self.places.clone() }))
    }
}

struct PlacedInstance {
    instance: Box<dyn Instance>,
    places: Arc<Places>,
}

impl Instance for PlacedInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        self.instance.apply(self.places.of(position), command, store)
    }

    fn fired(&mut self, position: Position, id: u64, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        self.instance.fired(self.places.of(position), id, store)
    }

    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        self.instance.query(self.places.of(at), request, store)
    }

    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.instance.save(self.places.of(at), sink)
    }

    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.instance.load(self.places.of(at), source)
    }

    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        self.instance.lifecycle(self.places.of(at), event, store)
    }
}

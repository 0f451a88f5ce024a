//! The machines `tally-memory` and `tally-store` as native code.

use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Outcome,
        Plugin, StoreView,
    },
};
use quorate_vocabulary::{MachineKind, Position};
use std::{
    cell::RefCell,
    io::{BufReader, BufWriter, Read, Write},
    sync::Arc,
};
use tally::{Cells, Tally};

/// The plugin of a kind.
pub(super) fn plugin(kind: MachineKind) -> Arc<dyn Plugin> {
    Arc::new(Native(kind))
}

struct Native(MachineKind);

impl Plugin for Native {
    fn kind(&self) -> MachineKind {
        self.0
    }

    fn has_lifecycle(&self) -> bool {
        false
    }

    fn start(&self, _: &GroupInfo, _: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        Ok(match self.0 {
            MachineKind::Memory => Box::new(NativeMemory(Tally::default())),
            MachineKind::Store => Box::new(NativeStore),
        })
    }
}

fn replied(reply: Vec<u8>) -> Call {
    Call::of(Outcome::Reply(reply.into()))
}

struct NativeMemory(Tally);

impl Instance for NativeMemory {
    fn apply(&mut self, _: Position, command: &Bytes, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        Ok((replied(self.0.apply(command)), store))
    }

    fn query(&mut self, _: Position, _: &Bytes, _: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        Ok(replied(Vec::new()))
    }

    fn save(
        &mut self,
        _: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let mut sink = BufWriter::new(sink);
        self.0.save(&mut sink)?;
        sink.flush()?;
        Ok(Ok(()))
    }

    fn load(
        &mut self,
        _: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.0 = Tally::load(&mut BufReader::new(source))?;
        Ok(Ok(()))
    }

    fn lifecycle(
        &mut self,
        _: Position,
        _: &LifecycleEvent,
        _: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback::default())
    }
}

struct NativeStore;

/// What a native machine sees of the overlay. The store of these benchmarks has no faults.
struct OverlayCells(RefCell<Overlay>);

impl Cells for OverlayCells {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.borrow().get(key).expect("no fault").map(Vec::from)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        self.0.get_mut().put(key, value).expect("within the limits");
    }
}

impl Instance for NativeStore {
    fn apply(&mut self, _: Position, command: &Bytes, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        let mut cells = OverlayCells(RefCell::new(store));
        let reply = tally::exchange(&mut cells, command);
        Ok((replied(reply), cells.0.into_inner()))
    }

    fn query(&mut self, _: Position, _: &Bytes, _: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        Ok(replied(Vec::new()))
    }

    fn save(&mut self, _: Position, _: Box<dyn Write + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Err(HostFault::because("a store machine saves nothing"))
    }

    fn load(&mut self, _: Position, _: Box<dyn Read + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Err(HostFault::because("a store machine loads nothing"))
    }

    fn lifecycle(
        &mut self,
        _: Position,
        _: &LifecycleEvent,
        _: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback::default())
    }
}

use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Call, CallFailure, Callback, HostFault, Instance, LifecycleEvent, Outcome, StoreView, Trap},
};
use quorate_vocabulary::Position;
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// An instance that trapped as it started: whatever it is asked, that is the answer.
///
/// Starting hangs on the plugin, the group and its limits alone, so it is no fault of this host but an outcome that every
/// replica comes to.
pub(crate) struct StillbornInstance {
    trap: Trap,
}

impl StillbornInstance {
    pub(crate) fn new(Trap { kind, message }: Trap) -> Self {
        Self { trap: Trap { kind, message: format!("it does not start in this group: {message}") } }
    }

    fn call(&self) -> Call {
        Call::of(Outcome::Trapped(self.trap.clone()))
    }
}

impl Instance for StillbornInstance {
    fn apply(&mut self, _: Position, _: &Bytes, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        Ok((self.call(), store))
    }

    fn fired(&mut self, _: Position, _: u64, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        Ok((self.call(), store))
    }

    fn query(&mut self, _: Position, _: &Bytes, _: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        Ok(self.call())
    }

    fn save(&mut self, _: Position, _: Box<dyn Write + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(Err(CallFailure::Trapped(self.trap.clone())))
    }

    fn load(&mut self, _: Position, _: Box<dyn Read + Send>) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(Err(CallFailure::Trapped(self.trap.clone())))
    }

    fn migrate_store(
        &mut self,
        _: Position,
        _: u32,
        store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        Ok((Err(CallFailure::Trapped(self.trap.clone())), store))
    }

    fn migrate_memory(
        &mut self,
        _: Position,
        _: u32,
        _: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        Ok(Err(CallFailure::Trapped(self.trap.clone())))
    }

    fn lifecycle(
        &mut self,
        _: Position,
        _: &LifecycleEvent,
        _: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        Ok(Callback { failure: Some(self.trap.clone()), ..Callback::default() })
    }
}

use super::{Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, LifecycleEvent, StoreView};
use crate::Overlay;
use bytes::Bytes;
use quorate_vocabulary::{MachineKind, Position};
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// A state machine somebody wrote, ready to run: compiled code, or native code.
pub trait Plugin: Send + Sync {
    /// Where it keeps its state.
    fn kind(&self) -> MachineKind;

    /// Whether it wants to be told of its replica's life.
    fn has_lifecycle(&self) -> bool;

    /// Whether it is to be called when its timers fire. One that is not cannot set any.
    fn has_timers(&self) -> bool {
        false
    }

    /// The version of the state that it keeps; 0 when it does not say.
    fn state_version(&self) -> u32 {
        0
    }

    /// Whether it can carry across a state of another version.
    fn migrates(&self) -> bool {
        false
    }

    /// Whether there is room for one more instance that stays. [`Plugin::start`] gives one past that too, for those that go
    /// soon or take the place of another; whoever can wait, or has no need of it yet, asks first.
    fn has_room(&self) -> bool {
        true
    }

    /// A fresh instance. Two fresh instances of one plugin under the same limits must behave the same to the last
    /// unit of fuel, on every node.
    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault>;
}

/// One instance of a plugin: a wasmtime store with its linear memory.
///
/// What a call does may depend on every call before it on the same instance, which is why the replica decides with care
/// who may call an instance. After a trap (in any call) it is dropped and never called again.
///
/// An `Err` is always the host's own failure; how the plugin ended stands in the value.
pub trait Instance: Send {
    /// Applies one committed command. `store` holds what the commands before it in the entry changed and takes what this
    /// one changes; it comes back whatever the outcome, and the replica keeps or drops the command's changes. A memory
    /// machine is handed an overlay of nothing, and hands it back.
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault>;

    /// Tells the machine that one of its timers fires: as [`Instance::apply`] in all else. Never called of a plugin without
    /// timers.
    fn fired(&mut self, position: Position, id: u64, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        let _ = (position, store);
        Err(HostFault::because(format!("timer {id} fired of a plugin that has no timers")))
    }

    /// Answers a query, as of the applied position `at`. A memory machine answers from its memory and ignores `store`.
    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault>;

    /// Writes the whole state of a memory machine. An error of the sink is a [`HostFault`]. The sink is dropped before
    /// this returns.
    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault>;

    /// Reads the whole state of a memory machine; called once at most, before anything else. An error of the source is a
    /// [`HostFault`].
    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault>;

    /// Brings the store of a store machine from another version of the state to that of this plugin; called once, before
    /// anything else. The overlay comes back whatever the outcome. Never called of a plugin that does not migrate.
    fn migrate_store(
        &mut self,
        at: Position,
        from: u32,
        store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        let _ = (at, from);
        Ok((Err(does_not_migrate()), store))
    }

    /// Reads what a memory machine of another version of the state saved, in the place of [`Instance::load`]. Never called of
    /// a plugin that does not migrate.
    fn migrate_memory(
        &mut self,
        at: Position,
        from: u32,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let _ = (at, from, source);
        Ok(Err(does_not_migrate()))
    }

    /// Tells the plugin of its replica's life. `propose` is allowed in [`LifecycleEvent::LeaderStart`] only while this
    /// replica leads, that is in callbacks from `LeaderStart` until `LeaderStop`; the caller drops proposals that came
    /// too late.
    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault>;
}

fn does_not_migrate() -> CallFailure {
    CallFailure::Refused("it does not export `upgrade`".to_owned())
}

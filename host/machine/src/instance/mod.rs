mod lifecycle;
mod stillborn;
mod timers;
mod upgrade;

use crate::{
    fuel,
    outcome::{Watchdog, classify},
    plugin::Inner,
    room::Place,
    state::{Phase, State},
};
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{
        Call, CallFailure, Callback, GroupInfo, GroupLimits, HostFault, Instance, LifecycleEvent, Outcome,
        StoreView, Trap, TrapKind,
    },
};
use quorate_vocabulary::{MachineKind, Position};
use std::{
    io::{Read, Write},
    mem,
    sync::Arc,
};
use wasmtime::{
    PoolConcurrencyLimitError, Store,
    component::{self, ComponentExportIndex, ComponentNamedList, Lift, Lower, TypedFunc},
};

/// What `apply` and `query` answer.
type Answer = (Result<Vec<u8>, Vec<u8>>,);
/// What `apply` takes: for a function that is kept, of any lifetime, since it can be called with any shorter one.
type Command<'a> = (u64, u32, u64, &'a [u8]);
/// What wasmtime holds of an instance.
type Made = (Store<State>, component::Instance);

/// One instance of a plugin, with its wasmtime store.
pub(crate) struct WasmInstance {
    plugin: Arc<Inner>,
    store: Store<State>,
    instance: component::Instance,
    /// Found and checked at the first command.
    apply: Option<TypedFunc<Command<'static>, Answer>>,
    /// Whether a call trapped or met a fault, after which nothing may be called.
    spent: bool,
    /// Given back behind the store, which holds what it stands for.
    _place: Place,
}

/// How one call is run.
struct Terms {
    phase: Phase,
    position: Position,
    fuel: u64,
    ticks: u64,
    watchdog: Watchdog,
}

pub(crate) use stillborn::StillbornInstance;

impl WasmInstance {
    /// An instance, or the trap that it met as it started.
    pub(crate) fn start(
        plugin: Arc<Inner>,
        group: &GroupInfo,
        limits: &GroupLimits,
        kind: MachineKind,
    ) -> Result<Result<Self, Trap>, HostFault> {
        check_limits(&plugin, limits)?;
        let (group, limits) = (Arc::new(group.clone()), Arc::new(limits.clone()));
        let make = || Self::instantiate(&plugin, group.clone(), limits.clone());
        let (made, place) = plugin.room.make(kind, make)?;
        Ok(made.map(|(store, instance)| Self {
            plugin,
            store,
            instance,
            apply: None,
            spent: false,
            _place: place,
        }))
    }

    /// None when the pool is short of something.
    fn instantiate(
        plugin: &Inner,
        group: Arc<GroupInfo>,
        limits: Arc<GroupLimits>,
    ) -> Result<Option<Result<Made, Trap>>, HostFault> {
        let host_call_bytes_max = usize::try_from(limits.host_call_bytes_max).unwrap_or(usize::MAX);
        let mut store = Store::new(plugin.pre.engine(), State::new(group, limits));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(host_call_bytes_max);
        store.set_epoch_deadline(plugin.config.apply_ticks_max);
        let starting = |error: wasmtime::Error| HostFault::because(format!("starting a plugin: {error:#}"));
        store.set_fuel(fuel::START).map_err(starting)?;
        let instance = plugin.pre.instantiate(&mut store);
        let instance = match instance {
            Ok(instance) => instance,
            // Memories and tables that begin too large for the group are refused without a trap.
            Err(error) if error.is::<wasmtime::Trap>() || store.data().ended_by_plugin() => {
                return classify(error, store.data_mut(), Watchdog::IsFault).map(|trap| Some(Err(trap)));
            }
            Err(error) if error.is::<PoolConcurrencyLimitError>() => return Ok(None),
            Err(error) => return Err(starting(error)),
        };
        Ok(Some(Ok((store, instance))))
    }

    /// Finds an exported function and checks its type.
    fn find<P, R>(&mut self, function: &ComponentExportIndex) -> Result<TypedFunc<P, R>, HostFault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        let found = self.instance.get_typed_func::<P, R>(&mut self.store, function);
        found.map_err(|error| HostFault::because(format!("calling a plugin: {error:#}")))
    }

    /// Finds and calls an exported function. On a trap or fault the instance is spent.
    fn call<P, R>(
        &mut self,
        function: &ComponentExportIndex,
        parameters: P,
        terms: &Terms,
    ) -> Result<Result<(R, u64), Trap>, HostFault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        let function = self.find::<P, R>(function)?;
        self.call_found(&function, parameters, terms)
    }

    /// Calls an exported function. On a trap or fault the instance is spent.
    fn call_found<P, R>(
        &mut self,
        function: &TypedFunc<P, R>,
        parameters: P,
        terms: &Terms,
    ) -> Result<Result<(R, u64), Trap>, HostFault>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        if mem::replace(&mut self.spent, true) {
            return Err(HostFault::because(
                "an instance of a plugin was called again after a trap or a fault",
            ));
        }
        let calling = |error: wasmtime::Error| HostFault::because(format!("calling a plugin: {error:#}"));
        self.store.data_mut().begin(terms.phase, terms.position);
        self.store.set_epoch_deadline(terms.ticks);
        self.store.set_fuel(terms.fuel).map_err(calling)?;
        match function.call(&mut self.store, parameters) {
            Ok(result) => {
                let left = self.store.get_fuel().map_err(calling)?;
                self.spent = false;
                Ok(Ok((result, terms.fuel.saturating_sub(left))))
            }
            Err(error) => classify(error, self.store.data_mut(), terms.watchdog).map(Err),
        }
    }

    /// Calls `apply` or `query` and holds the answer to the group's limit.
    fn answer<P>(
        &mut self,
        function: &TypedFunc<P, Answer>,
        parameters: P,
        terms: &Terms,
    ) -> Result<Call, HostFault>
    where
        P: ComponentNamedList + Lower,
    {
        let ended = self.call_found(function, parameters, terms)?;
        let max = self.store.data().limits.reply_bytes_max;
        let (outcome, fuel) = match ended {
            Ok(((Ok(answer) | Err(answer),), _)) if u64::try_from(answer.len()).unwrap_or(u64::MAX) > max => {
                self.spent = true;
                let message = format!("the answer has {} bytes, and the group allows {max}", answer.len());
                (Outcome::Trapped(Trap { kind: TrapKind::LimitExceeded, message }), terms.fuel)
            }
            Ok(((Ok(reply),), fuel)) => (Outcome::Reply(reply.into()), fuel),
            Ok(((Err(rejection),), fuel)) => (Outcome::Rejection(rejection.into()), fuel),
            Err(trap) => (Outcome::Trapped(trap), terms.fuel),
        };
        Ok(self.ended(outcome, fuel))
    }

    /// What a call gave and did.
    fn ended(&mut self, outcome: Outcome, fuel: u64) -> Call {
        let state = self.store.data_mut();
        let (events, timers) = (mem::take(&mut state.events), mem::take(&mut state.timers));
        let call = Call { fuel, logs: state.take_logs(), ..Call::of(outcome) };
        if matches!(call.outcome, Outcome::Reply(_)) { Call { events, timers, ..call } } else { call }
    }

    /// How a call is run that may change what is replicated.
    fn apply_terms(&self, position: Position) -> Terms {
        Terms {
            phase: Phase::Apply,
            position,
            fuel: self.store.data().limits.fuel_per_command,
            ticks: self.plugin.config.apply_ticks_max,
            watchdog: Watchdog::IsFault,
        }
    }

    /// What is left of the fuel of the last call, or of the start.
    #[cfg(test)]
    pub(crate) fn fuel_left(&self) -> u64 {
        self.store.get_fuel().expect("fuel is counted")
    }

    fn snapshot_terms(&self, phase: Phase, position: Position) -> Terms {
        Terms {
            phase,
            position,
            fuel: self.store.data().limits.fuel_per_snapshot,
            ticks: self.plugin.config.snapshot_ticks_max,
            watchdog: Watchdog::IsFault,
        }
    }

    fn save_or_load(
        &mut self,
        function: Option<ComponentExportIndex>,
        terms: &Terms,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let function = function.ok_or_else(|| {
            HostFault::because("a store machine was asked for a snapshot, which only memory machines export")
        })?;
        Ok(match self.call::<_, (Result<(), String>,)>(&function, (), terms)? {
            Ok(((Ok(()),), _)) => Ok(()),
            Ok(((Err(reason),), _)) => Err(CallFailure::Refused(crate::text::shown(&reason))),
            Err(trap) => Err(CallFailure::Trapped(trap)),
        })
    }
}

/// The pool must have room for whatever the group allows, or a growth would fail on this node alone.
fn check_limits(plugin: &Inner, limits: &GroupLimits) -> Result<(), HostFault> {
    let config = &plugin.config;
    if limits.memory_bytes_max > config.memory_reservation_bytes {
        return Err(HostFault::because(format!(
            "the group allows {} bytes of memory and this node's engine reserves {}: raise memory_reservation_bytes",
            limits.memory_bytes_max, config.memory_reservation_bytes
        )));
    }
    if limits.table_elements_max > u64::from(config.table_elements_max) {
        return Err(HostFault::because(format!(
            "the group allows {} table elements and this node's engine has room for {}: raise table_elements_max",
            limits.table_elements_max, config.table_elements_max
        )));
    }
    Ok(())
}

impl Instance for WasmInstance {
    fn apply(
        &mut self,
        position: Position,
        command: &Bytes,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        let terms = self.apply_terms(position);
        let function: TypedFunc<Command<'_>, Answer> = match self.apply {
            Some(function) => function,
            None => {
                let index = self.plugin.exports.apply;
                let function = self.find(&index)?;
                *self.apply.insert(function)
            }
        };
        let parameters = (position.index, position.ordinal, position.time_ms, command.as_ref());
        if self.plugin.checked.kind == MachineKind::Memory {
            // It has no use for the store.
            return Ok((self.answer(&function, parameters, &terms)?, store));
        }
        self.store.data_mut().store = Some(store);
        let call = self.answer(&function, parameters, &terms)?;
        Ok((call, self.take_overlay()?))
    }

    fn fired(&mut self, position: Position, id: u64, store: Overlay) -> Result<(Call, Overlay), HostFault> {
        self.fire(position, id, store)
    }

    fn query(&mut self, at: Position, request: &Bytes, store: Arc<dyn StoreView>) -> Result<Call, HostFault> {
        let plugin = self.plugin.clone();
        let terms = Terms {
            phase: Phase::Query,
            position: at,
            fuel: self.store.data().limits.fuel_per_query,
            ticks: plugin.config.query_ticks_max,
            watchdog: Watchdog::IsTrap,
        };
        let function = self.find(&plugin.exports.query)?;
        self.lend_view(store);
        let call = self.answer(&function, (request.as_ref(),), &terms);
        self.store.data_mut().store = None;
        call
    }

    fn save(
        &mut self,
        at: Position,
        sink: Box<dyn Write + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let function = self.plugin.exports.snapshot.as_ref().map(|snapshot| snapshot.save);
        let terms = self.snapshot_terms(Phase::Save, at);
        self.store.data_mut().sink = Some(sink);
        let ended = self.save_or_load(function, &terms);
        let sink = self.store.data_mut().sink.take();
        let ended = ended?;
        if let (Ok(()), Some(mut sink)) = (&ended, sink) {
            sink.flush().map_err(|error| HostFault::new("writing a snapshot", error))?;
        }
        Ok(ended)
    }

    fn load(
        &mut self,
        at: Position,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let function = self.plugin.exports.snapshot.as_ref().map(|snapshot| snapshot.load);
        let terms = self.snapshot_terms(Phase::Load, at);
        self.store.data_mut().source = Some(source);
        let ended = self.save_or_load(function, &terms);
        self.store.data_mut().source = None;
        ended
    }

    fn migrate_store(
        &mut self,
        at: Position,
        from: u32,
        store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        self.migrate_in_store(at, from, store)
    }

    fn migrate_memory(
        &mut self,
        at: Position,
        from: u32,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        self.migrate_in_memory(at, from, source)
    }

    fn lifecycle(
        &mut self,
        at: Position,
        event: &LifecycleEvent,
        store: Arc<dyn StoreView>,
    ) -> Result<Callback, HostFault> {
        self.tell(at, event, store)
    }
}

impl WasmInstance {
    /// Gets back what an instance was lent for a call.
    fn take_overlay(&mut self) -> Result<Overlay, HostFault> {
        let store = self.store.data_mut().store.take();
        store.ok_or_else(|| HostFault::because("the overlay of a command is gone"))
    }

    /// Lets a query or callback read the store. The overlay stays empty: writes are refused by the phase.
    fn lend_view(&mut self, view: Arc<dyn StoreView>) {
        if self.plugin.checked.kind == MachineKind::Store {
            let state = self.store.data_mut();
            state.store = Some(Overlay::new(view, &state.limits));
        }
    }
}

use super::{Terms, WasmInstance};
use crate::{
    outcome::Watchdog,
    state::{MigratedState, Phase},
    text::shown,
};
use quorate_replica::{
    Overlay,
    ports::{CallFailure, HostFault, Trap},
};
use quorate_vocabulary::Position;
use std::io::Read;
use wasmtime::component::ComponentExportIndex;

/// What `migrate` answers.
type Answer = (Result<(), String>,);

impl WasmInstance {
    /// The version of the state that the plugin keeps, as it says itself; 0 when it says nothing of it.
    pub(crate) fn state_version(&mut self) -> Result<Result<u32, Trap>, HostFault> {
        let plugin = self.plugin.clone();
        let Some(exports) = plugin.exports.upgrade.as_ref() else { return Ok(Ok(0)) };
        let terms = Terms {
            phase: Phase::StateVersion,
            position: Position::default(),
            fuel: self.store.data().limits.fuel_per_query,
            ticks: plugin.config.query_ticks_max,
            watchdog: Watchdog::IsTrap,
        };
        let ended = self.call::<_, (u32,)>(&exports.state_version, (), &terms)?;
        Ok(ended.map(|((version,), _)| version))
    }

    pub(super) fn migrate_in_store(
        &mut self,
        at: Position,
        from: u32,
        store: Overlay,
    ) -> Result<(Result<(), CallFailure>, Overlay), HostFault> {
        let function = self.migrate_function()?;
        self.store.data_mut().store = Some(store);
        let migrated = self.migrate(&function, at, from, MigratedState::Store)?;
        Ok((migrated, self.take_overlay()?))
    }

    pub(super) fn migrate_in_memory(
        &mut self,
        at: Position,
        from: u32,
        source: Box<dyn Read + Send>,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let function = self.migrate_function()?;
        self.store.data_mut().source = Some(source);
        let migrated = self.migrate(&function, at, from, MigratedState::Memory);
        self.store.data_mut().source = None;
        migrated
    }

    fn migrate_function(&self) -> Result<ComponentExportIndex, HostFault> {
        let exports = self.plugin.exports.upgrade.as_ref();
        exports
            .map(|exports| exports.migrate)
            .ok_or_else(|| HostFault::because("a plugin without `upgrade` was asked to migrate a state"))
    }

    fn migrate(
        &mut self,
        function: &ComponentExportIndex,
        at: Position,
        from: u32,
        state: MigratedState,
    ) -> Result<Result<(), CallFailure>, HostFault> {
        let terms = Terms {
            phase: Phase::Migrate(state),
            position: at,
            fuel: self.store.data().limits.fuel_per_migration,
            ticks: self.plugin.config.migration_ticks_max,
            watchdog: Watchdog::IsFault,
        };
        Ok(match self.call::<_, Answer>(function, (from,), &terms)? {
            Ok(((Ok(()),), _)) => Ok(()),
            Ok(((Err(reason),), _)) => Err(CallFailure::Refused(shown(&reason))),
            Err(trap) => Err(CallFailure::Trapped(trap)),
        })
    }
}

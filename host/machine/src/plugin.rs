use crate::{
    CheckedPlugin, EngineConfig, PluginRefusal,
    check::{LIFECYCLE, MACHINE, SNAPSHOT, TIMERS, UPGRADE},
    instance::{StillbornInstance, WasmInstance},
    room::Room,
    state::State,
    text::shown,
};
use quorate_replica::ports::{GroupInfo, GroupLimits, HostFault, Instance, Plugin};
use quorate_vocabulary::{GroupId, MachineKind, NameError, PluginDigest};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

/// A plugin's compiled code, linked with the host's functions: what instances are made of. Cheap to clone; every clone
/// is the same code.
#[derive(Clone)]
pub struct CompiledPlugin {
    inner: Arc<Inner>,
}

/// Where a plugin's native code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOrigin {
    /// It was compiled just now.
    Compiled,
    /// This node had compiled it before.
    Cached,
}

pub(crate) struct Inner {
    pub(crate) checked: CheckedPlugin,
    pub(crate) origin: CodeOrigin,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) config: Arc<EngineConfig>,
    /// The version of its state, known once it was started.
    pub(crate) state_version: OnceLock<u32>,
    pub(crate) room: Arc<Room>,
}

/// Where the plugin's functions are, so that no call looks up a name.
pub(crate) struct Exports {
    pub(crate) apply: ComponentExportIndex,
    pub(crate) query: ComponentExportIndex,
    pub(crate) snapshot: Option<SnapshotExports>,
    pub(crate) lifecycle: Option<LifecycleExports>,
    pub(crate) fired: Option<ComponentExportIndex>,
    pub(crate) upgrade: Option<UpgradeExports>,
}

pub(crate) struct UpgradeExports {
    pub(crate) state_version: ComponentExportIndex,
    pub(crate) migrate: ComponentExportIndex,
}

pub(crate) struct SnapshotExports {
    pub(crate) save: ComponentExportIndex,
    pub(crate) load: ComponentExportIndex,
}

pub(crate) struct LifecycleExports {
    pub(crate) leader_start: ComponentExportIndex,
    pub(crate) leader_stop: ComponentExportIndex,
    pub(crate) start_following: ComponentExportIndex,
    pub(crate) stop_following: ComponentExportIndex,
    pub(crate) configuration_committed: ComponentExportIndex,
    pub(crate) error: ComponentExportIndex,
    pub(crate) shutdown: ComponentExportIndex,
}

impl Exports {
    /// None when a function is missing, which the checks before exclude.
    pub(crate) fn of(component: &Component) -> Option<Self> {
        let find = |interface: &str, name: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), name)
        };
        let machine = MACHINE.full_name();
        let snapshot = SNAPSHOT.full_name();
        let lifecycle = LIFECYCLE.full_name();
        let upgrade = UPGRADE.full_name();
        Some(Self {
            apply: find(&machine, "apply")?,
            query: find(&machine, "query")?,
            fired: find(&TIMERS.full_name(), "fired"),
            upgrade: match find(&upgrade, "migrate") {
                Some(migrate) => {
                    Some(UpgradeExports { state_version: find(&upgrade, "state-version")?, migrate })
                }
                None => None,
            },
            snapshot: match find(&snapshot, "save") {
                Some(save) => Some(SnapshotExports { save, load: find(&snapshot, "load")? }),
                None => None,
            },
            lifecycle: match find(&lifecycle, "leader-start") {
                Some(leader_start) => Some(LifecycleExports {
                    leader_start,
                    leader_stop: find(&lifecycle, "leader-stop")?,
                    start_following: find(&lifecycle, "start-following")?,
                    stop_following: find(&lifecycle, "stop-following")?,
                    configuration_committed: find(&lifecycle, "configuration-committed")?,
                    error: find(&lifecycle, "error")?,
                    shutdown: find(&lifecycle, "shutdown")?,
                }),
                None => None,
            },
        })
    }
}

impl CompiledPlugin {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Starts one instance and drops it, so that what never starts is refused at upload rather than stop replicas.
    pub(crate) fn try_start(&self) -> Result<(), PluginRefusal> {
        let name = "check/start".parse().map_err(|error: NameError| refused(&error))?;
        let group = GroupInfo { id: GroupId::CATALOG, name };
        let limits = GroupLimits {
            table_elements_max: u64::from(self.inner.config.table_elements_max),
            memory_bytes_max: GroupLimits::default()
                .memory_bytes_max
                .min(self.inner.config.memory_reservation_bytes),
            ..GroupLimits::default()
        };
        // Gone at once, so it may wait for room, and takes none of a memory machine's.
        match WasmInstance::start(self.inner.clone(), &group, &limits, MachineKind::Store) {
            Ok(Ok(mut instance)) => {
                let version = instance.state_version().map_err(|fault| refused(&fault))?;
                let version = version.map_err(|trap| refused(&format!("state-version: {trap}")))?;
                // Set once, here.
                let _ = self.inner.state_version.set(version);
                Ok(())
            }
            Ok(Err(trap)) => Err(refused(&trap)),
            Err(fault) => Err(refused(&fault)),
        }
    }

    /// An instance whose fuel can be looked at.
    #[cfg(test)]
    pub(crate) fn start_measured(&self, group: &GroupInfo, limits: &GroupLimits) -> WasmInstance {
        WasmInstance::start(self.inner.clone(), group, limits, self.kind())
            .expect("no fault")
            .expect("it starts")
    }

    /// What its bytes said of it.
    #[must_use]
    pub fn checked(&self) -> &CheckedPlugin {
        &self.inner.checked
    }

    /// Where its native code comes from.
    #[must_use]
    pub fn origin(&self) -> CodeOrigin {
        self.inner.origin
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> PluginDigest {
        self.inner.checked.digest
    }
}

fn refused(reason: &dyn fmt::Display) -> PluginRefusal {
    PluginRefusal::DoesNotStart { reason: shown(&reason.to_string()) }
}

impl fmt::Debug for CompiledPlugin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CompiledPlugin").field(&self.inner.checked).finish()
    }
}

impl Plugin for CompiledPlugin {
    fn kind(&self) -> MachineKind {
        self.inner.checked.kind
    }

    fn has_lifecycle(&self) -> bool {
        self.inner.checked.has_lifecycle
    }

    fn has_timers(&self) -> bool {
        self.inner.checked.has_timers
    }

    fn state_version(&self) -> u32 {
        self.inner.state_version.get().copied().unwrap_or_default()
    }

    fn migrates(&self) -> bool {
        self.inner.checked.has_upgrade
    }

    fn has_room(&self) -> bool {
        self.inner.room.has_room_to_stay(self.kind())
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        Ok(match WasmInstance::start(self.inner.clone(), group, limits, self.kind())? {
            Ok(instance) => Box::new(instance),
            // It started when it was uploaded: something in this group is different, such as its limits.
            Err(trap) => Box::new(StillbornInstance::new(trap)),
        })
    }
}

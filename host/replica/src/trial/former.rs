use crate::ports::{GroupInfo, GroupLimits, HostFault, Instance, Plugin, Plugins};
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::sync::Arc;

/// The plugin itself, as one that keeps another version of the state: to migrate from. What it keeps is not what a true former
/// version would, so the migration may well refuse, or trap; but it must do the same wherever it runs.
pub(crate) struct FormerPlugin(pub(crate) Arc<dyn Plugin>);

impl FormerPlugin {
    /// What it is known by.
    pub(crate) fn digest() -> PluginDigest {
        PluginDigest::of(b"the former version of a trial")
    }
}

impl Plugin for FormerPlugin {
    fn kind(&self) -> MachineKind {
        self.0.kind()
    }

    fn has_lifecycle(&self) -> bool {
        self.0.has_lifecycle()
    }

    fn has_timers(&self) -> bool {
        self.0.has_timers()
    }

    fn state_version(&self) -> u32 {
        self.0.state_version().checked_sub(1).unwrap_or(1)
    }

    fn start(&self, group: &GroupInfo, limits: &GroupLimits) -> Result<Box<dyn Instance>, HostFault> {
        self.0.start(group, limits)
    }
}

/// The one plugin to go over to.
pub(crate) struct NextPlugin {
    pub(crate) digest: PluginDigest,
    pub(crate) plugin: Arc<dyn Plugin>,
}

impl Plugins for NextPlugin {
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        (digest == self.digest).then(|| self.plugin.clone())
    }
}

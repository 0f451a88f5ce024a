use crate::CheckedPlugin;
use quorate_vocabulary::PluginDigest;

/// A plugin's compiled code, linked with the host's functions: what instances are made of.
pub struct CompiledPlugin {
    checked: CheckedPlugin,
}

impl CompiledPlugin {
    /// What its bytes said of it.
    #[must_use]
    pub fn checked(&self) -> &CheckedPlugin {
        &self.checked
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> PluginDigest {
        self.checked.digest
    }
}

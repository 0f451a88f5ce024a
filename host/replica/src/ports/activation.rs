//! Which plugin a group runs, and what came of the last order to run another.

use super::Plugin;
use quorate_vocabulary::PluginDigest;
use std::sync::Arc;

/// The plugin whose state a group has, since it no longer runs the one it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivePlugin {
    /// Its digest.
    pub plugin: PluginDigest,
    /// The version of the state that it keeps.
    pub state_version: u32,
}

/// What came of an order to run another plugin, the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationRecord {
    /// Which upgrade of the group.
    pub number: u64,
    /// The plugin that was to run.
    pub plugin: PluginDigest,
    /// Where the order stands in the log.
    pub index: u64,
    /// When, by the leader's stamp.
    pub time_ms: u64,
    /// Why the group runs what it ran before; none: it runs the plugin from there on.
    pub failure: Option<String>,
}

/// The plugins that are compiled on this node and at hand.
pub trait Plugins: Send + Sync {
    /// The plugin with these bytes; none as long as it is not compiled.
    fn compiled(&self, digest: PluginDigest) -> Option<Arc<dyn Plugin>>;
}

/// No plugin but the one a replica was opened with: for groups that are never given another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoOtherPlugins;

impl Plugins for NoOtherPlugins {
    fn compiled(&self, _digest: PluginDigest) -> Option<Arc<dyn Plugin>> {
        None
    }
}

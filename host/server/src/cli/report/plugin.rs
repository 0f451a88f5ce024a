use super::kind_name;
use crate::cli::{
    output::{Report, size, table, table_text},
    payload::hex,
};
use quorate_proto::v1;
use serde::Serialize;

/// One published plugin.
#[derive(Debug, Serialize)]
pub(crate) struct PluginReport {
    reference: String,
    kind: &'static str,
    size_bytes: u64,
    digest: String,
    has_lifecycle: bool,
    has_timers: bool,
}

impl From<v1::Plugin> for PluginReport {
    fn from(plugin: v1::Plugin) -> Self {
        Self {
            kind: kind_name(plugin.kind()),
            size_bytes: plugin.size_bytes,
            digest: hex(&plugin.digest),
            has_lifecycle: plugin.has_lifecycle,
            has_timers: plugin.has_timers,
            reference: plugin.reference,
        }
    }
}

impl Report for PluginReport {
    fn human(&self) -> String {
        format!(
            "published {} ({} machine, {}, sha256 {})",
            self.reference,
            self.kind,
            size(self.size_bytes),
            self.digest
        )
    }
}

/// `plugin list`
#[derive(Debug, Serialize)]
pub(crate) struct PluginList {
    /// In the order of their references.
    pub(crate) plugins: Vec<PluginReport>,
}

impl Report for PluginList {
    fn human(&self) -> String {
        if self.plugins.is_empty() {
            return "no plugins; upload one with `quorate plugin upload REFERENCE FILE`".to_owned();
        }
        let mut table = table(&["PLUGIN", "KIND", "SIZE", "LIFECYCLE", "TIMERS", "SHA256"]);
        for plugin in &self.plugins {
            let yes_or_no = |has: bool| if has { "yes" } else { "no" };
            let (lifecycle, timers) = (yes_or_no(plugin.has_lifecycle), yes_or_no(plugin.has_timers));
            let digest: String = plugin.digest.chars().take(12).collect();
            table.add_row([
                &plugin.reference,
                plugin.kind,
                &size(plugin.size_bytes),
                lifecycle,
                timers,
                &digest,
            ]);
        }
        table_text(&table)
    }
}

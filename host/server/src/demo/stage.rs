//! The plugins and the groups.

use super::cluster::NODES;
use crate::cli::{failure::Failure, lines, local_plugin::COMPONENT_BYTES_MAX};
use quorate_client::{Client, CreateGroupRequest};
use std::path::Path;

/// The group that is counted in.
pub(super) const COUNTER: &str = "demo/counter";

/// The group that holds the packages.
pub(super) const KV: &str = "demo/kv";

/// Each group, the plugin that it runs and the file of that.
const GROUPS: [(&str, &str, &str); 2] =
    [(COUNTER, "demo/counter@1", "counter.wasm"), (KV, "demo/kv@1", "kv.wasm")];

/// Uploads the plugins, and creates the groups on all nodes.
pub(super) async fn set(client: &Client, plugins: &Path) -> Result<(), Failure> {
    for (group, plugin, file) in GROUPS {
        let component = lines::read_whole(&plugins.join(file), COMPONENT_BYTES_MAX).map_err(|failure| {
            failure.cure("build the plugins with `quorate plugin build`, and name their folder")
        })?;
        client.upload_plugin(plugin, component, |_| ()).await?;
        let request = CreateGroupRequest {
            name: group.to_owned(),
            plugin: plugin.to_owned(),
            nodes: (1..).take(NODES).collect(),
            ..CreateGroupRequest::default()
        };
        client.create_group(request).await?;
    }
    Ok(())
}

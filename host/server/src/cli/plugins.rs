//! `quorate plugin upload` and `quorate plugin list`

use super::{
    arguments::{PluginListArguments, PluginUploadArguments},
    failure::Failure,
    lines,
    local_plugin::COMPONENT_BYTES_MAX,
    output::Output,
    report::{PluginList, PluginReport},
    server,
};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_client::{ClientConfig, UploadProgress};
use std::time::Duration;

pub(super) async fn upload(arguments: PluginUploadArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let bytes = lines::read_whole(&arguments.file, COMPONENT_BYTES_MAX)?;
    let bar = ProgressBar::new(u64::try_from(bytes.len()).unwrap_or(u64::MAX)).with_style(
        ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}  {msg}")
            .expect("the template is a constant"),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    let progress = bar.clone();
    let on_progress = move |progress_now: UploadProgress| {
        progress.set_position(progress_now.sent_bytes);
        if progress_now.sent_bytes == progress_now.total_bytes {
            progress.set_message("checking, compiling and copying");
        }
    };
    let uploaded = client.upload_plugin(&arguments.reference.to_string(), bytes, on_progress).await;
    bar.finish_and_clear();
    output.print(&PluginReport::from(uploaded?))
}

pub(super) async fn list(arguments: PluginListArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let plugins = client.list_plugins(arguments.tenant.as_deref()).await?;
    output.print(&PluginList { plugins: plugins.into_iter().map(PluginReport::from).collect() })
}

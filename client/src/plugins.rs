use crate::{
    Client, ClientError, Plugin,
    attempt::{Attempt, Call},
    groups::PAGE_SIZE,
    retry::Repeat,
};
use bytes::Bytes;
use quorate_proto::v1::{
    ListPluginsRequest, UploadPluginHeader, UploadPluginRequest, upload_plugin_request::Part,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The size of the chunks that a plugin is sent in.
const CHUNK_BYTES: usize = 256 * 1024;

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadProgress {
    /// How many bytes were handed to the connection. All of them does not mean that it is done: the nodes check,
    /// compile and copy the plugin first. Starts again when the upload is.
    pub sent_bytes: u64,
    /// How many there are.
    pub total_bytes: u64,
}

type OnProgress = Arc<dyn Fn(UploadProgress) + Send + Sync>;

impl Client {
    /// Uploads a plugin under a reference (`tenant/name@version`); returns once it is checked, published, and held by
    /// a majority of the nodes. The same bytes again under the same reference are no error.
    ///
    /// # Errors
    /// When the plugin is refused, or no node could take it in time.
    pub async fn upload_plugin(
        &self,
        reference: &str,
        plugin: impl Into<Bytes>,
        on_progress: impl Fn(UploadProgress) + Send + Sync + 'static,
    ) -> Result<Plugin, ClientError> {
        let plugin = plugin.into();
        let hashed = plugin.clone();
        let digest = tokio::task::spawn_blocking(move || Sha256::digest(&hashed))
            .await
            .map_err(|error| ClientError::unexpected(&format!("hashing the plugin failed: {error}")))?;
        let header = UploadPluginHeader {
            reference: reference.to_owned(),
            size_bytes: length(&plugin),
            digest: Bytes::copy_from_slice(&digest),
        };
        let on_progress: OnProgress = Arc::new(on_progress);
        let run = |attempt: Attempt| {
            let parts = parts(header.clone(), plugin.clone(), on_progress.clone());
            let request = attempt.request(futures::stream::iter(parts));
            async move { attempt.plugins().upload(request).await }
        };
        let call = Call { deadline: self.config().upload_deadline, ..self.anywhere(Repeat::Harmless) };
        let response = self.call(call, run).await?.into_inner();
        response.plugin.ok_or_else(|| ClientError::unexpected("the node's answer names no plugin"))
    }

    /// All published plugins in the order of their references, or those of one tenant.
    ///
    /// # Errors
    /// When no node could answer in time.
    pub async fn list_plugins(&self, tenant: Option<&str>) -> Result<Vec<Plugin>, ClientError> {
        let mut plugins = Vec::new();
        let mut page_token = String::new();
        loop {
            let tenant = tenant.unwrap_or_default().to_owned();
            let request = ListPluginsRequest { tenant, page_size: PAGE_SIZE, page_token: page_token.clone() };
            let run = |attempt: Attempt| {
                let request = attempt.request(request.clone());
                async move { attempt.plugins().list(request).await }
            };
            let page = self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner();
            plugins.extend(page.plugins);
            // A token that stays the same would never end.
            if page.next_page_token.is_empty() || page.next_page_token == page_token {
                return Ok(plugins);
            }
            page_token = page.next_page_token;
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The messages of an upload. The chunks share the plugin's memory.
fn parts(
    header: UploadPluginHeader,
    plugin: Bytes,
    on_progress: OnProgress,
) -> impl Iterator<Item = UploadPluginRequest> + Send + 'static {
    let total_bytes = length(&plugin);
    let mut sent_bytes = 0;
    let chunks = (0..plugin.len()).step_by(CHUNK_BYTES).map(move |start| {
        let chunk = plugin.slice(start..plugin.len().min(start.saturating_add(CHUNK_BYTES)));
        sent_bytes += length(&chunk);
        on_progress(UploadProgress { sent_bytes, total_bytes });
        Part::Chunk(chunk)
    });
    let parts = std::iter::once(Part::Header(header)).chain(chunks);
    parts.map(|part| UploadPluginRequest { part: Some(part) })
}

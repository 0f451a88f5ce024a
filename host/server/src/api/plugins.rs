use super::{ApiConfig, ApiError, Node, convert, deadline, gate::Gate, upload, validate};
use crate::RequestError;
use quorate_proto::v1;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

/// `quorate.v1.Plugins`.
pub(super) struct PluginsService<N> {
    node: N,
    config: Arc<ApiConfig>,
    gate: Gate,
    uploads: Semaphore,
}

impl<N> PluginsService<N> {
    pub(super) fn new(node: N, config: Arc<ApiConfig>, gate: Gate) -> Self {
        let uploads = Semaphore::new(config.uploads_max);
        Self { node, config, gate, uploads }
    }
}

#[tonic::async_trait]
impl<N: Node> v1::plugins_server::Plugins for PluginsService<N> {
    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadPluginRequest>>,
    ) -> Result<Response<v1::UploadPluginResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        // Each holds its bytes in memory until it is whole.
        let _permit = self.uploads.try_acquire().map_err(|_| {
            ApiError::from(RequestError::Overloaded { queue: "the number of uploads at a time" })
        })?;
        let receive = upload::receive(request.into_inner(), self.config.plugin_bytes_max);
        let (reference, bytes) = match tokio::time::timeout(deadline.remaining(), receive).await {
            Ok(received) => received?,
            Err(_) => {
                let what = "the plugin's bytes".to_owned();
                let waited =
                    Duration::from_millis(u64::try_from(deadline.waited().as_millis()).unwrap_or(u64::MAX));
                return Err(ApiError::from(RequestError::DeadlineExceeded { what, waited }).into());
            }
        };
        let plugin = self.node.upload(reference, bytes, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::UploadPluginResponse { plugin: Some(convert::plugin(&plugin)) }))
    }

    async fn list(
        &self,
        request: Request<v1::ListPluginsRequest>,
    ) -> Result<Response<v1::ListPluginsResponse>, Status> {
        let _inside = self.gate.enter()?;
        let request = request.into_inner();
        let tenant = validate::tenant(&request.tenant)?;
        let mut plugins = self.node.plugins();
        plugins.retain(|plugin| tenant.is_none_or(|tenant| plugin.reference.name.tenant() == tenant));
        let (plugins, next_page_token) = validate::page(
            plugins,
            |plugin| plugin.reference.to_string(),
            request.page_size,
            &request.page_token,
        )?;
        let plugins = plugins.iter().map(convert::plugin).collect();
        Ok(Response::new(v1::ListPluginsResponse { plugins, next_page_token }))
    }
}

//! Fetches the plugins that this node is to run and does not hold.

use super::{core::Core, hosting::RETRY_PAUSE};
use quorate_transport::PluginSendError;
use quorate_vocabulary::{NodeId, PluginDigest};
use std::sync::Arc;

impl Core {
    /// Fetches a plugin from whoever has it, and goes on trying until somebody gives it.
    pub(super) fn fetch_plugin(self: &Arc<Self>, digest: PluginDigest, from: Vec<NodeId>) {
        if !self.hosting.lock().fetching.insert(digest) {
            return;
        }
        let core = self.clone();
        self.tasks.spawn(async move {
            let fetching = core.fetch_from_any(digest, &from);
            tokio::select! {
                () = core.stopping.cancelled() => {}
                () = fetching => {}
            }
            core.hosting.lock().fetching.remove(&digest);
            core.hosting.wake.notify_one();
        });
    }

    /// One round; the next comes with the next look at the catalog, which may know other holders by then.
    async fn fetch_from_any(&self, digest: PluginDigest, from: &[NodeId]) {
        let Ok(peers) = self.peers() else { return };
        for node in from {
            match peers.fetch_plugin(*node, digest).await {
                Ok(bytes) => match self.store_plugin(digest, bytes).await {
                    Ok(()) => {
                        tracing::info!(%digest, %node, "plugin fetched");
                        return;
                    }
                    Err(error) => tracing::warn!(%digest, %error, "a fetched plugin cannot be stored"),
                },
                Err(PluginSendError::NotFound { .. }) => {}
                Err(error) => tracing::info!(%digest, %node, %error, "a plugin cannot be fetched"),
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

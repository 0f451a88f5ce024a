//! Makes this node known to the catalog, and keeps what the catalog says of it true.

use super::{core::Core, handle::Deadline};
use crate::RequestError;
use quorate_catalog::Change;
use std::{sync::Arc, time::Duration};

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after one that failed; doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Core {
    /// Whether the catalog has this node as it is.
    pub(super) fn is_registered(&self) -> bool {
        self.catalog_state().node(self.node()).is_some_and(|node| {
            node.address == self.config.address
                && node.engine_fingerprint == self.engine.fingerprint().as_str()
        })
    }

    /// Registers this node, however long it takes.
    pub(super) async fn register(self: Arc<Self>) {
        let mut pause = PAUSE_MIN;
        while !self.is_registered() {
            let change = Change::RegisterNode {
                node: self.node(),
                address: self.config.address.clone(),
                engine_fingerprint: self.engine.fingerprint().as_str().to_owned(),
            };
            match self.change_catalog(change, Deadline::after(ATTEMPT_TIMEOUT)).await {
                Ok(_) => {
                    tracing::info!(node = %self.node(), address = %self.config.address, "registered with the cluster");
                    return;
                }
                Err(RequestError::ShuttingDown) => return,
                Err(error @ RequestError::CatalogRefused { .. }) => {
                    tracing::error!(%error, "the cluster does not take this node; trying again");
                }
                Err(error) => tracing::info!(%error, "not registered yet; trying again"),
            }
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

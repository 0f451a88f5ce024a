//! Makes this node known to the catalog, and keeps what the catalog says of it true.

use super::{core::Core, handle::Deadline};
use crate::RequestError;
use quorate_catalog::Change;
use quorate_consensus::Input;
use quorate_transport::Admission;
use quorate_vocabulary::{FolderId, NodeId};
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

    /// What this node thinks of another one that lives in this data folder.
    pub(super) fn admits(&self, node: NodeId, folder: FolderId) -> Admission {
        match self.catalog_state().node(node) {
            Some(known) if known.folder != folder => Admission::OtherFolder,
            // Founders are heard before they are registered.
            _ => Admission::Welcome,
        }
    }

    /// Another node knows this one with another data folder. What this node promised from that one is lost, and as long
    /// as it does not have it back it must not vote or acknowledge anything.
    pub(super) fn disowned(&self, by: NodeId) {
        if !self.health.lose_folder(by) {
            return;
        }
        let error = RequestError::FolderLost { node: self.node(), by };
        tracing::error!(reason = error.reason(), cure = error.cure(), "{error}");
        let groups = self.registry.groups().into_iter();
        self.services.inbox.feedback(groups.map(|group| Input::Close { group }));
    }

    /// Registers this node, however long it takes; one that takes no part is left out.
    pub(super) async fn register(self: Arc<Self>) {
        let mut pause = PAUSE_MIN;
        while self.health.is_sound() && !self.is_registered() {
            let change = Change::RegisterNode {
                node: self.node(),
                address: self.config.address.clone(),
                engine_fingerprint: self.engine.fingerprint().as_str().to_owned(),
                folder: self.folder.id(),
            };
            match self.change_catalog(change, Deadline::after(ATTEMPT_TIMEOUT)).await {
                Ok(_) => {
                    tracing::info!(node = %self.node(), address = %self.config.address, "registered with the cluster");
                    return;
                }
                Err(RequestError::ShuttingDown | RequestError::FolderLost { .. }) => return,
                Err(error @ RequestError::CatalogRefused { .. }) => {
                    tracing::error!(%error, "the cluster does not take this node; trying again");
                }
                Err(_) if !self.health.is_sound() => return,
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

//! A plugin's way in: checked and compiled here, held by a majority of the nodes, then published.

use super::{core::Core, handle::Deadline, view::PluginView};
use crate::{RequestError, examine::examine};
use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use quorate_catalog::{CatalogReply, Change, PluginToPublish, PublishedPlugin};
use quorate_machine::{CONTRACT_VERSION, CheckedPlugin};
use quorate_vocabulary::{NodeId, PluginDigest, PluginReference};
use std::{sync::Arc, time::Duration};

/// The pause before a node that did not take the bytes is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl Core {
    /// Checks, spreads and publishes a plugin.
    pub(super) async fn upload(
        self: &Arc<Self>,
        reference: PluginReference,
        bytes: Bytes,
        deadline: Deadline,
    ) -> Result<PluginView, RequestError> {
        self.health.check(self.node())?;
        let checked = self.check_plugin(bytes.clone(), deadline).await?;
        let digest = checked.digest;
        if let Some(published) = self.catalog_state().plugin(&reference) {
            if published.digest == digest {
                return Ok(plugin_view(published));
            }
            return Err(RequestError::VersionTaken { reference });
        }
        self.store_plugin(digest, bytes.clone()).await?;
        let held_by = self.spread(&reference, digest, &bytes, deadline).await?;
        let change = Change::PublishPlugin(PluginToPublish {
            reference,
            digest,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            kind: checked.kind,
            has_lifecycle: checked.has_lifecycle,
            has_timers: checked.has_timers,
            contract_version: CONTRACT_VERSION.to_owned(),
            held_by,
        });
        match self.change_catalog(change, deadline).await? {
            CatalogReply::Plugin(published) => {
                tracing::info!(plugin = %published.reference, %digest, "plugin published");
                Ok(plugin_view(&published))
            }
            _ => Err(RequestError::Internal { why: "the catalog answered something else".to_owned() }),
        }
    }

    async fn check_plugin(&self, bytes: Bytes, deadline: Deadline) -> Result<CheckedPlugin, RequestError> {
        let engine = self.engine.clone();
        // Compiled and tried as well: what fails in that must not be published.
        let checking = tokio::task::spawn_blocking(move || {
            examine(&engine, &bytes, &[]).map(|examined| examined.checked)
        });
        match tokio::time::timeout(deadline.remaining(), checking).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(error)) => Err(RequestError::Internal { why: format!("the compiler broke: {error}") }),
            Err(_) => {
                let what = "the plugin to be checked".to_owned();
                Err(RequestError::DeadlineExceeded { what, waited: deadline.waited() })
            }
        }
    }

    /// Stores a plugin's bytes on this node's disk.
    pub(super) async fn store_plugin(&self, digest: PluginDigest, bytes: Bytes) -> Result<(), RequestError> {
        let (store, node) = (self.store.clone(), self.node());
        let stored = tokio::task::spawn_blocking(move || store.put_plugin(digest, &bytes)).await;
        match stored {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RequestError::StorageFull { node, why: error.to_string() }),
            Err(error) => Err(RequestError::Internal { why: error.to_string() }),
        }
    }

    /// Brings the bytes to the other nodes until a majority holds them; the others get them in the background.
    async fn spread(
        self: &Arc<Self>,
        reference: &PluginReference,
        digest: PluginDigest,
        bytes: &Bytes,
        deadline: Deadline,
    ) -> Result<Vec<NodeId>, RequestError> {
        let nodes = self.known_nodes();
        let majority = nodes.len() / 2 + 1;
        let mut pushes: FuturesUnordered<_> = nodes
            .into_iter()
            .filter(|node| *node != self.node())
            .map(|node| {
                let (core, reference, bytes) = (self.clone(), reference.to_string(), bytes.clone());
                self.tasks.spawn(async move {
                    core.push_until_held(node, digest, &reference, bytes, deadline).await
                })
            })
            .collect();
        let mut held_by = vec![self.node()];
        let registered = |held_by: &[NodeId]| {
            let state = self.catalog_state();
            held_by.iter().copied().filter(|node| state.node(*node).is_some()).collect::<Vec<_>>()
        };
        while held_by.len() < majority {
            match pushes.next().await {
                Some(Ok(Some(node))) => held_by.push(node),
                Some(_) => {}
                None => {
                    let (wanted, available) = (majority, held_by.len());
                    let why = "a majority of the nodes must hold a plugin's bytes before it is published"
                        .to_owned();
                    return Err(RequestError::NotEnoughNodes { wanted, available, why });
                }
            }
        }
        // The catalog names holders by their registration; those that are only about to register have the bytes all
        // the same.
        Ok(registered(&held_by))
    }

    async fn push_until_held(
        &self,
        node: NodeId,
        digest: PluginDigest,
        reference: &str,
        bytes: Bytes,
        deadline: Deadline,
    ) -> Option<NodeId> {
        loop {
            let pushed = match self.peers() {
                Ok(peers) => {
                    let push = peers.push_plugin(node, digest, reference, bytes.clone());
                    tokio::time::timeout(deadline.remaining(), push).await.ok()?
                }
                Err(_) => return None,
            };
            match pushed {
                Ok(()) => return Some(node),
                Err(error) => tracing::debug!(%node, %digest, %error, "a node did not take a plugin's bytes"),
            }
            if deadline.remaining() <= RETRY_PAUSE {
                return None;
            }
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }
}

/// A published plugin as the API shows it.
pub(super) fn plugin_view(plugin: &PublishedPlugin) -> PluginView {
    PluginView {
        reference: plugin.reference.clone(),
        digest: plugin.digest,
        bytes: plugin.bytes,
        kind: plugin.kind,
        has_lifecycle: plugin.has_lifecycle,
        has_timers: plugin.has_timers,
    }
}

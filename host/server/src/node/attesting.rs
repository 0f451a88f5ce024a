//! Brings what replicas of this node have noted of their states to those who lead their groups, many at a time.

use super::{apply_worker::ApplyWork, core::Core};
use quorate_transport::Attestation;
use quorate_vocabulary::NodeId;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How many may wait to be sent; further ones are lost, and the next time they are asked shows the same.
pub(super) const ATTESTATIONS_WAITING_MAX: usize = 4_096;
/// So long they are collected before they are sent.
const COLLECT: Duration = Duration::from_millis(50);
/// How long a node may take to take them.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Where workers put what is for another node.
pub(super) type Attesting = mpsc::Sender<(NodeId, Attestation)>;

impl Core {
    /// Sends what replicas have noted, for as long as the node runs.
    pub(super) async fn attest(self: Arc<Self>, mut noted: mpsc::Receiver<(NodeId, Attestation)>) {
        loop {
            let first = tokio::select! {
                () = self.stopping.cancelled() => return,
                first = noted.recv() => first,
            };
            let Some((node, attestation)) = first else { return };
            let mut by_node = BTreeMap::from([(node, vec![attestation])]);
            tokio::time::sleep(COLLECT).await;
            while let Ok((node, attestation)) = noted.try_recv() {
                by_node.entry(node).or_default().push(attestation);
            }
            let Ok(peers) = self.peers() else { continue };
            for (node, attestations) in by_node {
                let peers = peers.clone();
                self.tasks.spawn(async move {
                    if let Err(error) = peers.attest(node, &attestations, SEND_TIMEOUT).await {
                        tracing::debug!(%node, %error, "what replicas have noted was not heard");
                    }
                });
            }
        }
    }

    /// What replicas of another node have noted, for the leaders on this one.
    pub(super) fn attested(&self, attestations: Vec<Attestation>) {
        for attestation in attestations {
            if let Some(replica) = self.registry.get(attestation.group)
                && replica.shared.leads()
            {
                replica.apply(ApplyWork::Attested(attestation));
            }
        }
    }
}

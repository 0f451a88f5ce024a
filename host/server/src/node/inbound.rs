//! What other nodes bring: raft messages, snapshots, plugins, changes of the catalog.

use super::{
    apply_worker::ApplyWork,
    core::Core,
    handle::Deadline,
    snapshot_source::{NeedlessReceiver, StateReceiver, StoredReceiver},
};
use bytes::Bytes;
use quorate_consensus::{Input, RaftMessage, RaftMessageType, answer_for_stopped};
use quorate_transport::{
    Admission, Attestation, CatalogAnswer, Lane, PeerInbound, PluginRefusal, PluginUpload, SnapshotOffer,
    SnapshotReceiver, SnapshotRefusal,
};
use quorate_vocabulary::{FolderId, GroupId, NodeId, PluginDigest, ReplicaId};
use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

/// The node as the peer streams see it. They are started before the node is whole and may outlive it by a moment.
#[derive(Clone, Default)]
pub(super) struct Inbound {
    core: Arc<OnceLock<Weak<Core>>>,
}

impl Inbound {
    /// From now on what comes is for this node.
    pub(super) fn connect(&self, core: &Arc<Core>) {
        // Set once, when the node starts.
        let _ = self.core.set(Arc::downgrade(core));
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.core.get().and_then(Weak::upgrade)
    }
}

impl Core {
    /// Answers for a replica on this node's disk that could not be brought to work, and will not be.
    fn answer_for_stopped(&self, message: &RaftMessage) {
        let group = GroupId(message.group);
        if !self.hosting.has_stopped(group, ReplicaId(message.to_replica)) {
            return;
        }
        if let (Some(answer), Ok(peers)) = (answer_for_stopped(message), self.peers()) {
            peers.send(NodeId(answer.to_node), Lane::Control, answer);
        }
    }
}

#[tonic::async_trait]
impl PeerInbound for Inbound {
    fn receive(&self, from: NodeId, _lane: Lane, messages: Vec<RaftMessage>) {
        let Some(core) = self.core() else { return };
        // For a replica that is not here (yet, or any more) there is nobody to answer.
        let here = |message: &RaftMessage| {
            core.registry.number(GroupId(message.group)).is_some_and(|number| number.0 == message.to_replica)
        };
        let (brings, others): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.snapshot.is_some());
        for message in brings.into_iter().filter(here) {
            let Some(replica) = core.registry.get(GroupId(message.group)) else {
                // For a witness the message is all of it.
                core.services.inbox.messages([Input::Message(message)]);
                continue;
            };
            let index = message.snapshot.as_ref().map_or(0, |point| point.index);
            if core.services.inbox.messages([Input::Message(message)]) > 0 {
                // Raft will not say what it thinks of the snapshot that came before it.
                replica.apply(ApplyWork::Unused { index });
            }
        }
        let others = others.into_iter().filter(|message| {
            // A beat is of no group: the shard looks at what is in it.
            let is_for_shard = message.r#type() == RaftMessageType::Beat || here(message);
            if !is_for_shard {
                core.answer_for_stopped(message);
            }
            is_for_shard
        });
        let dropped = core.services.inbox.messages(others.map(Input::Message));
        if dropped > 0 {
            tracing::debug!(%from, dropped, "messages were dropped: the shard is busy");
        }
    }

    fn unreachable(&self, node: NodeId) {
        if let Some(core) = self.core() {
            core.services.inbox.messages([Input::Unreachable { node }]);
        }
    }

    fn admits(&self, node: NodeId, folder: FolderId) -> Admission {
        self.core().map_or(Admission::Welcome, |core| core.admits(node, folder))
    }

    fn disowned(&self, by: NodeId) {
        if let Some(core) = self.core() {
            core.disowned(by);
        }
    }

    fn begin_snapshot(
        &self,
        from: NodeId,
        offer: SnapshotOffer,
    ) -> Result<Box<dyn SnapshotReceiver>, SnapshotRefusal> {
        let unwanted = |why: &str| SnapshotRefusal::Unwanted(why.to_owned());
        let core = self.core().ok_or_else(|| unwanted("the node is starting or shutting down"))?;
        let replica =
            core.registry.get(offer.group).filter(|replica| replica.shared.replica == offer.replica);
        let Some(replica) = replica else { return Err(unwanted("no such replica runs on this node")) };
        if replica.shared.failure().is_some() {
            return Err(unwanted("the replica on this node has stopped"));
        }
        if replica.shared.progress().applied.index >= offer.index {
            // Raft gets the message all the same, and answers how far the replica has come: its leader does not know, and
            // would send this again and again.
            return Ok(Box::new(NeedlessReceiver::new(&offer)));
        }
        tracing::info!(group = %offer.group, %from, index = offer.index, bytes = offer.total_bytes, "receiving a snapshot");
        let shared = &replica.shared;
        Ok(match offer.total_bytes {
            Some(total_bytes) => Box::new(StoredReceiver::begin(&shared.snapshots, &offer, total_bytes)?),
            None => Box::new(StateReceiver::begin(&shared.snapshots, &shared.state, &offer)?),
        })
    }

    async fn store_plugin(&self, from: NodeId, plugin: PluginUpload) -> Result<(), PluginRefusal> {
        let starting = || PluginRefusal::Storage("the node is starting or shutting down".to_owned());
        let core = self.core().ok_or_else(starting)?;
        let (engine, bytes) = (core.engine.clone(), plugin.bytes.clone());
        let checked = tokio::task::spawn_blocking(move || engine.check(&bytes)).await;
        match checked {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => return Err(PluginRefusal::Invalid(refusal.to_string())),
            Err(error) => return Err(PluginRefusal::Storage(error.to_string())),
        }
        core.store_plugin(plugin.digest, plugin.bytes)
            .await
            .map_err(|error| PluginRefusal::Storage(error.to_string()))?;
        tracing::debug!(%from, digest = %plugin.digest, reference = plugin.reference, "plugin stored");
        Ok(())
    }

    async fn load_plugin(&self, digest: PluginDigest) -> Result<Option<Bytes>, String> {
        let Some(core) = self.core() else { return Err("the node is starting or shutting down".to_owned()) };
        let store = core.store.clone();
        let loaded = tokio::task::spawn_blocking(move || store.plugin(digest)).await;
        loaded.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn attested(&self, _from: NodeId, attestations: Vec<Attestation>) {
        if let Some(core) = self.core() {
            core.attested(attestations);
        }
    }

    async fn change_catalog(&self, _from: NodeId, command: Bytes, deadline: Duration) -> CatalogAnswer {
        match self.core() {
            Some(core) => core.change_for_peer(command, Deadline::after(deadline)).await,
            None => CatalogAnswer::NotLeader { leader: None },
        }
    }
}

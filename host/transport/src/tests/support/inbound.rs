use super::{SnapshotStore, soon};
use crate::{
    Admission, Attestation, CatalogAnswer, Lane, PeerInbound, PluginRefusal, PluginUpload, SnapshotOffer,
    SnapshotReceiver, SnapshotRefusal,
};
use bytes::Bytes;
use quorate_proto::peer::v1::RaftMessage;
use quorate_vocabulary::{FolderId, NodeId, PluginDigest};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};

/// What an inbound was called with.
#[derive(Debug, PartialEq)]
pub(in crate::tests) enum Seen {
    Message(NodeId, Lane, Box<RaftMessage>),
    Unreachable(NodeId),
    Disowned(NodeId),
}

impl Seen {
    pub(in crate::tests) fn message(from: NodeId, lane: Lane, message: RaftMessage) -> Self {
        Self::Message(from, lane, Box::new(message))
    }
}

/// What a test can change of an inbound while it is in use.
#[derive(Default)]
pub(in crate::tests) struct Behaviour {
    pub(in crate::tests) snapshots: SnapshotStore,
    pub(in crate::tests) plugins: Mutex<BTreeMap<PluginDigest, Bytes>>,
    pub(in crate::tests) plugin_refusal: Mutex<Option<PluginRefusal>>,
    pub(in crate::tests) catalog_answer: Mutex<Option<CatalogAnswer>>,
    pub(in crate::tests) stranger: Mutex<Option<NodeId>>,
    /// A node, and the only data folder it is known with.
    pub(in crate::tests) folder: Mutex<Option<(NodeId, FolderId)>>,
    pub(in crate::tests) changes: Mutex<Vec<(NodeId, Bytes, Duration)>>,
    pub(in crate::tests) attested: Mutex<Vec<(NodeId, Vec<Attestation>)>>,
}

/// Sees what an inbound is called with.
pub(in crate::tests) struct Recorder {
    sender: mpsc::UnboundedSender<Seen>,
    seen: mpsc::UnboundedReceiver<Seen>,
    pub(in crate::tests) behaviour: Arc<Behaviour>,
    /// Calls that came to the catalog, and wait for an answer that was not set.
    pub(in crate::tests) catalog_calls: Arc<Semaphore>,
}

impl Recorder {
    pub(in crate::tests) fn new() -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        Self { sender, seen, behaviour: Arc::default(), catalog_calls: Arc::new(Semaphore::new(0)) }
    }

    pub(in crate::tests) fn inbound(&self) -> Inbound {
        Inbound {
            sender: self.sender.clone(),
            behaviour: self.behaviour.clone(),
            catalog_calls: self.catalog_calls.clone(),
        }
    }

    pub(in crate::tests) async fn next(&mut self) -> Seen {
        soon("something is seen", self.seen.recv()).await.expect("the recorder holds a sender")
    }

    /// The next message, whatever was lost before it.
    pub(in crate::tests) async fn next_message(&mut self) -> (NodeId, Lane, RaftMessage) {
        loop {
            if let Seen::Message(from, lane, message) = self.next().await {
                return (from, lane, *message);
            }
        }
    }

    /// Waits until it was told that the node is unreachable.
    pub(in crate::tests) async fn next_unreachable(&mut self) -> NodeId {
        loop {
            if let Seen::Unreachable(node) = self.next().await {
                return node;
            }
        }
    }

    /// Waits until it was told that a node knows this one with another data folder.
    pub(in crate::tests) async fn next_disowned(&mut self) -> NodeId {
        loop {
            if let Seen::Disowned(node) = self.next().await {
                return node;
            }
        }
    }

    /// What was seen up to now, without waiting.
    pub(in crate::tests) fn drain(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

pub(in crate::tests) struct Inbound {
    sender: mpsc::UnboundedSender<Seen>,
    behaviour: Arc<Behaviour>,
    catalog_calls: Arc<Semaphore>,
}

#[tonic::async_trait]
impl PeerInbound for Inbound {
    fn receive(&self, from: NodeId, lane: Lane, messages: Vec<RaftMessage>) {
        for message in messages {
            let _ = self.sender.send(Seen::Message(from, lane, Box::new(message)));
        }
    }

    fn unreachable(&self, node: NodeId) {
        let _ = self.sender.send(Seen::Unreachable(node));
    }

    fn admits(&self, node: NodeId, folder: FolderId) -> Admission {
        if *self.behaviour.stranger.lock().expect("no panic") == Some(node) {
            return Admission::Unknown;
        }
        match *self.behaviour.folder.lock().expect("no panic") {
            Some((of, known)) if of == node && known != folder => Admission::OtherFolder,
            _ => Admission::Welcome,
        }
    }

    fn disowned(&self, by: NodeId) {
        let _ = self.sender.send(Seen::Disowned(by));
    }

    fn begin_snapshot(
        &self,
        _from: NodeId,
        offer: SnapshotOffer,
    ) -> Result<Box<dyn SnapshotReceiver>, SnapshotRefusal> {
        self.behaviour.snapshots.begin(offer)
    }

    async fn store_plugin(&self, _from: NodeId, plugin: PluginUpload) -> Result<(), PluginRefusal> {
        if let Some(refusal) = self.behaviour.plugin_refusal.lock().expect("no panic").clone() {
            return Err(refusal);
        }
        self.behaviour.plugins.lock().expect("no panic").insert(plugin.digest, plugin.bytes);
        Ok(())
    }

    async fn load_plugin(&self, digest: PluginDigest) -> Result<Option<Bytes>, String> {
        Ok(self.behaviour.plugins.lock().expect("no panic").get(&digest).cloned())
    }

    fn attested(&self, from: NodeId, attestations: Vec<Attestation>) {
        self.behaviour.attested.lock().expect("no panic").push((from, attestations));
    }

    async fn change_catalog(&self, from: NodeId, command: Bytes, deadline: Duration) -> CatalogAnswer {
        self.behaviour.changes.lock().expect("no panic").push((from, command, deadline));
        self.catalog_calls.add_permits(1);
        let answer = self.behaviour.catalog_answer.lock().expect("no panic").clone();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

use crate::{Attestation, Lane, SnapshotOffer, SnapshotReceiver, SnapshotRefusal};
use bytes::Bytes;
use quorate_proto::peer::v1::RaftMessage;
use quorate_vocabulary::{FolderId, NodeId, PluginDigest};

/// A plugin's bytes as another node pushes them. The bytes are those of the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginUpload {
    /// SHA-256 of the bytes.
    pub digest: PluginDigest,
    /// `tenant/name@version`, or empty where the sender does not know it. For logs; not checked.
    pub reference: String,
    /// The component.
    pub bytes: Bytes,
}

/// Why a node does not take a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginRefusal {
    /// Too many plugins arrive there at once.
    #[error("the node already takes as many plugins as it may at once; try again later")]
    Busy,
    /// More bytes than the node takes.
    #[error("the plugin is larger than the node takes: {0}")]
    TooLarge(String),
    /// Not the announced bytes.
    #[error("the plugin was damaged on the way: {0}")]
    Damaged(String),
    /// No plugin that the node can run.
    #[error("the node cannot run this plugin: {0}")]
    Invalid(String),
    /// The node's own failure.
    #[error("the node could not store the plugin: {0}")]
    Storage(String),
    /// The sender's stream was not of the agreed form.
    #[error("the plugin's stream was not of the agreed form: {0}")]
    Protocol(String),
}

/// What a node answers to a change of the catalog that was forwarded to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogAnswer {
    /// The change was committed and applied; what it came to, which may be a refusal of the catalog's own.
    Changed(Bytes),
    /// The node does not lead the system group. Nothing was changed.
    NotLeader {
        /// Who leads and where, if the node knows.
        leader: Option<(NodeId, String)>,
    },
    /// The node could not make the change.
    Refused {
        /// A reason of `quorate_proto::reason`.
        reason: String,
        /// What happened.
        message: String,
        /// Whether the change may have been made, or may yet be made, all the same.
        outcome_unknown: bool,
    },
}

/// What a node thinks of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It listens to it.
    Welcome,
    /// It does not know it, or knows that it has left the cluster.
    Unknown,
    /// It knows it with another data folder: what it promised from that one is lost.
    OtherFolder,
}

/// What the peer streams need of the node they belong to.
#[tonic::async_trait]
pub trait PeerInbound: Send + Sync + 'static {
    /// Takes messages from another node, in the order of its lane. Called on a network thread: must not block; what
    /// does not fit into the shard's inbox is dropped, since raft repeats it.
    fn receive(&self, from: NodeId, lane: Lane, messages: Vec<RaftMessage>);

    /// Messages to that node were lost. Called on a network thread: must not block.
    fn unreachable(&self, node: NodeId);

    /// Whether this node knows another one that lives in this data folder. Asked before anything is taken from it or
    /// sent to it, and again with every envelope, since more may be known by then. Called on a network thread: must not
    /// block.
    fn admits(&self, node: NodeId, folder: FolderId) -> Admission {
        let _ = (node, folder);
        Admission::Welcome
    }

    /// That node knows this one with another data folder than it lives in, and does not listen to it.
    fn disowned(&self, by: NodeId) {
        let _ = by;
    }

    /// A snapshot is offered. Called on a thread that may block.
    ///
    /// At most one receiver for a replica is alive at a time; a receiver that is dropped before `finish` keeps what
    /// it has, so that the transfer can be resumed.
    ///
    /// # Errors
    /// Says why the snapshot is not wanted or cannot be stored.
    fn begin_snapshot(
        &self,
        from: NodeId,
        offer: SnapshotOffer,
    ) -> Result<Box<dyn SnapshotReceiver>, SnapshotRefusal>;

    /// Stores a plugin so that it survives a crash, and makes it ready to run if that is wanted.
    async fn store_plugin(&self, from: NodeId, plugin: PluginUpload) -> Result<(), PluginRefusal>;

    /// A plugin's bytes, `None` if this node does not hold them. An error is this node's own failure.
    async fn load_plugin(&self, digest: PluginDigest) -> Result<Option<Bytes>, String>;

    /// What replicas of that node have noted of their states. Must not block.
    fn attested(&self, from: NodeId, attestations: Vec<Attestation>);

    /// Makes a change of the catalog, if this node leads the system group. Must not forward it further.
    async fn change_catalog(
        &self,
        from: NodeId,
        command: Bytes,
        deadline: std::time::Duration,
    ) -> CatalogAnswer;
}

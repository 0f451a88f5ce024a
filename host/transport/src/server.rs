use crate::{
    Lane, PeerIdentity, PeerInbound, PeersConfig, PluginRefusal, attest,
    background::Background,
    catalog,
    connection::describe,
    plugin,
    snapshot::{Receives, Receiving},
};
use futures::{StreamExt, stream::BoxStream};
use quorate_proto::peer::v1::{
    AttestReply, AttestRequest, ChangeCatalogReply, ChangeCatalogRequest, Envelope, FetchPluginRequest,
    Hello, LaneFrame, LaneKind, LaneWelcome, PluginFrame, PluginStored, PushPluginReply, SnapshotFrame,
    SnapshotReply, lane_frame, peer_server, plugin_frame, push_plugin_reply::Reply as PushReply,
    snapshot_frame,
};
use quorate_vocabulary::{FolderId, NodeId};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};

/// The called half of the peer streams. Clones are the same.
///
/// Add [`PeerServer::into_service`] to the node's tonic server. Let that server send HTTP/2 keep-alives, and call
/// [`PeerServer::shutdown`] before its own graceful shutdown, which waits for streams that would never end.
#[derive(Clone)]
pub struct PeerServer {
    shared: Arc<Shared>,
}

struct Shared {
    identity: PeerIdentity,
    config: Arc<PeersConfig>,
    inbound: Arc<dyn PeerInbound>,
    receives: Arc<Receives>,
    /// Where snapshots are taken in.
    background: Background,
    plugin_receives: Semaphore,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl PeerServer {
    /// A server that hands everything to `inbound`.
    #[must_use]
    pub fn new(identity: PeerIdentity, config: PeersConfig, inbound: Arc<dyn PeerInbound>) -> Self {
        Self {
            shared: Arc::new(Shared {
                identity,
                receives: Arc::new(Receives::new(&config)),
                background: Background::default(),
                plugin_receives: Semaphore::new(config.plugin_receives_max.max(1)),
                config: Arc::new(config),
                inbound,
                shutdown: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }

    /// The service for a tonic server, with the limits on what it reads and writes.
    #[must_use]
    pub fn into_service(self) -> peer_server::PeerServer<Self> {
        let frame_bytes_max = self.shared.config.frame_bytes_max();
        peer_server::PeerServer::new(self)
            .max_decoding_message_size(frame_bytes_max)
            .max_encoding_message_size(frame_bytes_max)
    }

    /// Ends all lanes and transfers, and waits until nothing is handed to the inbound any more. What is called
    /// afterwards is refused.
    pub async fn shutdown(&self) {
        self.shared.shutdown.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl fmt::Debug for PeerServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PeerServer").field("identity", &self.shared.identity).finish_non_exhaustive()
    }
}

impl Shared {
    fn check(&self, hello: Option<&Hello>) -> Result<NodeId, Status> {
        if self.shutdown.is_cancelled() {
            return Err(Status::unavailable("the node is shutting down"));
        }
        self.identity.check(hello, |node, folder| self.inbound.admits(node, folder))
    }

    /// The first frame of a stream, which has to come soon.
    async fn first<T>(&self, frames: &mut Streaming<T>) -> Result<Option<T>, Status> {
        match tokio::time::timeout(self.config.connect_timeout, frames.message()).await {
            Ok(first) => first,
            Err(_) => Err(Status::deadline_exceeded("no hello came")),
        }
    }

    /// Hands on what comes over a lane until it ends; what to answer then.
    async fn listen(
        &self,
        from: NodeId,
        folder: FolderId,
        lane: Lane,
        mut frames: Streaming<LaneFrame>,
    ) -> Option<Status> {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Some(Status::unavailable("the node is shutting down")),
                frame = frames.message() => frame,
            };
            let envelope = match frame {
                Ok(Some(LaneFrame { frame: Some(lane_frame::Frame::Envelope(envelope)) })) => envelope,
                Ok(Some(_)) => {
                    let cause = "a frame that has no place there";
                    tracing::warn!(%from, %lane, cause, "lane closed");
                    return Some(Status::invalid_argument(cause));
                }
                Ok(None) => return None,
                Err(status) => {
                    // A peer that goes away ends its lanes like this too.
                    tracing::warn!(%from, %lane, cause = describe(&status), "lane broke");
                    return Some(status);
                }
            };
            if let Err(refusal) = self.identity.admitted(self.inbound.admits(from, folder)) {
                tracing::warn!(%from, %lane, cause = refusal.message(), "lane closed");
                return Some(refusal);
            }
            if let Err(cause) = self.deliver(from, lane, envelope) {
                tracing::warn!(%from, %lane, cause, "lane closed");
                return Some(Status::invalid_argument(cause));
            }
        }
    }

    fn deliver(&self, from: NodeId, lane: Lane, envelope: Envelope) -> Result<(), String> {
        for message in &envelope.messages {
            if message.from_node != from.0 || message.to_node != self.identity.node.0 {
                let (from_node, to_node) = (message.from_node, message.to_node);
                return Err(format!("a message from node {from_node} to node {to_node}"));
            }
        }
        self.inbound.receive(from, lane, envelope.messages);
        Ok(())
    }
}

#[tonic::async_trait]
impl peer_server::Peer for PeerServer {
    type ExchangeStream = ReceiverStream<Result<LaneWelcome, Status>>;
    type SendSnapshotStream = ReceiverStream<Result<SnapshotReply, Status>>;
    type FetchPluginStream = BoxStream<'static, Result<PluginFrame, Status>>;

    async fn exchange(
        &self,
        request: Request<Streaming<LaneFrame>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let mut frames = request.into_inner();
        let Some(LaneFrame { frame: Some(lane_frame::Frame::Hello(hello)) }) =
            self.shared.first(&mut frames).await?
        else {
            return Err(self.shared.identity.missing_hello());
        };
        let from = self.shared.check(hello.hello.as_ref())?;
        let folder = FolderId(hello.hello.map_or(0, |hello| hello.folder));
        let lane = LaneKind::try_from(hello.kind).ok().and_then(Lane::from_wire);
        let lane = lane.ok_or_else(|| Status::invalid_argument("a lane of an unknown kind"))?;
        let (welcomes, answer) = mpsc::channel(1);
        let welcome = LaneWelcome {
            node: self.shared.identity.node.0,
            protocol_version: crate::PROTOCOL_VERSION,
            folder: self.shared.identity.folder.0,
        };
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            // The channel is empty: this cannot wait, and fails only if the caller is gone.
            let _ = welcomes.send(Ok(welcome)).await;
            let end = tokio::select! {
                () = welcomes.closed() => None,
                end = shared.listen(from, folder, lane, frames) => end,
            };
            if let Some(status) = end {
                let _ = welcomes.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(answer)))
    }

    async fn send_snapshot(
        &self,
        request: Request<Streaming<SnapshotFrame>>,
    ) -> Result<Response<Self::SendSnapshotStream>, Status> {
        let mut frames = request.into_inner();
        let Some(SnapshotFrame { frame: Some(snapshot_frame::Frame::Begin(begin)) }) =
            self.shared.first(&mut frames).await?
        else {
            return Err(self.shared.identity.missing_hello());
        };
        let from = self.shared.check(begin.hello.as_ref())?;
        let (replies, answer) = mpsc::channel(self.shared.config.snapshot_chunks_ahead_max.saturating_add(2));
        let receiving = Receiving {
            inbound: self.shared.inbound.clone(),
            config: self.shared.config.clone(),
            receives: self.shared.receives.clone(),
            shutdown: self.shared.shutdown.clone(),
            from,
            frames,
            replies,
        };
        self.shared.tasks.spawn_on(receiving.run(begin), &self.shared.background.handle());
        Ok(Response::new(ReceiverStream::new(answer)))
    }

    async fn push_plugin(
        &self,
        request: Request<Streaming<PluginFrame>>,
    ) -> Result<Response<PushPluginReply>, Status> {
        let shared = &self.shared;
        let mut frames = request.into_inner();
        let Some(PluginFrame { frame: Some(plugin_frame::Frame::Begin(begin)) }) =
            shared.first(&mut frames).await?
        else {
            return Err(shared.identity.missing_hello());
        };
        let from = shared.check(begin.hello.as_ref())?;
        let taken = match shared.plugin_receives.try_acquire() {
            Err(_) => Err(PluginRefusal::Busy),
            Ok(_permit) => {
                let push = plugin::push(
                    shared.inbound.as_ref(),
                    from,
                    begin,
                    &mut frames,
                    shared.config.plugin_bytes_max,
                );
                tokio::select! {
                    biased;
                    () = shared.shutdown.cancelled() => return Err(Status::unavailable("the node is shutting down")),
                    () = tokio::time::sleep(shared.config.plugin_timeout) => {
                        return Err(Status::deadline_exceeded("the plugin did not come in time"));
                    }
                    taken = push => taken?,
                }
            }
        };
        let reply = match taken {
            Ok(()) => PushReply::Stored(PluginStored {}),
            Err(refusal) => {
                tracing::info!(%from, %refusal, "plugin refused");
                PushReply::Refused(refusal.to_wire())
            }
        };
        Ok(Response::new(PushPluginReply { reply: Some(reply) }))
    }

    async fn fetch_plugin(
        &self,
        request: Request<FetchPluginRequest>,
    ) -> Result<Response<Self::FetchPluginStream>, Status> {
        let request = request.into_inner();
        self.shared.check(request.hello.as_ref())?;
        let frames = plugin::fetch(&self.shared.inbound, &request.digest).await?;
        let ended = self.shared.shutdown.clone().cancelled_owned();
        Ok(Response::new(futures::stream::iter(frames.map(Ok)).take_until(ended).boxed()))
    }

    async fn attest(&self, request: Request<AttestRequest>) -> Result<Response<AttestReply>, Status> {
        let request = request.into_inner();
        let from = self.shared.check(request.hello.as_ref())?;
        let attestations = request.attestations.iter().filter_map(attest::from_wire).collect();
        self.shared.inbound.attested(from, attestations);
        Ok(Response::new(AttestReply {}))
    }

    async fn change_catalog(
        &self,
        request: Request<ChangeCatalogRequest>,
    ) -> Result<Response<ChangeCatalogReply>, Status> {
        let request = request.into_inner();
        let from = self.shared.check(request.hello.as_ref())?;
        let deadline = Duration::from_millis(request.deadline_ms);
        let answer = self.shared.inbound.change_catalog(from, request.command, deadline).await;
        Ok(Response::new(catalog::to_wire(answer)))
    }
}

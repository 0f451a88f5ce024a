use super::{
    losses::Losses,
    peers::Inner,
    queue::{LaneQueue, Outgoing},
};
use crate::{
    Admission, CallError, HelloRefused, Lane, PeerIdentity, PeerInbound, PeersConfig, connection::Target,
};
use futures::StreamExt;
use quorate_backoff::Backoff;
use quorate_proto::peer::v1::{LaneFrame, LaneHello, LaneWelcome, lane_frame::Frame};
use quorate_vocabulary::{FolderId, NodeId};
use std::{sync::Arc, time::Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

/// Keeps one lane connected for as long as the node is known.
pub(crate) struct LaneTask {
    identity: PeerIdentity,
    config: Arc<PeersConfig>,
    losses: Arc<Losses>,
    inbound: Arc<dyn PeerInbound>,
    node: NodeId,
    lane: Lane,
    number: usize,
    queue: Arc<LaneQueue>,
    address: watch::Receiver<String>,
    backoff: Backoff,
    /// What was last said in the log; the same is not said twice.
    told: Option<CallError>,
}

impl LaneTask {
    pub(crate) fn new(
        inner: &Inner,
        node: NodeId,
        lane: Lane,
        number: usize,
        queue: Arc<LaneQueue>,
        address: watch::Receiver<String>,
    ) -> Self {
        let config = inner.config.clone();
        Self {
            identity: inner.identity.clone(),
            backoff: Backoff::new(config.backoff_min, config.backoff_max),
            config,
            losses: inner.losses.clone(),
            inbound: inner.inbound.clone(),
            node,
            lane,
            number,
            queue,
            address,
            told: None,
        }
    }

    pub(crate) async fn run(mut self, end: CancellationToken) {
        loop {
            let address = self.address.borrow_and_update().clone();
            let mut moved = self.address.clone();
            let lost = tokio::select! {
                () = end.cancelled() => break,
                // The sender only goes away together with `end`.
                _ = moved.changed() => None,
                error = self.connect_and_send(Target { node: self.node, address }) => Some(error),
            };
            let Some(error) = lost else {
                self.backoff.reset();
                self.told = None;
                self.tell_if(self.queue.connecting());
                continue;
            };
            if matches!(error, CallError::OtherFolder { .. }) {
                self.queue.met_other_folder();
            }
            self.tell_if(self.queue.broken());
            if matches!(error, CallError::Refused { refused: HelloRefused::OtherFolder, .. }) {
                self.inbound.disowned(self.node);
            }
            self.log(error);
            tokio::select! {
                () = end.cancelled() => break,
                _ = moved.changed() => {
                    self.backoff.reset();
                    self.tell_if(self.queue.connecting());
                }
                () = tokio::time::sleep(self.backoff.wait()) => {}
            }
        }
        self.queue.broken();
    }

    fn tell_if(&self, lost: bool) {
        if lost {
            self.losses.add(self.node);
        }
    }

    fn log(&mut self, error: CallError) {
        let Self { node, lane, number, .. } = self;
        if self.told.as_ref() == Some(&error) {
            tracing::debug!(%node, %lane, number, %error, "still not connected");
        } else {
            tracing::warn!(%node, %lane, number, %error, "lane is not connected; trying again");
            self.told = Some(error);
        }
    }

    /// Connects and sends until the connection is lost; says why.
    async fn connect_and_send(&mut self, target: Target) -> CallError {
        let outgoing = self.queue.outgoing();
        let connecting = self.connect(&target, outgoing);
        let welcomes = match tokio::time::timeout(self.config.connect_timeout, connecting).await {
            Ok(Ok(welcomes)) => welcomes,
            Ok(Err(error)) => return error,
            Err(_) => return target.unreachable_because("it does not answer".to_owned()),
        };
        self.queue.connected();
        let since = Instant::now();
        let (node, lane, number) = (self.node, self.lane, self.number);
        tracing::info!(%node, %lane, number, address = target.address, "lane is connected");
        let error = listen(&target, welcomes).await;
        self.told = None;
        // A connection that breaks as soon as it stands is no reason to hurry.
        if since.elapsed() >= self.config.backoff_max {
            self.backoff.reset();
        }
        error
    }

    async fn connect(
        &self,
        target: &Target,
        outgoing: Outgoing,
    ) -> Result<Streaming<LaneWelcome>, CallError> {
        let mut client = target.connect(&self.config).await?;
        let hello = LaneFrame {
            frame: Some(Frame::Hello(LaneHello {
                hello: Some(self.identity.hello(target.node)),
                kind: self.lane.to_wire().into(),
                number: u32::try_from(self.number).unwrap_or(u32::MAX),
            })),
        };
        let envelopes = outgoing.map(|envelope| LaneFrame { frame: Some(Frame::Envelope(envelope)) });
        let frames = futures::stream::once(std::future::ready(hello)).chain(envelopes);
        let mut welcomes =
            client.exchange(frames).await.map_err(|status| target.ended(&status))?.into_inner();
        match welcomes.message().await {
            Ok(Some(LaneWelcome { folder, .. })) => {
                match self.inbound.admits(target.node, FolderId(folder)) {
                    Admission::OtherFolder => {
                        Err(CallError::OtherFolder { node: target.node, address: target.address.clone() })
                    }
                    // It was this node that looked for it.
                    Admission::Welcome | Admission::Unknown => Ok(welcomes),
                }
            }
            Ok(None) => Err(target.broken("it closed the lane without a welcome")),
            Err(status) => Err(target.ended(&status)),
        }
    }
}

/// Nothing is said on this side after the welcome; it only tells when the other node stops listening.
async fn listen(target: &Target, mut welcomes: Streaming<LaneWelcome>) -> CallError {
    loop {
        match welcomes.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return target.broken("it closed the lane"),
            Err(status) => return target.ended(&status),
        }
    }
}

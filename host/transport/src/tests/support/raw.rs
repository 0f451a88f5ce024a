use super::{GUARD, config};
use crate::connection::{Client, Target};
use futures::stream::BoxStream;
use quorate_proto::peer::v1::{
    AttestReply, AttestRequest, ChangeCatalogReply, ChangeCatalogRequest, FetchPluginRequest, LaneFrame,
    LaneWelcome, PluginFrame, PushPluginReply, SnapshotFrame, SnapshotReply, peer_server::Peer,
};
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, Streaming};

/// A client that can say what a node never would.
pub(in crate::tests) async fn raw_client(address: &str) -> Client {
    let config = crate::PeersConfig { connect_timeout: GUARD, ..config() };
    let target = Target { node: super::TWO, address: address.to_owned() };
    target.connect(&config).await.expect("connected")
}

type Answers<T> = mpsc::UnboundedReceiver<Result<T, Status>>;
type Asked<T> = oneshot::Sender<Streaming<T>>;

/// A node that does what the test tells it to: for each call, the answers that the test sends, while the test holds what
/// is asked.
#[derive(Default)]
pub(in crate::tests) struct Script {
    /// Taken by the lanes in the order in which they come.
    pub(in crate::tests) lanes: Mutex<Option<mpsc::UnboundedSender<ScriptedLane>>>,
    pub(in crate::tests) snapshots: Mutex<Vec<(Asked<SnapshotFrame>, Answers<SnapshotReply>)>>,
    pub(in crate::tests) plugin: Mutex<Vec<PluginFrame>>,
}

/// One lane that came to a scripted node.
pub(in crate::tests) struct ScriptedLane {
    pub(in crate::tests) frames: Streaming<LaneFrame>,
    pub(in crate::tests) _answer: mpsc::Sender<Result<LaneWelcome, Status>>,
}

#[tonic::async_trait]
impl Peer for Script {
    type ExchangeStream = tokio_stream::wrappers::ReceiverStream<Result<LaneWelcome, Status>>;
    type SendSnapshotStream = tokio_stream::wrappers::UnboundedReceiverStream<Result<SnapshotReply, Status>>;
    type FetchPluginStream = BoxStream<'static, Result<PluginFrame, Status>>;

    async fn exchange(
        &self,
        request: Request<Streaming<LaneFrame>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        sender.send(Ok(LaneWelcome::default())).await.expect("room");
        let lane = ScriptedLane { frames: request.into_inner(), _answer: sender };
        match &*self.lanes.lock().expect("no panic") {
            Some(lanes) => lanes.send(lane).map_err(|_| Status::unavailable("the test is over"))?,
            None => return Err(Status::unimplemented("no lanes in this test")),
        }
        Ok(Response::new(receiver.into()))
    }

    async fn send_snapshot(
        &self,
        request: Request<Streaming<SnapshotFrame>>,
    ) -> Result<Response<Self::SendSnapshotStream>, Status> {
        let next = self.snapshots.lock().expect("no panic").pop();
        let (asked, answers) = next.ok_or_else(|| Status::unavailable("no more in this test"))?;
        let _ = asked.send(request.into_inner());
        Ok(Response::new(answers.into()))
    }

    async fn push_plugin(
        &self,
        _request: Request<Streaming<PluginFrame>>,
    ) -> Result<Response<PushPluginReply>, Status> {
        Ok(Response::new(PushPluginReply { reply: None }))
    }

    async fn fetch_plugin(
        &self,
        _request: Request<FetchPluginRequest>,
    ) -> Result<Response<Self::FetchPluginStream>, Status> {
        let frames = self.plugin.lock().expect("no panic").clone();
        Ok(Response::new(Box::pin(futures::stream::iter(frames.into_iter().map(Ok)))))
    }

    async fn attest(&self, _request: Request<AttestRequest>) -> Result<Response<AttestReply>, Status> {
        Ok(Response::new(AttestReply {}))
    }

    async fn change_catalog(
        &self,
        _request: Request<ChangeCatalogRequest>,
    ) -> Result<Response<ChangeCatalogReply>, Status> {
        Ok(Response::new(ChangeCatalogReply { reply: None }))
    }
}

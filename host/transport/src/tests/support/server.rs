use super::{Recorder, TWO, identity};
use crate::{PeerServer, PeersConfig};
use quorate_proto::peer::v1::peer_server::{self, Peer};
use std::sync::Arc;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Node 2's called half, on a port of its own.
pub(in crate::tests) struct TestServer {
    pub(in crate::tests) address: String,
    pub(in crate::tests) peer_server: Option<PeerServer>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl TestServer {
    pub(in crate::tests) async fn start(config: PeersConfig, recorder: &Recorder) -> Self {
        Self::start_at("127.0.0.1:0", config, recorder).await
    }

    pub(in crate::tests) async fn start_at(address: &str, config: PeersConfig, recorder: &Recorder) -> Self {
        let peer_server = PeerServer::new(identity(TWO), config, Arc::new(recorder.inbound()));
        let mut server = Self::serve(address, peer_server.clone().into_service()).await;
        server.peer_server = Some(peer_server);
        server
    }

    /// Serves something else than a node.
    pub(in crate::tests) async fn serve<T: Peer>(address: &str, service: peer_server::PeerServer<T>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let stopped = async { stopped.await.unwrap_or(()) };
            Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(incoming, stopped)
                .await
                .expect("served");
        });
        Self { address, peer_server: None, stop, served }
    }

    /// Stops like a node does: first the peer streams, then the server, whose port is free afterwards.
    pub(in crate::tests) async fn stop(self) {
        if let Some(peer_server) = &self.peer_server {
            peer_server.shutdown().await;
        }
        let _ = self.stop.send(());
        self.served.await.expect("no panic");
    }
}

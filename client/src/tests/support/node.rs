use super::fake::{Fake, Services};
use quorate_proto::v1::{
    commands_server::CommandsServer, groups_server::GroupsServer, nodes_server::NodesServer,
    plugins_server::PluginsServer,
};
use std::{ops::Deref, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// A node that does what the test tells it to, behind a network that the test can cut.
pub(in crate::tests) struct FakeNode {
    pub(in crate::tests) address: String,
    fake: Arc<Fake>,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
}

impl FakeNode {
    pub(in crate::tests) async fn start() -> Self {
        let fake = Arc::new(Fake::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let behind = listener.local_addr().expect("an address");
        let services = Services(fake.clone());
        tokio::spawn(
            Server::builder()
                .add_service(CommandsServer::new(services.clone()))
                .add_service(GroupsServer::new(services.clone()))
                .add_service(NodesServer::new(services.clone()))
                .add_service(PluginsServer::new(services))
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        let front = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = front.local_addr().expect("an address").to_string();
        let cuts = watch::Sender::new(0);
        let now = cuts.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = front.accept().await {
                let mut cut = now.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(behind).await else { return };
                    tokio::select! {
                        _ = cut.changed() => {}
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                    }
                });
            }
        });
        Self { address, fake, cuts }
    }

    /// Cuts every connection of now; later ones go through.
    pub(in crate::tests) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Deref for FakeNode {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.fake
    }
}

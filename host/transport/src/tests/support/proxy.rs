use std::sync::{Arc, Mutex};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// Stands between two nodes and can cut every connection at once, as a failing network does.
#[derive(Clone)]
pub(in crate::tests) struct Proxy {
    address: String,
    connections: Arc<Mutex<CancellationToken>>,
}

impl Proxy {
    pub(in crate::tests) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let connections = Arc::new(Mutex::new(CancellationToken::new()));
        let (target, current) = (target.to_owned(), connections.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let cut = current.lock().expect("no panic").clone();
                let target = target.clone();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        () = cut.cancelled() => {}
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                    }
                });
            }
        });
        Self { address, connections }
    }

    pub(in crate::tests) fn address(&self) -> &str {
        &self.address
    }

    /// Cuts every connection of now; later ones go through.
    pub(in crate::tests) fn cut(&self) {
        std::mem::take(&mut *self.connections.lock().expect("no panic")).cancel();
    }
}

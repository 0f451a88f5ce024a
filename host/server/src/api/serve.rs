//! The server of the API: services, health, reflection, and an orderly end.

use super::{
    ApiConfig, MESSAGE_BYTES_MAX, Node, commands::CommandsService, described::Described, gate::Gate,
    groups::GroupsService, nodes::NodesService, plugins::PluginsService,
};
use quorate_proto::{reason, v1};
use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

/// Requests of one connection that may be served at a time.
const CONCURRENT_STREAMS_MAX: u32 = 4096;
/// How much of one stream, and of one connection, may be on its way unread.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// The largest piece in which a sender hands bytes over. At the least that is allowed, a large snapshot comes in as many
/// pieces as it has 16 KiB, and each costs both sides some work.
const FRAME_BYTES_MAX: u32 = 256 * 1024;
/// How often a silent connection is asked whether it is still there, and how long it may take to say so.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connections may take to end once all is answered.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process has the address.
    #[error("cannot listen on {address}: another process listens there")]
    AddressInUse {
        /// The address.
        address: String,
    },
    /// The address is not one of this machine, or may not be used.
    #[error("cannot listen on {address}: {error}")]
    AddressUnavailable {
        /// The address.
        address: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// The server broke.
    #[error("the server failed: {0}")]
    Failed(#[from] tonic::transport::Error),
}

impl ServeError {
    /// The code that programs tell errors apart by.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => reason::ADDRESS_IN_USE,
            Self::AddressUnavailable { .. } => reason::ADDRESS_UNAVAILABLE,
            Self::Failed(_) => reason::INTERNAL,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => "stop that process, or listen on another port",
            Self::AddressUnavailable { .. } => {
                "listen on an address of this machine, such as 0.0.0.0:7300 for all of them, and a port above 1023"
            }
            Self::Failed(_) => "see the log",
        }
    }
}

/// Takes an address to listen on, as `host:port`.
///
/// # Errors
/// If another process has it or it is none of this machine.
pub async fn bind(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ServeError::AddressInUse { address: address.to_owned() },
        _ => ServeError::AddressUnavailable { address: address.to_owned(), error },
    })
}

/// The API of a node, and what else is served on the same port.
pub struct ApiServer {
    routes: Routes,
    health: HealthReporter,
    gate: Gate,
}

impl ApiServer {
    /// The API of a node. `cluster` is the name of its cluster.
    #[must_use]
    pub fn new<N: Node>(node: N, cluster: String, config: ApiConfig) -> Self {
        let config = Arc::new(config);
        let gate = Gate::default();
        let (health, health_service) = tonic_health::server::health_reporter();
        macro_rules! sized {
            ($service:expr) => {
                Described(
                    $service
                        .max_decoding_message_size(MESSAGE_BYTES_MAX)
                        .max_encoding_message_size(MESSAGE_BYTES_MAX),
                )
            };
        }
        let plugins = PluginsService::new(node.clone(), config.clone(), gate.clone());
        let groups = GroupsService { node: node.clone(), config: config.clone(), gate: gate.clone() };
        let commands = CommandsService::new(node.clone(), config.clone(), gate.clone());
        let nodes = NodesService { node, cluster, config, gate: gate.clone(), started: Instant::now() };
        let mut routes = Routes::new(health_service)
            .add_service(sized!(v1::plugins_server::PluginsServer::new(plugins)))
            .add_service(sized!(v1::groups_server::GroupsServer::new(groups)))
            .add_service(sized!(v1::commands_server::CommandsServer::new(commands)))
            .add_service(sized!(v1::nodes_server::NodesServer::new(nodes)));
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Older tools ask for v1alpha.
        let current = reflection().build_v1().expect("the descriptors were compiled into the binary");
        let older = reflection().build_v1alpha().expect("the descriptors were compiled into the binary");
        routes = routes.add_service(current).add_service(older);
        Self { routes, health, gate }
    }

    /// Serves another service on the same port, such as the one for peers.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self
    }

    /// Serves until `stop` is cancelled. Then it refuses what is new, answers what is in flight (which may take
    /// `shutdown_timeout`), runs `close`, which ends the node and the streams of its peers, and returns.
    ///
    /// # Errors
    /// If the server itself breaks.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: CancellationToken,
        shutdown_timeout: Duration,
        close: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let Self { routes, health, gate } = self;
        set_health(&health, ServingStatus::Serving).await;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let closed = CancellationToken::new();
        let hang_up = closed.clone();
        let serving = Server::builder()
            .max_concurrent_streams(Some(CONCURRENT_STREAMS_MAX))
            .initial_stream_window_size(Some(STREAM_WINDOW_BYTES))
            .initial_connection_window_size(Some(CONNECTION_WINDOW_BYTES))
            .max_frame_size(Some(FRAME_BYTES_MAX))
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, async move { hang_up.cancelled().await });
        let ending = async {
            stop.cancelled().await;
            set_health(&health, ServingStatus::NotServing).await;
            gate.close();
            if !gate.empty(shutdown_timeout).await {
                tracing::warn!("requests in flight are cut off after {shutdown_timeout:?}");
            }
            close.await;
            closed.cancel();
            tokio::time::sleep(HANG_UP_TIMEOUT).await;
        };
        tokio::select! {
            served = serving => Ok(served?),
            // Somebody holds a connection open, such as a watcher of health.
            () = ending => Ok(()),
        }
    }
}

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    // The empty name stands for the whole server.
    for service in ["", "quorate.v1.Plugins", "quorate.v1.Groups", "quorate.v1.Commands", "quorate.v1.Nodes"]
    {
        health.set_service_status(service, status).await;
    }
}

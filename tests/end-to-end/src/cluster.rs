//! Some nodes that know each other.

use crate::{Node, Output, quorate, wait};
use quorate_proto::v1::{ListNodesRequest, NodeStatusRequest, NodeStatusResponse, nodes_client::NodesClient};
use std::{
    fmt::Write,
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;
use tonic::transport::Channel;

/// Every node listens on this port, each on a loopback address of its own, so that no two tests meet.
const PORT: u16 = 7300;

/// How a cluster differs from the default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many nodes.
    pub nodes: u64,
    /// How many of them found the cluster; the others are not started with it, and join. All unless it is said.
    pub founders: Option<u64>,
    /// What is added to every node's configuration, such as `[snapshots]`.
    pub configuration: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { nodes: 3, founders: None, configuration: String::new() }
    }
}

/// Some nodes, numbered from 1, under one temporary folder that goes with them.
pub struct Cluster {
    nodes: Vec<Node>,
    folder: TempDir,
}

impl Cluster {
    /// Three nodes that run, each of which knows all of them.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// Such a cluster with other settings.
    pub async fn start_with(settings: Settings) -> Self {
        let mut cluster = Self::prepare(&settings);
        let founders = settings.founders.unwrap_or(settings.nodes);
        for node in cluster.nodes.iter_mut().filter(|node| node.id() <= founders) {
            node.start();
        }
        cluster.ready().await;
        cluster
    }

    /// The folders and configurations of a cluster whose nodes are not started yet.
    ///
    /// # Panics
    /// When the temporary folder cannot be made.
    #[must_use]
    pub fn prepare(settings: &Settings) -> Self {
        let folder = TempDir::with_prefix("quorate-end-to-end-").expect("a temporary folder");
        let addresses = addresses(settings.nodes);
        let mut founding = String::new();
        let founders = settings.founders.unwrap_or(settings.nodes);
        for (id, address) in (1..=founders).zip(&addresses) {
            write!(founding, "\n[[nodes]]\nid = {id}\naddress = \"{address}\"\n")
                .expect("a string takes all");
        }
        let nodes = (1..)
            .zip(&addresses)
            .map(|(id, address)| {
                let own = if id > founders { format!("advertise = {address:?}\n") } else { String::new() };
                let configuration = format!(
                    "cluster = \"end-to-end\"\nnode = {id}\n{own}folder = {:?}\n{founding}\n{}\n",
                    folder.path().join(format!("node-{id}/data")),
                    settings.configuration
                );
                Node::new(id, address.clone(), folder.path(), &configuration)
            })
            .collect();
        Self { nodes, folder }
    }

    /// Waits until every node that runs serves, and knows every node of the cluster and a leader of the catalog.
    pub async fn ready(&self) {
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            wait::until(&format!("node {} is ready", node.id()), || self.node_is_ready(node)).await;
        }
    }

    async fn node_is_ready(&self, node: &Node) -> Result<(), String> {
        let mut client = NodesClient::new(channel(node.address()).await?);
        let known = client.list(ListNodesRequest {}).await.map_err(|status| status.to_string())?.into_inner();
        let running = self.nodes.iter().filter(|node| node.is_running()).count();
        if known.nodes.len() < running {
            return Err(format!("it knows {} nodes", known.nodes.len()));
        }
        let status = self.status(node.id()).await?;
        if status.catalog_leader_node == 0 { Err("the catalog has no leader".to_owned()) } else { Ok(()) }
    }

    /// The state of a node, as it says itself.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn status(&self, id: u64) -> Result<NodeStatusResponse, String> {
        let mut client = NodesClient::new(channel(self.node(id).address()).await?);
        Ok(client.status(NodeStatusRequest {}).await.map_err(|status| status.to_string())?.into_inner())
    }

    /// A node by its number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn node(&self, id: u64) -> &Node {
        self.nodes.iter().find(|node| node.id() == id).expect("a node of the cluster")
    }

    /// The same, to do something to it.
    ///
    /// # Panics
    /// When there is none.
    pub fn node_mut(&mut self, id: u64) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.id() == id).expect("a node of the cluster")
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A folder that goes with the cluster.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The addresses of all nodes.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address().to_owned()).collect()
    }

    /// A connection to one node.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn channel(&self, id: u64) -> Channel {
        wait::until(&format!("node {id} can be reached"), || channel(self.node(id).address())).await
    }

    /// Runs `quorate` against all nodes.
    #[must_use]
    pub fn quorate(&self, arguments: &[&str]) -> Output {
        self.quorate_with_input(arguments, "")
    }

    /// The same with something on standard input.
    #[must_use]
    pub fn quorate_with_input(&self, arguments: &[&str], input: &str) -> Output {
        quorate(&self.addresses().join(","), arguments, input)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.nodes.iter().for_each(Node::show_logs);
        }
    }
}

async fn channel(address: &str) -> Result<Channel, String> {
    let endpoint = Channel::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
    endpoint.connect().await.map_err(|error| format!("{address}: {error}"))
}

/// Addresses in 127.0.0.0/8 that no other cluster of this or another test process uses.
fn addresses(nodes: u64) -> Vec<String> {
    static CLUSTERS: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTERS.fetch_add(1, Ordering::Relaxed);
    // 127.0.x.y is left alone. Two test processes at a time whose numbers agree in 14 bits do not happen.
    // Each cluster has four of the last bytes.
    assert!(nodes <= 4, "a cluster of these tests has at most four nodes");
    let [high, low] = u16::try_from(process::id() % (1 << 14)).expect("14 bits").to_be_bytes();
    assert!(cluster < 4 * 60, "too many clusters for one test process");
    (1..=nodes)
        .map(|id| {
            let last = (cluster % 60) * 4 + u32::try_from(id).expect("a few nodes");
            format!("127.{}.{low}.{last}:{PORT}", u32::from(high) + 1 + (cluster / 60) * 63)
        })
        .collect()
}

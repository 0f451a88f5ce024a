//! Three nodes under one temporary folder.

use super::{
    addresses,
    node::Node,
    wait::{self, Not},
};
use crate::cli::failure::Failure;
use quorate_client::{Client, ClientConfig};
use quorate_proto::reason;
use std::{fmt::Write, path::PathBuf, time::Duration};
use tempfile::TempDir;

/// How many nodes there are.
pub(super) const NODES: usize = 3;

/// How long the nodes may take to find each other.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// How long a question to one node may take, before it is asked again.
const QUESTION_DEADLINE: Duration = Duration::from_secs(2);

/// How long any other call may take: longer than it takes to elect a leader on a busy machine.
const CALL_DEADLINE: Duration = Duration::from_secs(20);

/// The longest wait before a call is tried again: what is measured is the cluster, not the patience of a client.
const RETRY_WAIT_MAX: Duration = Duration::from_millis(100);

/// The nodes, and the folder that goes with them.
pub(super) struct Cluster {
    // Dropped in this order: the processes end before their folder is removed.
    nodes: Vec<Node>,
    folder: TempDir,
}

impl Cluster {
    /// Nodes that are not started yet.
    pub(super) fn prepare() -> Result<Self, Failure> {
        let folder = TempDir::with_prefix("quorate-demo-").map_err(|error| {
            Failure::new(reason::FILE_FAILED, format!("no temporary folder can be made: {error}"))
                .cure("make room there, or name another folder in TMPDIR")
        })?;
        let addresses = addresses::free(NODES)?;
        let founding = founding(&addresses);
        let nodes = (1..)
            .zip(addresses)
            .map(|(id, address)| Node::prepare(id, address, folder.path(), &founding))
            .collect::<Result<_, _>>()?;
        Ok(Self { nodes, folder })
    }

    /// Starts all nodes; waits for nothing.
    pub(super) fn start_all(&mut self) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(Node::start)
    }

    /// Starts one node; waits for nothing.
    pub(super) fn start(&mut self, id: u64) -> Result<(), Failure> {
        self.node(id)?.start()
    }

    /// Ends the process of one node with SIGKILL, and waits until it is gone.
    pub(super) fn kill(&mut self, id: u64) -> Result<(), Failure> {
        self.node(id)?.kill().map_err(|error| {
            Failure::new(reason::INTERNAL, format!("the process of node {id} cannot be killed: {error}"))
        })
    }

    fn node(&mut self, id: u64) -> Result<&mut Node, Failure> {
        self.nodes.iter_mut().find(|node| node.id == id).ok_or_else(|| {
            Failure::new(
                reason::NODE_NOT_FOUND,
                format!("the cluster has no node {id}, but names it as a leader"),
            )
        })
    }

    /// A client of all nodes.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let config =
            ClientConfig { deadline: CALL_DEADLINE, backoff_max: RETRY_WAIT_MAX, ..ClientConfig::default() };
        Ok(Client::lazy(self.nodes.iter().map(|node| &node.address), config)?)
    }

    /// A client of each node that asks that one only and does not wait long for it, by the node's number.
    pub(super) fn client_each(&self) -> Result<Vec<(u64, Client)>, Failure> {
        let config = ClientConfig { deadline: QUESTION_DEADLINE, ..ClientConfig::default() };
        self.nodes.iter().map(|node| Ok((node.id, Client::lazy([&node.address], config)?))).collect()
    }

    /// Waits until every node is registered, and knows all nodes and a leader of the catalog.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        let clients = self.client_each()?;
        wait::until("all nodes have found each other", READY_PATIENCE, async || {
            self.nodes.iter_mut().try_for_each(Node::check_alive).map_err(Not::Ever)?;
            for (id, client) in &clients {
                is_ready(client).await.map_err(|why| Not::Yet(format!("node {id}: {why}")))?;
            }
            Ok(())
        })
        .await
    }

    /// Ends all nodes, and removes the folder or keeps it.
    pub(super) fn end(self, keep: bool) -> Option<PathBuf> {
        let Self { nodes, folder } = self;
        drop(nodes);
        keep.then(|| folder.keep())
    }
}

async fn is_ready(client: &Client) -> Result<(), String> {
    let status = client.node_status().await.map_err(|error| error.message)?;
    if !status.registered {
        return Err("it is not registered".to_owned());
    }
    if status.catalog_leader_node == 0 {
        return Err("it knows no leader of the catalog".to_owned());
    }
    let known = client.list_nodes().await.map_err(|error| error.message)?.nodes.len();
    if known < NODES { Err(format!("it knows {known} of {NODES} nodes")) } else { Ok(()) }
}

/// The part of the configuration that is the same on all nodes.
pub(super) fn founding(addresses: &[String]) -> String {
    let mut text = String::new();
    for (id, address) in (1..).zip(addresses) {
        let id: u64 = id;
        // Writing to a string cannot fail.
        let _ = write!(text, "\n[[nodes]]\nid = {id}\naddress = \"{address}\"\n");
    }
    text
}

//! A cluster in one process: each node with its own folder and its own port on the loopback interface.

use crate::{
    RequestError,
    node::{
        Consistency, CreateGroup, Deadline, GroupView, NodeConfig, NodeHandle, ReplicaState, ReplicaView,
        RunningNode, Submitted, apply_worker::ApplyWork,
    },
};
use bytes::Bytes;
use quorate_machine::Engine;
use quorate_replica::ports::{GroupLimits, Outcome};
use quorate_vocabulary::{CheckpointMode, GroupId, GroupName, NodeId, PluginReference};
use std::{future::Future, net::SocketAddr, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

/// Long enough for the slowest machine; nothing waits for it to pass.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

pub(super) fn name(text: &str) -> GroupName {
    text.parse().expect("a name")
}

pub(super) fn reference(text: &str) -> PluginReference {
    text.parse().expect("a reference")
}

pub(super) fn command(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

struct Running {
    node: RunningNode,
    stop_server: CancellationToken,
    server: JoinHandle<()>,
}

struct Seat {
    folder: TempDir,
    address: SocketAddr,
    running: Option<Running>,
}

/// The nodes 1 to n.
pub(super) struct Cluster {
    seats: Vec<Seat>,
    tune: fn(&mut NodeConfig),
}

impl Cluster {
    /// Nodes that do not run yet.
    pub(super) async fn stopped(nodes: usize, tune: fn(&mut NodeConfig)) -> Self {
        let mut seats = Vec::new();
        let mut listeners = Vec::new();
        for _ in 0..nodes {
            // All are bound before one is let go, so that no two get the same port.
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            listeners.push(listener);
            seats.push(Seat { folder: TempDir::new().expect("a folder"), address, running: None });
        }
        Self { seats, tune }
    }

    /// Nodes that run.
    pub(super) async fn start(nodes: usize) -> Self {
        Self::start_with(nodes, |_| {}).await
    }

    pub(super) async fn start_with(nodes: usize, tune: fn(&mut NodeConfig)) -> Self {
        let mut cluster = Self::stopped(nodes, tune).await;
        for number in 1..=nodes {
            cluster.run(number).await;
        }
        cluster
    }

    fn config(&self, number: usize) -> NodeConfig {
        let founders =
            self.seats.iter().zip(1..).map(|(seat, node)| (NodeId(node), seat.address.to_string())).collect();
        let node = founders_id(number);
        let mut config =
            NodeConfig::new("test", node, self.seats[number - 1].folder.path().join("data"), founders);
        config.election_timeout = Duration::from_millis(400);
        config.heartbeat_interval = Duration::from_millis(50);
        (self.tune)(&mut config);
        config
    }

    /// How many instances of plugins live on a node.
    pub(super) fn instances(&self, number: usize) -> u32 {
        let running = self.seats[number - 1].running.as_ref().expect("it runs");
        running.node.core().engine.instances()
    }

    /// The engine of a node.
    pub(super) fn engine(&self, number: usize) -> Engine {
        self.seats[number - 1].running.as_ref().expect("it runs").node.core().engine.clone()
    }

    /// Has a group let go of all instances on a node, as if it slept.
    pub(super) fn rest(&self, number: usize, group: GroupId) {
        let core = self.seats[number - 1].running.as_ref().expect("it runs").node.core();
        core.registry.get(group).expect("its replica").apply(ApplyWork::Rest);
    }

    /// Whether the newest snapshot of a memory machine on a node was saved in the background: then entries of the log follow it.
    pub(super) fn was_saved_in_the_background(&self, number: usize, group: GroupId) -> bool {
        let core = self.seats[number - 1].running.as_ref().expect("it runs").node.core();
        let snapshots = core.registry.get(group).expect("its replica").shared.snapshots.clone();
        snapshots.latest().expect("a snapshot").header.tail.is_some()
    }

    /// How the replica on a node takes checkpoints while it leads.
    pub(super) fn checkpoint_mode(&self, number: usize, group: GroupId) -> CheckpointMode {
        let core = self.seats[number - 1].running.as_ref().expect("it runs").node.core();
        core.registry.get(group).expect("its replica").shared.checkpoint_mode()
    }

    /// Where a node keeps its data.
    pub(super) fn data(&self, number: usize) -> PathBuf {
        self.config(number).data_folder
    }

    /// Starts a node, for the first time or again.
    pub(super) async fn run(&mut self, number: usize) {
        let config = self.config(number);
        let seat = &mut self.seats[number - 1];
        let listener = TcpListener::bind(seat.address).await.expect("its port is free");
        let node = RunningNode::start(config).await.expect("the node starts");
        let stop_server = CancellationToken::new();
        let serving = tonic::transport::Server::builder()
            .add_service(node.peer_service())
            .serve_with_incoming_shutdown(
                TcpListenerStream::new(listener),
                stop_server.clone().cancelled_owned(),
            );
        let server = tokio::spawn(async move { serving.await.expect("the server works") });
        seat.running = Some(Running { node, stop_server, server });
    }

    /// Ends a node in good order.
    pub(super) async fn stop(&mut self, number: usize) {
        let Running { node, stop_server, server } = self.seats[number - 1].running.take().expect("it runs");
        node.shut_down().await;
        stop_server.cancel();
        server.await.expect("the server ends");
    }

    /// Ends a node without a word, as far as that can be done within one process.
    pub(super) async fn halt(&mut self, number: usize) {
        let Running { node, stop_server, server } = self.seats[number - 1].running.take().expect("it runs");
        node.halt().await;
        stop_server.cancel();
        server.await.expect("the server ends");
    }

    /// Takes a node that does not run its disk.
    pub(super) fn wipe(&self, number: usize) {
        let data = self.seats[number - 1].folder.path().join("data");
        std::fs::remove_dir_all(data).expect("its data are gone");
    }

    /// Waits for the end of a new attempt to register a node.
    pub(super) async fn registration_ends(&self, number: usize) {
        let core = self.seats[number - 1].running.as_ref().expect("it runs").node.core();
        tokio::time::timeout(PATIENCE, core.register()).await.expect("it ends");
    }

    pub(super) async fn stop_all(&mut self) {
        for number in 1..=self.seats.len() {
            if self.seats[number - 1].running.is_some() {
                self.stop(number).await;
            }
        }
    }

    pub(super) fn node(&self, number: usize) -> NodeHandle {
        self.seats[number - 1].running.as_ref().expect("it runs").node.handle()
    }

    pub(super) fn running(&self) -> Vec<usize> {
        (1..=self.seats.len()).filter(|number| self.seats[number - 1].running.is_some()).collect()
    }

    /// Uploads a plugin and creates a group of it.
    pub(super) async fn group(&self, group: &str, plugin: Bytes) -> GroupView {
        let reference = reference(&format!("{group}@1"));
        let node = self.node(self.running()[0]);
        node.upload(reference.clone(), plugin, soon()).await.expect("the plugin is published");
        node.create_group(create(group, &reference), soon()).await.expect("the group is created")
    }

    /// Submits where the group is led, wherever that is, until it is answered.
    pub(super) async fn submit(&self, group: GroupId, text: &'static str) -> Submitted {
        until("the group answers", || async {
            for number in self.running() {
                match self.node(number).submit(group, command(text), soon()).await {
                    Ok(submitted) => return Some(submitted),
                    Err(
                        RequestError::NotLeader { .. }
                        | RequestError::GroupNotReady { .. }
                        | RequestError::GroupNotFound { .. },
                    ) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            None
        })
        .await
    }

    /// The node that leads a group and can show it.
    pub(super) async fn leader(&self, group: GroupId) -> usize {
        until("the group has a leader", || async {
            for number in self.running() {
                let status = self.node(number).status().await.expect("a status");
                let leads = |replica: &&ReplicaView| {
                    replica.group == group && replica.role == crate::node::ReplicaRole::Leader
                };
                if status.replicas.iter().any(|replica| leads(&replica)) {
                    return Some(number);
                }
            }
            None
        })
        .await
    }

    /// A node's replica of a group.
    pub(super) async fn replica(&self, number: usize, group: GroupId) -> Option<ReplicaView> {
        let status = self.node(number).status().await.expect("a status");
        status.replicas.into_iter().find(|replica| replica.group == group)
    }

    /// Waits until all running nodes have applied the same of a group, and says that they came to the same state.
    pub(super) async fn converge(&self, group: GroupId) -> Vec<ReplicaView> {
        let replicas = until("all replicas are at the same index", || async {
            let mut replicas = Vec::new();
            for number in self.running() {
                replicas.push(self.replica(number, group).await?);
            }
            let running = |replica: &ReplicaView| replica.state == ReplicaState::Running;
            let same = replicas.iter().all(|replica| {
                running(replica)
                    && replica.applied == replicas[0].applied
                    && replica.applied == replica.log_last
            });
            same.then_some(replicas)
        })
        .await;
        for replica in &replicas {
            assert_eq!(replica.digest, replicas[0].digest, "replicas differ: {replicas:#?}");
        }
        replicas
    }
}

fn founders_id(number: usize) -> NodeId {
    NodeId(u64::try_from(number).expect("a small number"))
}

pub(super) fn create(group: &str, plugin: &PluginReference) -> CreateGroup {
    CreateGroup {
        name: name(group),
        plugin: plugin.clone(),
        replicas: None,
        nodes: Vec::new(),
        witnesses: 0,
        witness_nodes: Vec::new(),
        limits: GroupLimits::default(),
        freeze_after_traps: 0,
        checkpoints: CheckpointMode::Inline,
    }
}

/// Asks until there is an answer.
pub(super) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = soon();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(!deadline.remaining().is_zero(), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The bytes of a reply.
pub(super) fn reply(outcome: Outcome) -> Bytes {
    match outcome {
        Outcome::Reply(bytes) => bytes,
        other => panic!("no reply but {other:?}"),
    }
}

/// A counter's reply.
pub(super) fn count(outcome: Outcome) -> u64 {
    u64::from_le_bytes(reply(outcome)[..8].try_into().expect("8 bytes"))
}

/// A counter's answer to a query: how far it counted, and how often it was told to lead.
pub(super) async fn counted(node: &NodeHandle, group: GroupId, consistency: Consistency) -> (u64, u64) {
    let queried = node.query(group, Bytes::new(), consistency, soon()).await.expect("an answer");
    let answer = reply(queried.outcome);
    let number =
        |range: std::ops::Range<usize>| u64::from_le_bytes(answer[range].try_into().expect("8 bytes"));
    (number(0..8), number(8..16))
}

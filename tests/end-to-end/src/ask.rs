//! What tests ask of a cluster, over gRPC and without the Rust client, so that the two check each other.

use crate::{Cluster, component, wait};
use quorate_proto::{
    reason,
    v1::{
        Consistency, CreateGroupRequest, DescribeGroupRequest, GroupLimits, Outcome, QueryRequest,
        QueryResponse, ReplicaState, ReplicaStatus, SubmitRequest, SubmitResponse, UploadPluginHeader,
        UploadPluginRequest, commands_client::CommandsClient, groups_client::GroupsClient, outcome,
        plugins_client::PluginsClient, upload_plugin_request::Part,
    },
};
use std::fs;
use tonic::Status;
use tonic_types::StatusExt;

/// The size of a chunk of an upload.
const CHUNK_BYTES: usize = 64 * 1024;

/// The reason in an error's `google.rpc.ErrorInfo`, or nothing.
#[must_use]
pub fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A reply as text.
///
/// # Panics
/// When the outcome is no reply.
#[must_use]
pub fn reply(outcome: Option<&Outcome>) -> String {
    match outcome.and_then(|outcome| outcome.result.as_ref()) {
        Some(outcome::Result::Reply(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("a reply was expected: {other:?}"),
    }
}

/// Whether a submit that failed so may be sent once more: it had no effect, and will have none.
fn had_no_effect(status: &Status) -> bool {
    [
        reason::NOT_LEADER,
        reason::GROUP_NOT_READY,
        reason::OVERLOADED,
        reason::GROUP_NOT_FOUND,
        reason::SHUTTING_DOWN,
    ]
    .contains(&reason_of(status).as_str())
}

impl Cluster {
    /// Uploads a component at a node.
    ///
    /// # Errors
    /// The node's.
    pub async fn upload_bytes(&self, node: u64, reference: &str, bytes: &[u8]) -> Result<(), Box<Status>> {
        let header = UploadPluginHeader {
            reference: reference.to_owned(),
            size_bytes: bytes.len() as u64,
            ..Default::default()
        };
        let mut parts = vec![UploadPluginRequest { part: Some(Part::Header(header)) }];
        parts.extend(
            bytes
                .chunks(CHUNK_BYTES)
                .map(|chunk| UploadPluginRequest { part: Some(Part::Chunk(chunk.to_vec().into())) }),
        );
        let mut client = PluginsClient::new(self.channel(node).await);
        client.upload(tokio_stream::iter(parts)).await.map(|_| ()).map_err(Box::new)
    }

    /// Uploads a plugin of the repository as `test/NAME@1`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn upload(&self, name: &str) {
        let bytes = fs::read(component(name)).expect("the component can be read");
        self.upload_bytes(1, &format!("test/{name}@1"), &bytes).await.expect("uploaded");
    }

    /// Creates the group `test/GROUP`, which runs `test/PLUGIN@1`, with a replica on every node.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create(&self, group: &str, plugin: &str) {
        self.create_with(group, plugin, GroupLimits::default()).await;
    }

    /// The same with limits of its own.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_with(&self, group: &str, plugin: &str, limits: GroupLimits) {
        let request = CreateGroupRequest {
            name: format!("test/{group}"),
            plugin: format!("test/{plugin}@1"),
            limits: Some(limits),
            ..Default::default()
        };
        GroupsClient::new(self.channel(1).await).create(request).await.expect("created");
    }

    /// Creates the group `test/GROUP` with replicas on these nodes only.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_on(&self, group: &str, plugin: &str, nodes: &[u64]) {
        let request = CreateGroupRequest {
            name: format!("test/{group}"),
            plugin: format!("test/{plugin}@1"),
            nodes: nodes.to_vec(),
            ..Default::default()
        };
        GroupsClient::new(self.channel(1).await).create(request).await.expect("created");
    }

    /// Submits a command to one node.
    ///
    /// # Errors
    /// The node's.
    pub async fn submit_to(
        &self,
        node: u64,
        group: &str,
        command: &str,
    ) -> Result<SubmitResponse, Box<Status>> {
        let request = SubmitRequest {
            group: format!("test/{group}"),
            command: command.as_bytes().to_vec().into(),
            ticket: None,
        };
        let mut client = CommandsClient::new(self.channel(node).await);
        client.submit(request).await.map(tonic::Response::into_inner).map_err(Box::new)
    }

    /// Submits a command to whichever node that runs leads the group, and waits until it is applied.
    ///
    /// # Panics
    /// When it fails otherwise than without effect: its outcome would not be known.
    pub async fn submit(&self, group: &str, command: &str) -> SubmitResponse {
        wait::until(&format!("{command:?} is applied"), || async {
            let mut reasons = String::new();
            for node in self.nodes().iter().filter(|node| node.is_running()) {
                match self.submit_to(node.id(), group, command).await {
                    Ok(response) => return Ok(response),
                    Err(status) if had_no_effect(&status) => reasons.push_str(status.message()),
                    Err(status) => panic!("{command:?} at node {}: {status:?}", node.id()),
                }
            }
            Err(reasons)
        })
        .await
    }

    /// Submits a command and returns its reply.
    ///
    /// # Panics
    /// When it gets none.
    pub async fn reply(&self, group: &str, command: &str) -> String {
        reply(self.submit(group, command).await.outcome.as_ref())
    }

    /// Queries a node.
    ///
    /// # Errors
    /// The node's.
    pub async fn query_at(
        &self,
        node: u64,
        group: &str,
        request: &str,
        consistency: Consistency,
    ) -> Result<QueryResponse, Box<Status>> {
        let request = QueryRequest {
            group: format!("test/{group}"),
            request: request.as_bytes().to_vec().into(),
            consistency: consistency.into(),
            max_staleness_ms: 0,
        };
        let mut client = CommandsClient::new(self.channel(node).await);
        client.query(request).await.map(tonic::Response::into_inner).map_err(Box::new)
    }

    /// A linearizable answer of any node that runs.
    pub async fn answer(&self, group: &str, request: &str) -> String {
        wait::until(&format!("{request:?} is answered"), || async {
            let mut reasons = String::new();
            for node in self.nodes().iter().filter(|node| node.is_running()) {
                match self.query_at(node.id(), group, request, Consistency::Linearizable).await {
                    Ok(response) => return Ok(reply(response.outcome.as_ref())),
                    Err(status) => reasons.push_str(status.message()),
                }
            }
            Err(reasons)
        })
        .await
    }

    /// The replica of a group on a node, as that node sees it.
    ///
    /// # Errors
    /// When the node cannot be asked or holds none.
    pub async fn replica(&self, node: u64, group: &str) -> Result<ReplicaStatus, String> {
        let request = DescribeGroupRequest { name: format!("test/{group}") };
        let mut client = GroupsClient::new(self.channel(node).await);
        let described = client.describe(request).await.map_err(|status| status.to_string())?.into_inner();
        described.replica.ok_or_else(|| format!("node {node} holds no replica of {group}"))
    }

    /// The node that leads a group.
    pub async fn leader(&self, group: &str) -> u64 {
        wait::until(&format!("{group} has a leader that a running node knows"), || async {
            for node in self.nodes().iter().filter(|node| node.is_running()) {
                if let Ok(replica) = self.replica(node.id(), group).await
                    && replica.leader_node != 0
                    && self.node(replica.leader_node).is_running()
                {
                    return Ok(replica.leader_node);
                }
            }
            Err("none is known".to_owned())
        })
        .await
    }

    /// Waits until a group with a replica on every node has applied the same index on all of them, and returns that index.
    ///
    /// # Panics
    /// When the replicas differ in what they applied.
    pub async fn replicas_are_equal(&self, group: &str) -> u64 {
        let nodes: Vec<u64> = self.nodes().iter().map(crate::Node::id).collect();
        self.replicas_are_equal_on(group, &nodes).await
    }

    /// Waits until the replicas of a group on these nodes have applied the same index, and returns that index.
    ///
    /// # Panics
    /// When the replicas differ in what they applied.
    pub async fn replicas_are_equal_on(&self, group: &str, nodes: &[u64]) -> u64 {
        let replicas = wait::until(&format!("every replica of {group} has caught up"), || async {
            let mut replicas = Vec::new();
            for node in nodes {
                let replica = self.replica(*node, group).await?;
                if replica.state() != ReplicaState::Running {
                    return Err(format!("node {node}: {:?} {}", replica.state(), replica.state_reason));
                }
                replicas.push(replica);
            }
            let behind = replicas
                .iter()
                .any(|replica| replica.applied != replicas[0].applied || replica.applied != replica.log_last);
            if behind { Err(format!("{replicas:?}")) } else { Ok(replicas) }
        })
        .await;
        for replica in &replicas {
            assert_eq!(replica.digest, replicas[0].digest, "replicas differ: {replicas:?}");
            assert!(!replica.digest.is_empty());
        }
        replicas[0].applied
    }
}

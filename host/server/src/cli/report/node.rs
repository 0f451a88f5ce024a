use super::{ReplicaReport, some_node};
use crate::cli::{
    exit::Exit,
    failure::Failure,
    output::{Report, table, table_text},
};
use quorate_proto::{reason::metadata, v1};
use serde::Serialize;
use std::{fmt::Write, time::Duration};

/// A node as the catalog has it.
#[derive(Debug, Serialize)]
pub(crate) struct NodeRow {
    id: u64,
    address: String,
    reachable: bool,
    draining: bool,
    replicas: u64,
    engine: String,
    /// Why it takes no part.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

/// `node list`
#[derive(Debug, Serialize)]
pub(crate) struct NodeList {
    cluster: String,
    nodes: Vec<NodeRow>,
}

impl From<v1::ListNodesResponse> for NodeList {
    fn from(response: v1::ListNodesResponse) -> Self {
        let nodes = response.nodes.into_iter().map(|node| NodeRow {
            id: node.id,
            draining: node.r#use() == v1::NodeUse::Draining,
            address: node.address,
            reachable: node.reachable,
            replicas: node.replicas,
            engine: node.engine,
            failure: node.failure.map(failure_of),
        });
        Self { cluster: response.cluster, nodes: nodes.collect() }
    }
}

fn failure_of(failure: v1::Failure) -> Failure {
    let v1::Failure { message, reason, mut metadata, .. } = failure;
    let cause = metadata.remove(metadata::CAUSE);
    let cure = metadata.remove(metadata::CURE);
    Failure { cause, cure, ..Failure::new(reason, message) }
}

/// That a node takes no part, and why, and what to do.
fn no_part(id: u64, failure: &Failure) -> String {
    let Failure { reason, message, cure, .. } = failure;
    let cure = cure.as_deref().map_or_else(String::new, |cure| format!("\n  cure: {cure}"));
    format!("node {id} takes no part ({reason}): {message}{cure}")
}

impl Report for NodeList {
    fn human(&self) -> String {
        let mut table = table(&["NODE", "ADDRESS", "REACHABLE", "USE", "REPLICAS", "ENGINE"]);
        for node in &self.nodes {
            table.add_row([
                node.id.to_string().as_str(),
                &node.address,
                if node.reachable { "yes" } else { "no" },
                if node.draining { "draining" } else { "active" },
                &node.replicas.to_string(),
                &node.engine,
            ]);
        }
        let mut text = table_text(&table);
        for (id, failure) in self.nodes.iter().filter_map(|node| Some((node.id, node.failure.as_ref()?))) {
            let _ = write!(text, "\n{}", no_part(id, failure));
        }
        text
    }
}

/// One node, or why it did not say how it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum NodeReport {
    /// It answered.
    Answered {
        /// Its number.
        id: u64,
        /// Where it is reached.
        address: String,
        /// The name of its cluster.
        cluster: String,
        /// The version of its binary.
        version: String,
        /// Whether the catalog has it.
        registered: bool,
        /// Why it takes no part.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// How long it has been running.
        uptime_ms: u64,
        /// The node that leads the catalog, as far as it knows.
        catalog_leader_node: Option<u64>,
        /// What it holds.
        replicas: Vec<ReplicaReport>,
    },
    /// It did not.
    Silent {
        /// Its number.
        id: u64,
        /// Where it should be reached.
        address: String,
        /// What was met there.
        error: Failure,
    },
}

impl From<v1::NodeStatusResponse> for NodeReport {
    fn from(status: v1::NodeStatusResponse) -> Self {
        Self::Answered {
            id: status.id,
            address: status.address,
            cluster: status.cluster,
            version: status.version,
            registered: status.registered,
            failure: status.failure.map(failure_of),
            uptime_ms: status.uptime_ms,
            catalog_leader_node: some_node(status.catalog_leader_node),
            replicas: status.replicas.into_iter().map(ReplicaReport::from).collect(),
        }
    }
}

/// `node status`
#[derive(Debug, Serialize)]
pub(crate) struct NodeStatusList {
    /// In the order of their numbers.
    pub(crate) nodes: Vec<NodeReport>,
}

impl NodeStatusList {
    /// How the process ends: badly when a node did not answer, or takes no part.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        let works = |node: &NodeReport| matches!(node, NodeReport::Answered { failure: None, .. });
        if self.nodes.iter().all(works) { Exit::Done } else { Exit::Failed }
    }
}

impl Report for NodeStatusList {
    fn human(&self) -> String {
        let texts: Vec<String> = self.nodes.iter().map(node_text).collect();
        texts.join("\n\n")
    }
}

fn node_text(node: &NodeReport) -> String {
    match node {
        NodeReport::Answered {
            id,
            address,
            cluster,
            version,
            registered,
            failure,
            uptime_ms,
            replicas,
            ..
        } => {
            // To the second: more is noise.
            let uptime = humantime::format_duration(Duration::from_secs(uptime_ms / 1000));
            let registered = match failure {
                Some(failure) => format!("\n{}", no_part(*id, failure)),
                None if *registered => String::new(),
                None => ", not in the catalog yet".to_owned(),
            };
            format!(
                "node {id} of {cluster} at {address}, version {version}, up {uptime}{registered}\n{}",
                ReplicaReport::table(replicas, true)
            )
        }
        NodeReport::Silent { id, address, error } => {
            format!("node {id} at {address} did not answer: {}", error.message)
        }
    }
}

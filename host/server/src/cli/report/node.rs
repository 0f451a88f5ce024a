use super::{or_dash, some_node};
use crate::cli::{
    exit::Exit,
    failure::Failure,
    output::{Report, size, table, table_text},
    payload::hex,
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
        let mut table = table(&["NODE", "ADDRESS", "REACHABLE", "REPLICAS", "ENGINE"]);
        for node in &self.nodes {
            table.add_row([
                node.id.to_string().as_str(),
                &node.address,
                if node.reachable { "yes" } else { "no" },
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

/// One replica, as its node sees it.
#[derive(Debug, Serialize)]
pub(crate) struct ReplicaReport {
    group: u64,
    group_name: String,
    replica: u64,
    node: u64,
    state: &'static str,
    asleep: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    state_reason: String,
    role: &'static str,
    term: u64,
    leader_node: Option<u64>,
    committed: u64,
    applied: u64,
    log_first: u64,
    log_last: u64,
    snapshot_index: u64,
    snapshot_bytes: u64,
    digest: String,
    leaders_seen: Vec<LeaderSeen>,
}

#[derive(Debug, Serialize)]
struct LeaderSeen {
    term: u64,
    node: u64,
}

impl From<v1::ReplicaStatus> for ReplicaReport {
    fn from(status: v1::ReplicaStatus) -> Self {
        Self {
            state: match status.state() {
                v1::ReplicaState::Unspecified => "unknown",
                v1::ReplicaState::Starting => "starting",
                v1::ReplicaState::Running => "running",
                v1::ReplicaState::Failed => "failed",
            },
            role: match status.role() {
                v1::ReplicaRole::Unspecified => "unknown",
                v1::ReplicaRole::Leader => "leader",
                v1::ReplicaRole::Follower => "follower",
                v1::ReplicaRole::Candidate => "candidate",
                v1::ReplicaRole::Learner => "learner",
            },
            asleep: status.asleep,
            group: status.group,
            group_name: if status.group == 0 { "(catalog)".to_owned() } else { status.group_name },
            replica: status.replica,
            node: status.node,
            state_reason: status.state_reason,
            term: status.term,
            leader_node: some_node(status.leader_node),
            committed: status.committed,
            applied: status.applied,
            log_first: status.log_first,
            log_last: status.log_last,
            snapshot_index: status.snapshot_index,
            snapshot_bytes: status.snapshot_bytes,
            digest: hex(&status.digest),
            leaders_seen: status
                .leaders_seen
                .iter()
                .map(|seen| LeaderSeen { term: seen.term, node: seen.node })
                .collect(),
        }
    }
}

impl ReplicaReport {
    /// Replicas as a table; of one group (which is not named then) or of one node.
    #[must_use]
    pub(crate) fn table(replicas: &[Self], of_node: bool) -> String {
        let first = if of_node { "GROUP" } else { "NODE" };
        let mut table = table(&[
            first,
            "STATE",
            "ROLE",
            "TERM",
            "LEADER",
            "APPLIED",
            "COMMITTED",
            "LOG",
            "SNAPSHOT",
            "DIGEST",
        ]);
        for replica in replicas {
            let snapshot = match replica.snapshot_index {
                0 => "-".to_owned(),
                index => format!("{index} ({})", size(replica.snapshot_bytes)),
            };
            table.add_row([
                if of_node { replica.group_name.clone() } else { replica.node.to_string() },
                if replica.asleep { "asleep" } else { replica.state }.to_owned(),
                replica.role.to_owned(),
                replica.term.to_string(),
                or_dash(replica.leader_node),
                replica.applied.to_string(),
                replica.committed.to_string(),
                format!("{}..{}", replica.log_first, replica.log_last),
                snapshot,
                replica.digest.chars().take(12).collect(),
            ]);
        }
        let mut text = table_text(&table);
        for replica in replicas.iter().filter(|replica| !replica.state_reason.is_empty()) {
            let of = if of_node { replica.group_name.clone() } else { format!("node {}", replica.node) };
            let _ = write!(text, "\n{of} is {}: {}", replica.state, replica.state_reason);
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

use super::{
    MembersReport, ReplicaReport, UpgradeRow, kind_name, members::role_name, or_dash, replica::time,
    some_node,
};
use crate::cli::{
    limits,
    output::{Report, size, table, table_text},
    payload::hex,
};
use quorate_proto::v1;
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

/// A group as the catalog has it.
#[derive(Debug, Serialize)]
pub(crate) struct GroupRow {
    name: String,
    id: u64,
    plugin: String,
    plugin_digest: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<&'static str>,
    leader_node: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alarms: Vec<AlarmRow>,
    members: Vec<MemberRow>,
    limits: BTreeMap<&'static str, u64>,
}

/// A replica that was found to be of no use.
#[derive(Debug, Serialize)]
struct AlarmRow {
    node: u64,
    replica: u64,
    what: String,
    raised_ms: u64,
    ended_ms: Option<u64>,
}

impl From<v1::Alarm> for AlarmRow {
    fn from(alarm: v1::Alarm) -> Self {
        let v1::Alarm { node, replica, what, raised_ms, ended_ms } = alarm;
        Self { node, replica, what, raised_ms, ended_ms: (ended_ms != 0).then_some(ended_ms) }
    }
}

#[derive(Debug, Serialize)]
struct MemberRow {
    replica: u64,
    node: u64,
    role: &'static str,
}

impl From<v1::Group> for GroupRow {
    fn from(group: v1::Group) -> Self {
        let members = group
            .members
            .iter()
            .map(|member| MemberRow {
                replica: member.replica,
                node: member.node,
                role: role_name(member.role()),
            })
            .collect();
        Self {
            kind: kind_name(group.kind()),
            checkpoints: checkpoints(&group),
            id: group.id,
            plugin_digest: hex(&group.plugin_digest),
            leader_node: some_node(group.leader_node),
            alarms: group.alarms.into_iter().map(AlarmRow::from).collect(),
            members,
            limits: limits::all(&group.limits.unwrap_or_default()).into_iter().collect(),
            name: group.name,
            plugin: group.plugin,
        }
    }
}

/// How they are taken, where that makes a difference.
fn checkpoints(group: &v1::Group) -> Option<&'static str> {
    match (group.kind(), group.checkpoints()) {
        (v1::MachineKind::Memory, v1::CheckpointMode::Background) => Some("background"),
        (v1::MachineKind::Memory, _) => Some("inline"),
        _ => None,
    }
}

impl GroupRow {
    /// The nodes whose replicas are of no use.
    fn alarm(&self) -> String {
        let open = self.alarms.iter().filter(|alarm| alarm.ended_ms.is_none());
        let nodes: Vec<String> = open.map(|alarm| alarm.node.to_string()).collect();
        if nodes.is_empty() { "-".to_owned() } else { format!("node {}", nodes.join(",")) }
    }

    fn nodes(&self) -> String {
        self.members.iter().map(|member| member.node.to_string()).collect::<Vec<_>>().join(",")
    }
}

impl Report for GroupRow {
    fn human(&self) -> String {
        format!(
            "created group {} (number {}), running {} on {} {}",
            self.name,
            self.id,
            self.plugin,
            if self.members.len() == 1 { "node" } else { "nodes" },
            self.nodes()
        )
    }
}

/// `group list`
#[derive(Debug, Serialize)]
pub(crate) struct GroupList {
    /// In the order of their names.
    pub(crate) groups: Vec<GroupRow>,
}

impl Report for GroupList {
    fn human(&self) -> String {
        if self.groups.is_empty() {
            return "no groups; create one with `quorate group create GROUP --plugin REFERENCE`".to_owned();
        }
        let mut table = table(&["GROUP", "NUMBER", "PLUGIN", "KIND", "NODES", "LEADER", "ALARM"]);
        for group in &self.groups {
            table.add_row([
                &group.name,
                &group.id.to_string(),
                &group.plugin,
                group.kind,
                &group.nodes(),
                &or_dash(group.leader_node),
                &group.alarm(),
            ]);
        }
        table_text(&table)
    }
}

/// `group describe`
#[derive(Debug, Serialize)]
pub(crate) struct GroupReport {
    /// The group.
    #[serde(flatten)]
    pub(crate) group: GroupRow,
    /// The last changes of the version that it runs, the newest last.
    pub(crate) upgrades: Vec<UpgradeRow>,
    /// Its members, as its leader sees them.
    pub(crate) membership: MembersReport,
    /// Its replicas, as the nodes that hold them see them.
    pub(crate) replicas: Vec<ReplicaReport>,
    /// Nodes that hold a replica and did not answer.
    pub(crate) silent_nodes: Vec<u64>,
}

impl Report for GroupReport {
    fn human(&self) -> String {
        let group = &self.group;
        let checkpoints = group.checkpoints.map(|mode| format!(", {mode} checkpoints")).unwrap_or_default();
        let mut text = format!(
            "group   {} (number {})\nplugin  {} ({} machine{checkpoints}, sha256 {})\nleader  {}\n",
            group.name,
            group.id,
            group.plugin,
            group.kind,
            group.plugin_digest,
            group.leader_node.map_or_else(|| "none".to_owned(), |node| format!("node {node}")),
        );
        if let Some(last) = self.upgrades.last() {
            let _ = writeln!(text, "version {}", last.text());
        }
        if let Some(poison) = ReplicaReport::poison(&self.replicas) {
            let _ = writeln!(text, "poison  {poison}");
        }
        for alarm in &group.alarms {
            let AlarmRow { node, replica, what, raised_ms, ended_ms } = alarm;
            let raised = time(*raised_ms);
            let _ = write!(text, "alarm   {raised}: replica {replica} on node {node} is of no use: {what}");
            let _ = match ended_ms {
                Some(ended_ms) => writeln!(text, " (replaced {})", time(*ended_ms)),
                None => writeln!(text),
            };
        }
        if let Some(timers) = ReplicaReport::timers(&self.replicas) {
            let _ = writeln!(text, "timers  {timers}");
        }
        if let Some(sessions) = ReplicaReport::sessions(&self.replicas) {
            let _ = writeln!(text, "sessions  {sessions}");
        }
        if !self.replicas.is_empty() {
            let _ = write!(text, "\n{}\n", ReplicaReport::table(&self.replicas, false));
        }
        for node in &self.silent_nodes {
            let _ = writeln!(text, "node {node} did not answer");
        }
        let _ = write!(text, "\n{}\n\nlimits", self.membership.text());
        let width = group.limits.keys().map(|name| name.len()).max().unwrap_or_default();
        for (name, value) in &group.limits {
            let _ = write!(text, "\n  {name:<width$}  {value}");
        }
        text
    }
}

/// `group delete`
#[derive(Debug, Serialize)]
pub(crate) struct GroupDeleted {
    /// The group.
    pub(crate) name: String,
    /// The number that it had.
    pub(crate) id: u64,
}

impl Report for GroupDeleted {
    fn human(&self) -> String {
        format!("deleted group {} (number {})", self.name, self.id)
    }
}

/// `group snapshot`
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotReport {
    /// The group.
    pub(crate) name: String,
    /// Everything up to this index is in it.
    pub(crate) index: u64,
    /// Its size.
    pub(crate) size_bytes: u64,
}

impl Report for SnapshotReport {
    fn human(&self) -> String {
        format!("snapshot of {} at index {}, {}", self.name, self.index, size(self.size_bytes))
    }
}

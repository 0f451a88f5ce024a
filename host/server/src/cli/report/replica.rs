use super::{or_dash, some_node};
use crate::cli::{
    output::{size, table, table_text},
    payload::hex,
};
use quorate_proto::v1;
use serde::Serialize;
use std::{
    fmt::Write,
    time::{Duration, UNIX_EPOCH},
};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    log_bytes: Option<u64>,
    log_lines_dropped: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<String>,
    snapshot_index: u64,
    snapshot_bytes: u64,
    digest: String,
    leaders_seen: Vec<LeaderSeen>,
    sessions: u64,
    sessions_reply_bytes: u64,
    timers_pending: u64,
    timer_next_ms: Option<u64>,
    plugin_digest: String,
    state_version: u32,
    freeze_after_traps: u32,
    traps_in_a_row: u32,
    frozen_at: Option<u64>,
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
                v1::ReplicaRole::Witness => "witness",
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
            log_bytes: status.log_bytes,
            log_lines_dropped: status.log_lines_dropped,
            evidence: status.evidence,
            snapshot_index: status.snapshot_index,
            snapshot_bytes: status.snapshot_bytes,
            digest: hex(&status.digest),
            leaders_seen: status
                .leaders_seen
                .iter()
                .map(|seen| LeaderSeen { term: seen.term, node: seen.node })
                .collect(),
            sessions: status.sessions,
            sessions_reply_bytes: status.sessions_reply_bytes,
            timers_pending: status.timers_pending,
            timer_next_ms: status.timer_next_ms,
            plugin_digest: hex(&status.plugin_digest),
            state_version: status.state_version,
            freeze_after_traps: status.freeze_after_traps,
            traps_in_a_row: status.traps_in_a_row,
            frozen_at: (status.frozen_at != 0).then_some(status.frozen_at),
        }
    }
}

impl ReplicaReport {
    /// The timers of the group, as the replica of these that has come furthest has them; none when none is set.
    #[must_use]
    pub(crate) fn timers(replicas: &[Self]) -> Option<String> {
        let replica = replicas.iter().max_by_key(|replica| replica.applied)?;
        let next = time(replica.timer_next_ms?);
        Some(format!("{} pending, the first due {next}", replica.timers_pending))
    }

    /// The sessions of the group, as the replica of these that has come furthest has them; none when none is open.
    #[must_use]
    pub(crate) fn sessions(replicas: &[Self]) -> Option<String> {
        let replica = replicas.iter().max_by_key(|replica| replica.applied)?;
        let kept = size(replica.sessions_reply_bytes);
        (replica.sessions > 0).then(|| format!("{} open, {kept} of answers kept for them", replica.sessions))
    }

    /// What is done about commands that trap, as the replica of these that has come furthest has it; none when nothing is.
    #[must_use]
    pub(crate) fn poison(replicas: &[Self]) -> Option<String> {
        let replica = replicas.iter().max_by_key(|replica| replica.applied)?;
        let (after, row) = (replica.freeze_after_traps, replica.traps_in_a_row);
        match replica.frozen_at {
            Some(index) => Some(format!("frozen since entry {index}: it takes no commands")),
            None if after == 0 => None,
            None => Some(format!("freezes after {after} traps in a row; {row} so far")),
        }
    }

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
            let log_size = replica.log_bytes.map(|bytes| format!(" ({})", size(bytes))).unwrap_or_default();
            table.add_row([
                if of_node { replica.group_name.clone() } else { replica.node.to_string() },
                if replica.asleep { "asleep" } else { replica.state }.to_owned(),
                replica.role.to_owned(),
                replica.term.to_string(),
                or_dash(replica.leader_node),
                replica.applied.to_string(),
                replica.committed.to_string(),
                format!("{}..{}{log_size}", replica.log_first, replica.log_last),
                snapshot,
                replica.digest.chars().take(12).collect(),
            ]);
        }
        let mut text = table_text(&table);
        for replica in replicas.iter().filter(|replica| !replica.state_reason.is_empty()) {
            let of = if of_node { replica.group_name.clone() } else { format!("node {}", replica.node) };
            let _ = write!(text, "\n{of} is {}: {}", replica.state, replica.state_reason);
        }
        for replica in replicas.iter().filter(|replica| replica.log_lines_dropped > 0) {
            let of = if of_node { replica.group_name.clone() } else { format!("node {}", replica.node) };
            let _ = write!(
                text,
                "\n{of} has dropped {} lines that the plugin logged: too many in a second",
                replica.log_lines_dropped
            );
        }
        for replica in replicas {
            for folder in &replica.evidence {
                let _ = write!(text, "\nnode {} keeps what a replica of no use had: {folder}", replica.node);
            }
        }
        text
    }
}

/// The last millisecond of the year 9999: later ones have no date.
const DATED_MS_MAX: u64 = 253_402_300_799_999;

/// A point in time; plugins may set timers for ever.
pub(super) fn time(since_epoch_ms: u64) -> String {
    if since_epoch_ms > DATED_MS_MAX {
        return format!("at {since_epoch_ms} ms, after the year 9999");
    }
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since_epoch_ms)).to_string()
}

use super::or_dash;
use crate::cli::output::{Report, table, table_text};
use quorate_proto::v1;
use serde::Serialize;
use std::fmt::Write;

/// The members of a group, and what they change to.
#[derive(Debug, Serialize)]
pub(crate) struct MembersReport {
    name: String,
    /// The node whose word this is, when it is a leader's.
    leader_node: Option<u64>,
    members: Vec<MemberRow>,
    change: Option<ChangeRow>,
}

/// A member, or a node that is to hold one.
#[derive(Debug, Serialize)]
struct MemberRow {
    node: u64,
    replica: u64,
    role: &'static str,
    /// What the leader knows; missing when there is none.
    alive: Option<bool>,
    matched: Option<u64>,
    lag: Option<u64>,
    awaits_snapshot: Option<bool>,
    priority: Option<u32>,
    /// What is to become of it; missing when it stays what it is.
    change: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChangeRow {
    voters: Vec<u64>,
    learners: Vec<u64>,
    witnesses: Vec<u64>,
    began_ms: u64,
    waits_for: String,
}

/// `voter`, `learner` or `witness`.
pub(crate) fn role_name(role: v1::MemberRole) -> &'static str {
    match role {
        v1::MemberRole::Unspecified => "unknown",
        v1::MemberRole::Voter => "voter",
        v1::MemberRole::Learner => "learner",
        v1::MemberRole::Witness => "witness",
        v1::MemberRole::WitnessLearner => "witness, catches up",
    }
}

impl MembersReport {
    /// From what the catalog has, and what the replicas say: the leader's word counts.
    pub(crate) fn new(group: &v1::Group, replicas: &[v1::ReplicaStatus]) -> Self {
        // Of two that both take themselves for the leader, the later one.
        let leader = replicas.iter().filter(|replica| !replica.members.is_empty()).max_by_key(|one| one.term);
        let known: Vec<(v1::Member, Option<&v1::MemberStatus>)> = match leader {
            Some(leader) => {
                leader.members.iter().filter_map(|status| Some((status.member?, Some(status)))).collect()
            }
            None => group.members.iter().map(|member| (*member, None)).collect(),
        };
        let wanted = group.change.as_ref().map(|change| &change.wanted);
        let mut members: Vec<MemberRow> = known
            .iter()
            .map(|(member, status)| MemberRow {
                node: member.node,
                replica: member.replica,
                role: role_name(member.role()),
                alive: status.map(|status| status.alive),
                matched: status.map(|status| status.matched),
                lag: status.map(|status| status.lag),
                awaits_snapshot: status.map(|status| status.awaits_snapshot),
                priority: status.map(|status| status.priority),
                change: wanted.and_then(|wanted| becomes(member, wanted)),
            })
            .collect();
        for member in wanted.into_iter().flatten() {
            if known.iter().all(|(known, _)| known.replica != member.replica) {
                members.push(MemberRow {
                    node: member.node,
                    replica: member.replica,
                    role: "none",
                    alive: None,
                    matched: None,
                    lag: None,
                    awaits_snapshot: None,
                    priority: None,
                    change: Some(format!("joins as {}", role_name(member.role()))),
                });
            }
        }
        members.sort_by_key(|member| (member.node, member.replica));
        let waits_for =
            replicas.iter().map(|replica| &replica.change_waits_for).find(|text| !text.is_empty());
        let change = group.change.as_ref().map(|change| ChangeRow {
            voters: nodes(&change.wanted, v1::MemberRole::Voter),
            learners: nodes(&change.wanted, v1::MemberRole::Learner),
            witnesses: nodes(&change.wanted, v1::MemberRole::Witness),
            began_ms: change.began_ms,
            waits_for: waits_for.cloned().unwrap_or_else(|| "a leader of the group to take it up".to_owned()),
        });
        let leader_node = leader.map(|leader| leader.node);
        Self { name: group.name.clone(), leader_node, members, change }
    }

    /// Leaves out those that the leader has not heard of lately.
    pub(crate) fn only_alive(&mut self) {
        self.members.retain(|member| member.alive == Some(true));
    }

    /// What the change that is under way waits for.
    pub(crate) fn waits_for(&self) -> Option<&str> {
        self.change.as_ref().map(|change| change.waits_for.as_str())
    }

    /// As a table, with what the change that is under way waits for.
    pub(super) fn text(&self) -> String {
        let mut table = table(&["NODE", "REPLICA", "ROLE", "ALIVE", "MATCHED", "LAG", "PRIORITY", "CHANGE"]);
        for member in &self.members {
            let alive = match (member.alive, member.awaits_snapshot) {
                (None, _) => "-",
                (Some(false), _) => "no",
                (Some(true), Some(true)) => "yes, waits for a snapshot",
                (Some(true), _) => "yes",
            };
            table.add_row([
                member.node.to_string().as_str(),
                &member.replica.to_string(),
                member.role,
                alive,
                &or_dash(member.matched),
                &or_dash(member.lag),
                &or_dash(member.priority.map(u64::from)),
                member.change.as_deref().unwrap_or_default(),
            ]);
        }
        let mut text = table_text(&table);
        if let Some(change) = &self.change {
            let _ = write!(text, "\nthe members are changing, which waits for {}", change.waits_for);
        }
        text
    }
}

fn nodes(members: &[v1::Member], role: v1::MemberRole) -> Vec<u64> {
    members.iter().filter(|member| member.role() == role).map(|member| member.node).collect()
}

fn becomes(member: &v1::Member, wanted: &[v1::Member]) -> Option<String> {
    match wanted.iter().find(|wanted| wanted.replica == member.replica) {
        None => Some("leaves".to_owned()),
        Some(wanted) if wanted.role != member.role => Some(format!("becomes {}", role_name(wanted.role()))),
        Some(_) => None,
    }
}

impl Report for MembersReport {
    fn human(&self) -> String {
        self.text()
    }
}

/// A change that was taken down and is not waited for.
#[derive(Debug, Serialize)]
pub(crate) struct MembersTaken {
    name: String,
    voters: Vec<u64>,
    learners: Vec<u64>,
    witnesses: Vec<u64>,
    /// Whether there is anything to do.
    under_way: bool,
}

impl MembersTaken {
    pub(crate) fn new(group: &v1::Group) -> Self {
        let wanted = group.change.as_ref().map_or(&group.members, |change| &change.wanted);
        Self {
            name: group.name.clone(),
            voters: nodes(wanted, v1::MemberRole::Voter),
            learners: nodes(wanted, v1::MemberRole::Learner),
            witnesses: nodes(wanted, v1::MemberRole::Witness),
            under_way: group.change.is_some(),
        }
    }
}

impl Report for MembersTaken {
    fn human(&self) -> String {
        let list = |nodes: &[u64]| nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let has = if self.under_way { "is to have" } else { "has" };
        let mut text = format!("{} {has} voters on nodes {}", self.name, list(&self.voters));
        if !self.witnesses.is_empty() {
            let _ = write!(text, " and witnesses on nodes {}", list(&self.witnesses));
        }
        if !self.learners.is_empty() {
            let _ = write!(text, " and learners on nodes {}", list(&self.learners));
        }
        if self.under_way {
            let _ = write!(text, "; `quorate group members list {}` shows how far it is", self.name);
        }
        text
    }
}

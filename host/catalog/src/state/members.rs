//! Changes of a group's members: what is wanted, until the group's leader says that it is so.

use super::{
    CatalogState,
    apply::{Changed, next},
};
use crate::{
    CatalogError, CatalogReply, Group, MembersChange, MembersEdit, NodeStatus,
    limits::{GROUP_LEARNERS_MAX, GROUP_REPLICAS_MAX},
};
use quorate_vocabulary::{GroupId, GroupName, Member, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// Numbers of groups and replicas that are not given out when the catalog was recovered: more than can have been given out
/// and be lost with it.
const RECOVERY_NUMBERS_SKIPPED: u64 = 1 << 32;

/// What each node is to hold.
type Roles = BTreeMap<NodeId, MemberRole>;

fn roles(members: &[Member]) -> Roles {
    members.iter().map(|member| (member.node, member.role)).collect()
}

pub(super) fn unfit(cause: impl Into<String>) -> CatalogError {
    CatalogError::NodesUnfit { cause: cause.into() }
}

impl CatalogState {
    pub(super) fn change_members(&mut self, name: &GroupName, edit: &MembersEdit, time_ms: u64) -> Changed {
        let group =
            self.group_named(name).ok_or_else(|| CatalogError::GroupUnknown { name: name.clone() })?;
        let before = roles(group.wanted());
        let after = edited(name, &before, edit)?;
        if after == before {
            return Ok((CatalogReply::Group(group.clone()), None));
        }
        self.check_roles(group, &after)?;

        for member in group.placed() {
            let is_witness = member.role.is_witness();
            if after.get(&member.node).is_some_and(|role| role.is_witness() != is_witness) {
                let (node, role) = (member.node, member.role);
                return Err(unfit(format!(
                    "node {node} holds a {role}, which never becomes a replica of another kind: remove it, and add the \
                     other when it is gone"
                )));
            }
        }

        let mut last_replica = self.last_replica;
        let mut wanted = Vec::with_capacity(after.len());
        for (node, role) in &after {
            // A replica that is there, or is about to go, keeps its number: it has not been removed yet.
            let replica = match group.replica_on(*node) {
                Some(replica) => replica,
                None => {
                    last_replica = next(last_replica, "replicas")?;
                    ReplicaId(last_replica)
                }
            };
            wanted.push(Member { replica, node: *node, role: *role });
        }
        let stays = |member: &Member| {
            let mut kept = wanted.iter().chain(&group.members);
            kept.any(|kept| kept.replica == member.replica)
        };
        let leaving = group.placed().filter(|member| !stays(member)).copied().collect();
        let number = group.changes.saturating_add(1);
        let mut group = group.clone();
        group.changes = number;
        // A replica that was removed to be replaced is still to be, unless somebody says who all are to be.
        let renews = group.change.take().and_then(|change| change.renews);
        let renews =
            renews.filter(|(node, _)| matches!(edit, MembersEdit::Some { .. }) && !after.contains_key(node));
        group.change = Some(MembersChange { number, wanted, leaving, began_ms: time_ms, renews });
        let change = format!("group {name} is to have {}", members_text(group.wanted()));
        self.last_replica = last_replica;
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(change)))
    }

    /// Whether a group can have such members.
    fn check_roles(&self, group: &Group, roles: &Roles) -> Result<(), CatalogError> {
        let count = |role| roles.values().filter(|held| **held == role).count();
        let learners = count(MemberRole::Learner);
        check_voters(count(MemberRole::Voter), count(MemberRole::Witness))?;
        if learners > GROUP_LEARNERS_MAX {
            return Err(unfit(format!("a group has at most {GROUP_LEARNERS_MAX} learners, not {learners}")));
        }
        for (id, role) in roles.iter().filter(|(node, _)| group.replica_on(**node).is_none()) {
            let node = self.node(*id).ok_or(CatalogError::NodeUnknown { node: *id })?;
            if node.status == NodeStatus::Draining {
                return Err(CatalogError::NodeDraining { node: *id });
            }
            // A witness runs nothing.
            if node.engine_fingerprint != group.engine_fingerprint && !role.is_witness() {
                return Err(unfit(format!(
                    "node {id} runs another engine ({}) than the group ({}), on which its plugin may behave differently",
                    node.engine_fingerprint, group.engine_fingerprint
                )));
            }
        }
        Ok(())
    }

    pub(super) fn complete_members_change(&mut self, id: GroupId, number: u64, time_ms: u64) -> Changed {
        let group = self.group(id).ok_or(CatalogError::GroupGone { id })?;
        let mut group = group.clone();
        // Told twice, or of a change that another has taken the place of.
        let Some(change) = group.change.take_if(|change| change.number == number) else {
            return Ok((CatalogReply::Group(group), None));
        };
        let mut text = format!("group {} has {}", group.name, members_text(&change.wanted));
        group.members = change.wanted;
        for alarm in group.alarms.iter_mut().filter(|alarm| alarm.ended_ms == 0) {
            // Its node has another replica by now, or is to have none.
            if !group.members.iter().any(|member| member.replica == alarm.replica) && change.renews.is_none()
            {
                alarm.ended_ms = time_ms.max(1);
            }
        }
        self.put_group(&group);
        if let Some(renewed) = change.renews {
            let edit = MembersEdit::Some { add: vec![renewed], remove: Vec::new(), promote: Vec::new() };
            // Refused when the node has gone or is to be emptied meanwhile: the group goes on without it.
            text = match self.change_members(&group.name, &edit, time_ms) {
                Ok((_, Some(more))) => format!("{text}; {more}"),
                Ok((_, None)) => text,
                Err(error) => format!("{text}; it gets no new replica on node {}: {error}", renewed.0),
            };
            group = self.group(id).ok_or(CatalogError::GroupGone { id })?.clone();
        }
        Ok((CatalogReply::Group(group), Some(text)))
    }

    /// The catalog itself was recovered. What it had given out last may be lost with those who knew it, and be somewhere
    /// still: those numbers must not be given out again.
    fn note_own_recovery(&mut self, epoch: u64, survivors: &[Member]) -> Changed {
        if epoch <= self.epoch {
            return Ok((CatalogReply::Recovered { epoch: self.epoch }, None));
        }
        self.last_group = self.last_group.saturating_add(RECOVERY_NUMBERS_SKIPPED);
        self.last_replica = self.last_replica.saturating_add(RECOVERY_NUMBERS_SKIPPED);
        self.epoch = epoch;
        self.keep_own_survivors(survivors);
        let text = format!("the catalog is recovered in epoch {epoch}, with {}", members_text(survivors));
        Ok((CatalogReply::Recovered { epoch }, Some(text)))
    }

    /// What the group's own log says of its members counts, whatever was wanted.
    pub(super) fn note_recovery(&mut self, id: GroupId, epoch: u64, survivors: &[Member]) -> Changed {
        if id.is_catalog() {
            return self.note_own_recovery(epoch, survivors);
        }
        let group = self.group(id).ok_or(CatalogError::GroupGone { id })?;
        if epoch <= group.epoch {
            return Ok((CatalogReply::Group(group.clone()), None));
        }
        let known = |survivor: &Member| {
            group.placed().any(|member| (member.replica, member.node) == (survivor.replica, survivor.node))
        };
        if survivors.is_empty() || !survivors.iter().all(known) {
            return Err(CatalogError::Malformed { cause: "a survivor is no member of its group".into() });
        }
        let lost = |member: &&Member| !survivors.iter().any(|survivor| survivor.replica == member.replica);
        let lost: Vec<String> = group.placed().filter(lost).map(|member| member.node.to_string()).collect();
        let mut group = group.clone();
        group.members = survivors.to_vec();
        group.members.sort_unstable_by_key(|member| member.node);
        // Another change, so that nobody completes the one that was under way.
        group.changes = group.changes.saturating_add(1);
        group.change = None;
        group.epoch = epoch;
        let text = format!(
            "group {} is recovered in epoch {epoch}, with {}; lost are its replicas on {}",
            group.name,
            members_text(&group.members),
            lost.join(", ")
        );
        self.put_group(&group);
        Ok((CatalogReply::Group(group), Some(text)))
    }

    pub(super) fn put_group(&mut self, group: &Group) {
        Arc::make_mut(&mut self.groups).insert(group.id, Arc::new(group.clone()));
    }
}

/// Whether a group can have so many voters with data, and so many witnesses.
///
/// More of them must hold data than not: else a majority could be of those that hold none, but for one.
pub(super) fn check_voters(data: usize, witnesses: usize) -> Result<(), CatalogError> {
    if data == 0 {
        return Err(unfit("a group has at least one voter that holds data"));
    }
    if data + witnesses > GROUP_REPLICAS_MAX {
        let voters = data + witnesses;
        return Err(unfit(format!("a group has at most {GROUP_REPLICAS_MAX} voters, not {voters}")));
    }
    if witnesses >= data {
        return Err(unfit(format!(
            "a group has fewer witnesses than voters that hold data: not {witnesses} and {data}"
        )));
    }
    Ok(())
}

/// What the nodes are to hold, with what is to be different.
fn edited(name: &GroupName, before: &Roles, edit: &MembersEdit) -> Result<Roles, CatalogError> {
    let mut after = Roles::new();
    match edit {
        MembersEdit::All(all) => {
            for (node, role) in all {
                if after.insert(*node, *role).is_some() {
                    return Err(unfit(format!("node {node} is named twice")));
                }
            }
        }
        MembersEdit::Some { add, remove, promote } => {
            let named = add.iter().map(|(node, _)| node).chain(remove).chain(promote);
            let mut seen = Vec::new();
            for node in named {
                if seen.contains(&node) {
                    return Err(unfit(format!("node {node} is named twice")));
                }
                seen.push(node);
            }
            after.clone_from(before);
            for (node, role) in add {
                match before.get(node) {
                    Some(held) if held != role => {
                        return Err(unfit(format!("node {node} holds a {held} already, and not a {role}")));
                    }
                    _ => after.insert(*node, *role),
                };
            }
            let unknown = |node: &NodeId| CatalogError::MemberUnknown { group: name.clone(), node: *node };
            for node in remove {
                after.remove(node).ok_or_else(|| unknown(node))?;
            }
            for node in promote {
                let role = after.get_mut(node).ok_or_else(|| unknown(node))?;
                if role.is_witness() {
                    return Err(unfit(format!(
                        "node {node} holds a witness, which votes already and holds no data"
                    )));
                }
                *role = MemberRole::Voter;
            }
        }
    }
    Ok(after)
}

/// `voters on nodes 1, 2 and learners on node 3`, for the audit trail.
pub(super) fn members_text(members: &[Member]) -> String {
    let mut text = String::new();
    let plurals = [
        (MemberRole::Voter, "voters"),
        (MemberRole::Witness, "witnesses"),
        (MemberRole::Learner, "learners"),
    ];
    for (role, plural) in plurals {
        let nodes: Vec<String> = members
            .iter()
            .filter(|member| member.role == role)
            .map(|member| member.node.to_string())
            .collect();
        if !nodes.is_empty() {
            let and = if text.is_empty() { "" } else { " and " };
            // A string takes all.
            let _ = write!(text, "{and}{plural} on {}", nodes.join(", "));
        }
    }
    text
}

//! What comes in, checked and made into the host's own words.

use super::{ApiError, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::{
    RequestError,
    node::{ChangeMembers, Consistency, CreateGroup},
};
use quorate_catalog::NodeStatus;
use quorate_consensus::Ticket;
use quorate_proto::v1;
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{CheckpointMode, GroupName, MemberRole, NameError, NodeId, SessionId};
use std::{collections::BTreeSet, str::FromStr, time::Duration};

/// How many voters a group may have.
pub(super) const REPLICAS_MAX: usize = 7;
/// How old a query may let the state be.
const STALENESS_MS_MAX: u64 = 3_600_000;
/// The highest priority of a replica.
const PRIORITY_MAX: u32 = 1_000_000;

/// A name of the form that the field asks for.
pub(super) fn name<T: FromStr<Err = NameError>>(field: &'static str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error| ApiError::Name { field, error })
}

/// An `InvalidArgument`.
pub(super) fn invalid(what: &'static str, why: impl Into<String>) -> ApiError {
    RequestError::InvalidArgument { what, why: why.into() }.into()
}

/// A tenant to list things of; none: of all.
pub(super) fn tenant(text: &str) -> Result<Option<&str>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    // The rules of one part of a name.
    name::<GroupName>("tenant", &format!("{text}/x"))?;
    Ok(Some(text))
}

/// What of all that there is stands on the page that is asked for, and the token of the next page.
pub(super) fn page<T>(
    all: Vec<T>,
    name: impl Fn(&T) -> String,
    size: u32,
    token: &str,
) -> Result<(Vec<T>, String), ApiError> {
    let size = match usize::try_from(size) {
        Ok(0) => PAGE_SIZE_DEFAULT,
        Ok(size) if size <= PAGE_SIZE_MAX => size,
        _ => return Err(invalid("page_size", format!("it is {size}, and may be at most {PAGE_SIZE_MAX}"))),
    };
    let mut rest: Vec<T> = all.into_iter().filter(|item| name(item).as_str() > token).collect();
    rest.sort_by_key(|item| name(item));
    let more = rest.len() > size;
    rest.truncate(size);
    let next = rest.last().filter(|_| more).map(name).unwrap_or_default();
    Ok((rest, next))
}

/// How fresh the state must be that a query sees.
pub(super) fn consistency(consistency: i32, max_staleness_ms: u64) -> Result<Consistency, ApiError> {
    let consistency = match v1::Consistency::try_from(consistency) {
        Ok(v1::Consistency::Unspecified | v1::Consistency::Linearizable) => Consistency::Linearizable,
        Ok(v1::Consistency::Lease) => Consistency::Lease,
        Ok(v1::Consistency::Local) => Consistency::Local,
        Ok(v1::Consistency::Bounded) => {
            if !(1..=STALENESS_MS_MAX).contains(&max_staleness_ms) {
                let why = format!("it is {max_staleness_ms}, and must be 1 to {STALENESS_MS_MAX}");
                return Err(invalid("max_staleness_ms", why));
            }
            let max_staleness = Duration::from_millis(max_staleness_ms);
            return Ok(Consistency::Bounded { max_staleness });
        }
        Err(unknown) => return Err(invalid("consistency", unknown.to_string())),
    };
    if max_staleness_ms != 0 {
        return Err(invalid("max_staleness_ms", "it is said, and the consistency is not bounded"));
    }
    Ok(consistency)
}

/// The nodes that are left of a group.
pub(super) fn survivors(request: &v1::RecoverGroupRequest) -> Result<Vec<NodeId>, ApiError> {
    if !request.accept_loss {
        return Err(invalid(
            "accept_loss",
            "what only the lost replicas had is lost, which has to be accepted",
        ));
    }
    let survivors: BTreeSet<NodeId> = request.survivor_nodes.iter().copied().map(NodeId).collect();
    if survivors.is_empty() || survivors.len() != request.survivor_nodes.len() {
        return Err(invalid("survivor_nodes", "it names each node that is left once, and at least one"));
    }
    Ok(survivors.into_iter().collect())
}

/// How much a group may prefer a replica as its leader.
pub(super) fn priority(priority: u32) -> Result<(), ApiError> {
    if priority <= PRIORITY_MAX {
        return Ok(());
    }
    Err(invalid("priority", format!("it is {priority}, and may be at most {PRIORITY_MAX}")))
}

/// Whether a node may be given replicas.
pub(super) fn node_use(wanted: i32) -> Result<NodeStatus, ApiError> {
    match v1::NodeUse::try_from(wanted) {
        Ok(v1::NodeUse::Active) => Ok(NodeStatus::Active),
        Ok(v1::NodeUse::Draining) => Ok(NodeStatus::Draining),
        Ok(v1::NodeUse::Unspecified) | Err(_) => {
            Err(invalid("use", "it is not said whether the node may be given replicas"))
        }
    }
}

/// A group to create.
pub(super) fn create_group(request: &v1::CreateGroupRequest) -> Result<CreateGroup, ApiError> {
    let group = name("name", &request.name)?;
    let plugin = name("plugin", &request.plugin)?;
    let nodes = named_nodes("nodes", &request.nodes)?;
    let witness_nodes = named_nodes("witness_nodes", &request.witness_nodes)?;
    if !nodes.is_disjoint(&witness_nodes) {
        return Err(invalid("witness_nodes", "a node is among `nodes`, too, and can hold one replica"));
    }
    let witnesses = match usize::try_from(request.witnesses).unwrap_or(usize::MAX) {
        0 => witness_nodes.len(),
        witnesses if witnesses > REPLICAS_MAX => {
            let why = format!("{witnesses} are asked for, and there may be at most {REPLICAS_MAX} voters");
            return Err(invalid("witnesses", why));
        }
        witnesses if !witness_nodes.is_empty() && witness_nodes.len() != witnesses => {
            let why = format!("{} are named for {witnesses} witnesses", witness_nodes.len());
            return Err(invalid("witness_nodes", why));
        }
        witnesses => witnesses,
    };
    let replicas = match usize::try_from(request.replicas).unwrap_or(usize::MAX) {
        0 if nodes.is_empty() => None,
        0 => Some(nodes.len()),
        replicas => Some(replicas),
    };
    if let Some(replicas) = replicas {
        if replicas > REPLICAS_MAX {
            let why = format!("{replicas} are asked for, and there may be at most {REPLICAS_MAX}");
            return Err(invalid("replicas", why));
        }
        if !nodes.is_empty() && nodes.len() != replicas {
            let why = format!("{} are named for {replicas} replicas", nodes.len());
            return Err(invalid("nodes", why));
        }
    }
    let limits = limits(request.limits.unwrap_or_default());
    limits.validate().map_err(|error| invalid("limits", error.to_string()))?;
    let checkpoints = checkpoints(request.checkpoints)?;
    let (nodes, witness_nodes) = (nodes.into_iter().collect(), witness_nodes.into_iter().collect());
    let freeze_after_traps = request.freeze_after_traps;
    Ok(CreateGroup {
        name: group,
        plugin,
        replicas,
        nodes,
        witnesses,
        witness_nodes,
        limits,
        checkpoints,
        freeze_after_traps,
    })
}

fn named_nodes(field: &'static str, numbers: &[u64]) -> Result<BTreeSet<NodeId>, ApiError> {
    let nodes: BTreeSet<NodeId> = numbers.iter().copied().map(NodeId).collect();
    if nodes.len() != numbers.len() {
        return Err(invalid(field, "a node is named twice, and can hold one replica"));
    }
    if nodes.contains(&NodeId(0)) {
        return Err(invalid(field, "nodes are numbered from 1"));
    }
    Ok(nodes)
}

/// How checkpoints are to be taken, where that is all that is asked for.
pub(super) fn said_checkpoints(mode: i32) -> Result<CheckpointMode, ApiError> {
    if mode == i32::from(v1::CheckpointMode::Unspecified) {
        return Err(invalid("checkpoints", "it is not said how they are to be taken"));
    }
    checkpoints(mode)
}

fn checkpoints(mode: i32) -> Result<CheckpointMode, ApiError> {
    match v1::CheckpointMode::try_from(mode) {
        Ok(v1::CheckpointMode::Unspecified | v1::CheckpointMode::Inline) => Ok(CheckpointMode::Inline),
        Ok(v1::CheckpointMode::Background) => Ok(CheckpointMode::Background),
        Err(_) => Err(invalid("checkpoints", format!("{mode} is no way in which they are taken"))),
    }
}

/// Members that a group is to have. Which it can have, the catalog says.
pub(super) fn change_members(request: v1::ChangeMembersRequest) -> Result<ChangeMembers, ApiError> {
    let v1::ChangeMembersRequest { name: _, add_voters, add_learners, add_witnesses, remove, promote, set } =
        request;
    let edits = [&add_voters, &add_learners, &add_witnesses, &remove, &promote];
    let is_edit = edits.iter().any(|nodes| !nodes.is_empty());
    let roles = |voters: Vec<u64>, learners: Vec<u64>, witnesses: Vec<u64>| -> Vec<(NodeId, MemberRole)> {
        let all =
            [(voters, MemberRole::Voter), (learners, MemberRole::Learner), (witnesses, MemberRole::Witness)];
        let of_role =
            |(nodes, role): (Vec<u64>, MemberRole)| nodes.into_iter().map(move |node| (NodeId(node), role));
        all.into_iter().flat_map(of_role).collect()
    };
    let nodes = |nodes: Vec<u64>| -> Vec<NodeId> { nodes.into_iter().map(NodeId).collect() };
    match set {
        Some(_) if is_edit => {
            Err(invalid("set", "it names all members, so that there is nothing to add, remove or promote"))
        }
        Some(v1::MemberSet { voters, learners, witnesses }) => {
            Ok(ChangeMembers::All(roles(voters, learners, witnesses)))
        }
        None if !is_edit => Err(invalid("the request", "it names no node")),
        None => Ok(ChangeMembers::Some {
            add: roles(add_voters, add_learners, add_witnesses),
            remove: nodes(remove),
            promote: nodes(promote),
        }),
    }
}

/// The id of a session.
pub(super) fn session(id: Option<v1::SessionId>) -> Result<SessionId, ApiError> {
    let v1::SessionId { term, number } =
        id.ok_or_else(|| invalid("session", "it is missing; open one with OpenSession"))?;
    Ok(SessionId { term, number })
}

/// Which command of a session one is, if it is of one.
pub(super) fn ticket(ticket: Option<v1::Ticket>) -> Result<Option<Ticket>, ApiError> {
    let Some(v1::Ticket { session: id, sequence, answered_below }) = ticket else { return Ok(None) };
    if sequence == 0 {
        return Err(invalid("ticket.sequence", "it is 0, and commands of a session are counted from 1"));
    }
    if answered_below > sequence {
        return Err(invalid("ticket.answered_below", "it is above the sequence of the command itself"));
    }
    Ok(Some(Ticket { session: session(id)?, sequence, answered_below }))
}

fn limits(limits: v1::GroupLimits) -> GroupLimits {
    let default = GroupLimits::default();
    macro_rules! or_default {
        ($($name:ident),*) => {
            GroupLimits { $($name: limits.$name.unwrap_or(default.$name)),* }
        };
    }
    quorate_replica::with_group_limits!(or_default)
}

//! `quorate node drain` and `quorate node activate`
//!
//! A drain is a change of the members of each group that has one there. Each is taken down in the catalog and brought about
//! by the group's leader: whoever asked may go away, and asks again for what is left.

use super::{
    arguments::{NodeActivateArguments, NodeDrainArguments},
    failure::Failure,
    members,
    output::{Output, note},
    recovery::CATALOG,
    report::{ActivateReport, DrainReport, MoveReport, role_name},
    server,
};
use futures::{StreamExt, stream};
use quorate_client::{ChangeMembersRequest, Client, ClientConfig, Group, Member, MemberRole, Node, NodeUse};
use quorate_placement::{NodeFacts, Seat, reseat};
use quorate_proto::reason;
use quorate_vocabulary::{GroupId, NodeId};
use std::{
    io::{self, IsTerminal},
    time::Duration,
};

/// A replica that is to leave the node.
struct Leaving {
    group: Group,
    role: MemberRole,
    /// The nodes that have a member of the group.
    taken: Vec<NodeId>,
}

/// Has a node be given no more replicas, and moves those that it has.
pub(super) async fn drain(arguments: &NodeDrainArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let NodeDrainArguments { node, dry_run, wait, .. } = *arguments;
    if !dry_run {
        client.set_node_use(node, NodeUse::Draining).await?;
    }
    let nodes = client.list_nodes().await?.nodes;
    let emptied = nodes.iter().find(|known| known.id == node).ok_or_else(|| {
        Failure::new(reason::NODE_NOT_FOUND, format!("there is no node {node}"))
            .cure("list the nodes with `quorate node list`")
    })?;
    let leaving = leaving(&client, node).await?;
    let chosen = chosen(&leaving, emptied, &nodes);
    let tells = !output.is_json() && io::stderr().is_terminal();
    let moves = leaving.iter().zip(chosen).map(|(leaving, to)| {
        let client = &client;
        async move {
            let mut report = MoveReport {
                group: leaving.group.name.clone(),
                role: role_name(leaving.role),
                to_node: to.as_ref().ok().copied(),
                error: None,
            };
            let moved = match to {
                Ok(to) if !dry_run => replaced(client, leaving, node, to, wait).await,
                Ok(_) => Ok(()),
                Err(failure) => Err(failure),
            };
            report.error = moved.err();
            if tells
                && !dry_run
                && let (Some(to), None) = (report.to_node, &report.error)
            {
                note(&format!("{} has moved from node {node} to node {to}", report.group));
            }
            report
        }
    });
    let at_once = usize::from(arguments.at_once);
    let report = DrainReport { node, moves: stream::iter(moves).buffered(at_once).collect().await, dry_run };
    output.print(&report)?;
    match report.failure() {
        Some(first) => Err(Failure::new(
            first.reason.clone(),
            format!("{} of {} replicas cannot leave node {node}", report.left(), report.moves.len()),
        )
        .cause("the message beside each says why; the others were moved")
        .cure("drain the node again when what it says is mended")),
        None => Ok(()),
    }
}

/// Has a node be given replicas again.
pub(super) async fn activate(arguments: &NodeActivateArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    client.set_node_use(arguments.node, NodeUse::Active).await?;
    output.print(&ActivateReport { node: arguments.node })
}

/// What a node holds, in the order of the groups; the catalog's own last, which only leaves if it votes there.
async fn leaving(client: &Client, node: u64) -> Result<Vec<Leaving>, Failure> {
    let mut groups = client.list_groups(None).await?;
    groups.sort_by_key(|group| group.id);
    let catalog = client.describe_group(CATALOG).await?.group;
    let mut all = Vec::new();
    for group in groups.into_iter().chain(catalog) {
        let is_catalog = group.name == CATALOG;
        let wanted = group.change.as_ref().map_or(&group.members, |change| &change.wanted);
        let counts = |member: &&Member| !is_catalog || member.role() == MemberRole::Voter;
        let members: Vec<&Member> = wanted.iter().filter(counts).collect();
        let Some(role) = members.iter().find(|member| member.node == node).map(|member| member.role()) else {
            continue;
        };
        let taken = members.iter().map(|member| NodeId(member.node)).collect();
        all.push(Leaving { group, role, taken });
    }
    Ok(all)
}

/// Where each goes. A group runs on one engine, which is that of the node that it leaves.
fn chosen(leaving: &[Leaving], emptied: &Node, nodes: &[Node]) -> Vec<Result<u64, Failure>> {
    let facts: Vec<NodeFacts> = nodes
        .iter()
        .map(|node| NodeFacts {
            id: NodeId(node.id),
            is_live: node.reachable,
            is_open: node.r#use() != NodeUse::Draining && node.id != emptied.id,
            engine_fingerprint: node.engine.clone(),
            replicas: usize::try_from(node.replicas).unwrap_or(usize::MAX),
        })
        .collect();
    let runs = |one: &Leaving| {
        one.group.name != CATALOG && !matches!(one.role, MemberRole::Witness | MemberRole::WitnessLearner)
    };
    let seats: Vec<Seat<'_>> = leaving
        .iter()
        .map(|one| Seat {
            group: GroupId(one.group.id),
            taken: one.taken.clone(),
            engine_fingerprint: runs(one).then_some(emptied.engine.as_str()),
        })
        .collect();
    let failure = |error: quorate_placement::PlacementError| {
        Failure::new(reason::NOT_ENOUGH_NODES, format!("no node can take it: {error}"))
    };
    reseat(&seats, &facts).into_iter().map(|to| to.map(|to| to.0).map_err(failure)).collect()
}

/// Has the other node take the place of this one, and waits until that is so.
async fn replaced(
    client: &Client,
    leaving: &Leaving,
    from: u64,
    to: u64,
    wait: Duration,
) -> Result<(), Failure> {
    let name = leaving.group.name.clone();
    let mut request = ChangeMembersRequest { name, remove: vec![from], ..Default::default() };
    match leaving.role {
        MemberRole::Learner => request.add_learners = vec![to],
        MemberRole::Witness | MemberRole::WitnessLearner => request.add_witnesses = vec![to],
        MemberRole::Voter | MemberRole::Unspecified => request.add_voters = vec![to],
    }
    let taken = client.change_members(request).await?;
    members::done(client, &leaving.group.name, &taken, wait, false).await?;
    Ok(())
}

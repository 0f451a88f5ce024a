//! `quorate group transfer`, `quorate group priority` and `quorate group rebalance`

use super::{
    arguments::{GroupPriorityArguments, GroupRebalanceArguments, GroupTransferArguments},
    failure::Failure,
    output::{Output, note},
    report::{HandOverReport, PriorityReport, RebalanceReport, TransferReport},
    server,
};
use futures::future::join_all;
use quorate_client::{Client, ClientConfig, MemberRole, NodeStatusResponse, ReplicaRole, ReplicaStatus};
use quorate_placement::{LeaderFacts, balance_leaders};
use quorate_proto::reason;
use quorate_vocabulary::{GroupId, NodeId};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
};

pub(super) async fn transfer(arguments: &GroupTransferArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let moved = client.transfer_group(&name, arguments.to).await?;
    output.print(&TransferReport {
        name,
        from_node: moved.from_node,
        leader_node: moved.leader_node,
        term: moved.term,
    })
}

pub(super) async fn priority(arguments: &GroupPriorityArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let GroupPriorityArguments { node, priority, .. } = *arguments;
    let name = arguments.name.to_string();
    client.set_priority(&name, node, priority).await?;
    output.print(&PriorityReport { name, node, priority })
}

/// One hand-over after the other: each costs its group a moment, and what goes wrong goes wrong with one.
pub(super) async fn rebalance(arguments: &GroupRebalanceArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let (led, silent_nodes) = led_groups(&client, arguments.tenant.as_deref()).await?;
    let facts: Vec<LeaderFacts> = led.iter().map(facts).collect();
    let names: BTreeMap<GroupId, &String> =
        led.iter().map(|replica| (GroupId(replica.group), &replica.group_name)).collect();
    let hand_overs = balance_leaders(&facts, usize::try_from(arguments.max).unwrap_or(usize::MAX));
    let tells = !output.is_json() && io::stderr().is_terminal();
    let mut report = RebalanceReport::new(&facts, silent_nodes, arguments.dry_run);
    for hand_over in hand_overs {
        let name = names.get(&hand_over.group).map(ToString::to_string).unwrap_or_default();
        let error = if arguments.dry_run {
            None
        } else {
            if tells {
                note(&format!("handing {name} from node {} to node {}", hand_over.from, hand_over.to));
            }
            client.transfer_group(&name, Some(hand_over.to.0)).await.err().map(Failure::from)
        };
        report.add(HandOverReport { name, from_node: hand_over.from.0, to_node: hand_over.to.0, error });
    }
    output.print(&report)?;
    match report.failed() {
        0 => Ok(()),
        failed => Err(Failure::new(
            reason::TRANSFER_FAILED,
            format!("{failed} of {} hand-overs failed", report.hand_overs.len()),
        )
        .cause("the message beside each says why; the others were done")
        .cure("rebalance again when what it says is mended")),
    }
}

/// The replicas that lead, as their nodes say, and the nodes that did not answer.
async fn led_groups(
    client: &Client,
    tenant: Option<&str>,
) -> Result<(Vec<ReplicaStatus>, Vec<u64>), Failure> {
    let nodes = client.list_nodes().await?.nodes;
    let asked = nodes.iter().map(|node| server::answer(node, client.node_status_at(&node.address)));
    let answers: Vec<Result<NodeStatusResponse, Failure>> = join_all(asked).await;
    let silent =
        nodes.iter().zip(&answers).filter(|(_, answer)| answer.is_err()).map(|(node, _)| node.id).collect();
    let is_asked_for = |replica: &ReplicaStatus| {
        let of_tenant = |tenant: &str| replica.group_name.split('/').next() == Some(tenant);
        replica.group != 0 && tenant.is_none_or(of_tenant)
    };
    // Of two that both take themselves for the leader, the later one.
    let mut led: BTreeMap<u64, ReplicaStatus> = BTreeMap::new();
    for replica in answers.into_iter().flatten().flat_map(|status| status.replicas) {
        let is_later = led.get(&replica.group).is_none_or(|other| other.term < replica.term);
        if replica.role() == ReplicaRole::Leader && is_asked_for(&replica) && is_later {
            led.insert(replica.group, replica);
        }
    }
    Ok((led.into_values().collect(), silent))
}

fn facts(leader: &ReplicaStatus) -> LeaderFacts {
    let candidates = leader.members.iter().filter(|status| status.alive).filter_map(|status| status.member);
    let voters = candidates.filter(|member| member.role() == MemberRole::Voter);
    LeaderFacts {
        group: GroupId(leader.group),
        leader: NodeId(leader.node),
        candidates: voters.map(|member| NodeId(member.node)).collect(),
    }
}

//! `quorate group`

use super::{
    arguments::{
        GroupCommand, GroupCreateArguments, GroupListArguments, GroupNameArguments, GroupTransferArguments,
    },
    failure::Failure,
    limits,
    output::Output,
    report::{GroupDeleted, GroupList, GroupReport, GroupRow, ReplicaReport, SnapshotReport, TransferReport},
    server,
};
use futures::future::join_all;
use quorate_client::{Client, ClientConfig, CreateGroupRequest, DescribeGroupResponse};
use quorate_proto::reason;
use std::collections::{HashMap, HashSet};

pub(super) async fn run(command: GroupCommand, output: Output) -> Result<(), Failure> {
    match command {
        GroupCommand::Create(arguments) => create(*arguments, output).await,
        GroupCommand::List(arguments) => list(arguments, output).await,
        GroupCommand::Describe(arguments) => describe(&arguments, output).await,
        GroupCommand::Delete(arguments) => delete(&arguments, output).await,
        GroupCommand::Snapshot(arguments) => snapshot(&arguments, output).await,
        GroupCommand::Transfer(arguments) => transfer(&arguments, output).await,
    }
}

async fn create(arguments: GroupCreateArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let request = CreateGroupRequest {
        name: arguments.name.to_string(),
        plugin: arguments.plugin.to_string(),
        replicas: arguments.replicas.unwrap_or_default(),
        limits: Some(limits::to_message(&arguments.limits)),
        nodes: arguments.nodes,
    };
    let group = client.create_group(request).await?;
    output.print(&GroupRow::from(group))
}

async fn list(arguments: GroupListArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let groups = client.list_groups(arguments.tenant.as_deref()).await?;
    output.print(&GroupList { groups: groups.into_iter().map(GroupRow::from).collect() })
}

async fn describe(arguments: &GroupNameArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let described = client.describe_group(&name).await?;
    output.print(&whole(&client, &name, described).await?)
}

/// What one node says, and of the other replicas what their own nodes say.
async fn whole(
    client: &Client,
    name: &str,
    described: DescribeGroupResponse,
) -> Result<GroupReport, Failure> {
    let group = described
        .group
        .ok_or_else(|| Failure::new(reason::INTERNAL, "the node's answer says nothing of the group"))?;
    let mut replicas: Vec<_> = described.replica.into_iter().collect();
    let known: HashSet<u64> = replicas.iter().map(|replica| replica.node).collect();
    let nodes = client.list_nodes().await?.nodes;
    let addresses: HashMap<u64, String> = nodes.into_iter().map(|node| (node.id, node.address)).collect();
    let others = group.members.iter().map(|member| member.node).filter(|node| !known.contains(node));
    let asked = others.map(|node| {
        let address = addresses.get(&node);
        async move {
            let answer = client.describe_group_at(address?, name).await.ok()?;
            answer.replica
        }
    });
    replicas.extend(join_all(asked).await.into_iter().flatten());
    replicas.sort_by_key(|replica| replica.node);
    let heard: HashSet<u64> = replicas.iter().map(|replica| replica.node).collect();
    let mut silent_nodes: Vec<u64> =
        group.members.iter().map(|member| member.node).filter(|node| !heard.contains(node)).collect();
    silent_nodes.sort_unstable();
    Ok(GroupReport {
        group: group.into(),
        replicas: replicas.into_iter().map(ReplicaReport::from).collect(),
        silent_nodes,
    })
}

async fn delete(arguments: &GroupNameArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let id = client.delete_group(&name).await?;
    output.print(&GroupDeleted { name, id })
}

async fn snapshot(arguments: &GroupNameArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let taken = client.snapshot_group(&name).await?;
    output.print(&SnapshotReport { name, index: taken.index, size_bytes: taken.size_bytes })
}

async fn transfer(arguments: &GroupTransferArguments, output: Output) -> Result<(), Failure> {
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

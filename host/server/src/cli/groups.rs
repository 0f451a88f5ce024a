//! `quorate group`

use super::{
    arguments::{
        CheckpointModeArgument, GroupCheckpointsArguments, GroupCommand, GroupCreateArguments,
        GroupListArguments, GroupNameArguments,
    },
    failure::Failure,
    leadership, limits, members,
    output::Output,
    recovery,
    report::{
        GroupDeleted, GroupList, GroupReport, GroupRow, MembersReport, ReplicaReport, SnapshotReport,
        UpgradeRow,
    },
    server, upgrades,
};
use futures::future::join_all;
use quorate_client::{Client, ClientConfig, CreateGroupRequest, Group, Node, ReplicaStatus, Upgrade};
use quorate_proto::{reason, v1::CheckpointMode};
use std::collections::{BTreeSet, HashMap, HashSet};

pub(super) async fn run(command: GroupCommand, output: Output) -> Result<(), Failure> {
    match command {
        GroupCommand::Create(arguments) => create(*arguments, output).await,
        GroupCommand::List(arguments) => list(arguments, output).await,
        GroupCommand::Describe(arguments) => describe(&arguments, output).await,
        GroupCommand::Delete(arguments) => delete(&arguments, output).await,
        GroupCommand::Snapshot(arguments) => snapshot(&arguments, output).await,
        GroupCommand::Transfer(arguments) => leadership::transfer(&arguments, output).await,
        GroupCommand::Priority(arguments) => leadership::priority(&arguments, output).await,
        GroupCommand::Upgrade(arguments) => upgrades::upgrade(&arguments, output).await,
        GroupCommand::Rollback(arguments) => upgrades::rollback(&arguments, output).await,
        GroupCommand::History(arguments) => upgrades::history(&arguments, output).await,
        GroupCommand::Unfreeze(arguments) => upgrades::unfreeze(&arguments, output).await,
        GroupCommand::Checkpoints(arguments) => checkpoints(&arguments, output).await,
        GroupCommand::Poison(arguments) => upgrades::poison(&arguments, output).await,
        GroupCommand::Recover(arguments) => recovery::recover(&arguments, output).await,
        GroupCommand::Rebalance(arguments) => leadership::rebalance(&arguments, output).await,
        GroupCommand::Members(command) => members::run(command, output).await,
    }
}

impl From<CheckpointModeArgument> for CheckpointMode {
    fn from(mode: CheckpointModeArgument) -> Self {
        match mode {
            CheckpointModeArgument::Inline => Self::Inline,
            CheckpointModeArgument::Background => Self::Background,
        }
    }
}

async fn checkpoints(arguments: &GroupCheckpointsArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let group = client.set_checkpoints(&arguments.name.to_string(), arguments.mode.into()).await?;
    output.print(&GroupRow::from(group))
}

async fn create(arguments: GroupCreateArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let request = CreateGroupRequest {
        name: arguments.name.to_string(),
        plugin: arguments.plugin.to_string(),
        replicas: arguments.replicas.unwrap_or_default(),
        limits: Some(limits::to_message(&arguments.limits)),
        nodes: arguments.nodes,
        checkpoints: CheckpointMode::from(arguments.checkpoints).into(),
        witnesses: arguments.witnesses.unwrap_or_default(),
        witness_nodes: arguments.witness_nodes,
        freeze_after_traps: arguments.freeze_after.unwrap_or_default(),
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
    let Gathered { group, upgrades, replicas, silent_nodes } =
        gather(&client, &arguments.name.to_string()).await?;
    output.print(&GroupReport {
        membership: MembersReport::new(&group, &replicas),
        group: group.into(),
        upgrades: upgrades.into_iter().map(UpgradeRow::from).collect(),
        replicas: replicas.into_iter().map(ReplicaReport::from).collect(),
        silent_nodes,
    })
}

/// What is known of a group: what one node says, and of the other replicas what their own nodes say.
pub(super) struct Gathered {
    pub(super) group: Group,
    pub(super) upgrades: Vec<Upgrade>,
    pub(super) replicas: Vec<ReplicaStatus>,
    /// Nodes that hold a replica, or are to hold one, and did not answer.
    pub(super) silent_nodes: Vec<u64>,
}

/// Asks every node that holds a replica.
pub(super) async fn gather(client: &Client, name: &str) -> Result<Gathered, Failure> {
    let described = client.describe_group(name).await?;
    let group = described
        .group
        .ok_or_else(|| Failure::new(reason::INTERNAL, "the node's answer says nothing of the group"))?;
    let mut replicas: Vec<_> = described.replica.into_iter().collect();
    let joining = group.change.iter().flat_map(|change| &change.wanted);
    let placed: BTreeSet<u64> = group.members.iter().chain(joining).map(|member| member.node).collect();
    let known: HashSet<u64> = replicas.iter().map(|replica| replica.node).collect();
    let nodes = client.list_nodes().await?.nodes;
    let nodes: HashMap<u64, Node> = nodes.into_iter().map(|node| (node.id, node)).collect();
    let asked = placed.iter().filter(|node| !known.contains(node)).map(|node| {
        let node = nodes.get(node);
        async move {
            let node = node?;
            let answer = server::answer(node, client.describe_group_at(&node.address, name)).await;
            answer.ok()?.replica
        }
    });
    replicas.extend(join_all(asked).await.into_iter().flatten());
    replicas.sort_by_key(|replica| replica.node);
    let heard: HashSet<u64> = replicas.iter().map(|replica| replica.node).collect();
    let silent_nodes = placed.into_iter().filter(|node| !heard.contains(node)).collect();
    Ok(Gathered { group, upgrades: described.upgrades, replicas, silent_nodes })
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

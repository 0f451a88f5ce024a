//! `quorate group recover`

use super::{
    arguments::GroupRecoverArguments,
    failure::Failure,
    output::{Output, note},
    report::RecoveryReport,
    server,
};
use quorate_client::{Client, ClientConfig, Node};
use quorate_proto::reason;
use std::collections::HashMap;

/// A survivor, and how much of the log it has.
struct Survivor {
    node: u64,
    address: String,
    log_last: u64,
}

/// Asks the survivor whose log is longest, and the next when that has less after all: of logs from several terms the longest
/// need not be the latest. A wrong one does no harm, for the others do not elect it.
pub(super) async fn recover(arguments: &GroupRecoverArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let mut failure = None;
    for survivor in survivors(&client, &name, &arguments.survivors).await? {
        match client.recover_group_at(&survivor.address, &name, &arguments.survivors).await {
            Ok(recovered) => {
                let nodes = recovered.members.iter().map(|member| member.node).collect();
                return output.print(&RecoveryReport { name, epoch: recovered.epoch, nodes });
            }
            Err(error) if error.reason == reason::RECOVERY_REFUSED => {
                if !output.is_json() {
                    note(&format!("node {}: {}", survivor.node, error.message));
                }
                failure.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(failure
        .map_or_else(|| Failure::new(reason::RECOVERY_REFUSED, "no survivor was named"), Failure::from))
}

/// Whose log is longest first. Every survivor must answer: one that does not could not vote.
async fn survivors(client: &Client, name: &str, nodes: &[u64]) -> Result<Vec<Survivor>, Failure> {
    let known: HashMap<u64, Node> =
        client.list_nodes().await?.nodes.into_iter().map(|node| (node.id, node)).collect();
    let mut survivors = Vec::with_capacity(nodes.len());
    for node in nodes {
        let known = known.get(node).ok_or_else(|| {
            Failure::new(reason::NODE_NOT_FOUND, format!("there is no node {node}"))
                .cure("see the nodes with `quorate node list`")
        })?;
        let status = server::answer(known, client.node_status_at(&known.address)).await?;
        let catalog = name == CATALOG;
        let replica = status.replicas.into_iter().find(|replica| match catalog {
            true => replica.group == 0,
            false => replica.group_name == name,
        });
        let log_last = replica.map_or(0, |replica| replica.log_last);
        survivors.push(Survivor { node: *node, address: known.address.clone(), log_last });
    }
    survivors.sort_by_key(|survivor| std::cmp::Reverse(survivor.log_last));
    Ok(survivors)
}

/// What the catalog is called where groups are named.
pub(super) const CATALOG: &str = "quorate/catalog";

//! `quorate node`

use super::{
    arguments::{NodeCommand, NodeListArguments, NodeStatusArguments},
    drain,
    exit::Exit,
    failure::Failure,
    output::Output,
    report::{NodeList, NodeReport, NodeStatusList},
    server,
};
use futures::future::join_all;
use quorate_client::ClientConfig;
use quorate_proto::reason;

pub(super) async fn run(command: NodeCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        NodeCommand::List(arguments) => list(&arguments, output).await.map(|()| Exit::Done),
        NodeCommand::Status(arguments) => status(&arguments, output).await,
        NodeCommand::Drain(arguments) => drain::drain(&arguments, output).await.map(|()| Exit::Done),
        NodeCommand::Activate(arguments) => drain::activate(&arguments, output).await.map(|()| Exit::Done),
    }
}

async fn list(arguments: &NodeListArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    output.print(&NodeList::from(client.list_nodes().await?))
}

/// Asks each node itself: a node that does not answer is told as such and keeps nobody from the others.
async fn status(arguments: &NodeStatusArguments, output: Output) -> Result<Exit, Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let mut nodes = client.list_nodes().await?.nodes;
    if let Some(wanted) = arguments.node {
        nodes.retain(|node| node.id == wanted);
        if nodes.is_empty() {
            return Err(Failure::new(reason::NODE_NOT_FOUND, format!("there is no node {wanted}"))
                .cure("list the nodes with `quorate node list`"));
        }
    }
    let asked = nodes.into_iter().map(|node| {
        let client = &client;
        async move {
            match server::answer(&node, client.node_status_at(&node.address)).await {
                Ok(status) => NodeReport::from(status),
                Err(error) => NodeReport::Silent { id: node.id, address: node.address, error },
            }
        }
    });
    let list = NodeStatusList { nodes: join_all(asked).await };
    output.print(&list)?;
    Ok(list.exit())
}

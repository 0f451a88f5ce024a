//! The arguments of `quorate node`.

use super::ServerArguments;
use clap::{Args, Subcommand};

/// `quorate node`
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Lists the nodes of the cluster.
    List(NodeListArguments),
    /// Shows nodes and the replicas they hold.
    Status(NodeStatusArguments),
}

/// `quorate node list`
#[derive(Args, Debug)]
pub(crate) struct NodeListArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate node status`
#[derive(Args, Debug)]
pub(crate) struct NodeStatusArguments {
    /// The node, by number. [default: all of them]
    #[arg(value_name = "NODE")]
    pub(crate) node: Option<u64>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

//! The arguments of `quorate node`.

use super::ServerArguments;
use clap::{Args, Subcommand};
use std::time::Duration;

/// `quorate node`
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Lists the nodes of the cluster.
    List(NodeListArguments),
    /// Shows nodes and the replicas they hold.
    Status(NodeStatusArguments),
    /// Empties a node: it is given no replica any more, and every replica that it holds is moved to another node.
    Drain(NodeDrainArguments),
    /// Has a node be given replicas again.
    Activate(NodeActivateArguments),
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

/// `quorate node drain`
#[derive(Args, Debug)]
#[command(
    after_help = "What is under way when it ends, or is stopped, goes on by itself; ask again for what is left."
)]
pub(crate) struct NodeDrainArguments {
    /// The node, by number.
    #[arg(value_name = "NODE")]
    pub(crate) node: u64,
    /// Change so many groups at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) at_once: u16,
    /// How long to wait for each group, such as 30s or 5min.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "5min")]
    pub(crate) wait: Duration,
    /// Only show what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate node activate`
#[derive(Args, Debug)]
pub(crate) struct NodeActivateArguments {
    /// The node, by number.
    #[arg(value_name = "NODE")]
    pub(crate) node: u64,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

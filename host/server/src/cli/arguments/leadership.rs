//! Who leads groups: `quorate group transfer`, `quorate group priority` and `quorate group rebalance`

use super::ServerArguments;
use clap::Args;
use quorate_vocabulary::GroupName;

/// `quorate group transfer`
#[derive(Args, Debug)]
pub(crate) struct GroupTransferArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The node that is to lead, by number. [default: of the others, the one that has come furthest]
    #[arg(long, value_name = "NODE")]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group priority`
#[derive(Args, Debug)]
pub(crate) struct GroupPriorityArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The node that holds the replica, by number.
    #[arg(long, value_name = "NODE")]
    pub(crate) node: u64,
    /// Of the voters that live, the one with the highest leads; one with 0 never. All begin with 100.
    #[arg(long, value_name = "PRIORITY")]
    pub(crate) priority: u32,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group rebalance`
#[derive(Args, Debug)]
pub(crate) struct GroupRebalanceArguments {
    /// Only groups of this tenant.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Hand over at most so many groups.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max: u32,
    /// Only show what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

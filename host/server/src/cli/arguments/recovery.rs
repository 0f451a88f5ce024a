//! `quorate group recover`

use super::ServerArguments;
use clap::Args;
use quorate_vocabulary::GroupName;

/// `quorate group recover`
#[derive(Args, Debug)]
pub(crate) struct GroupRecoverArguments {
    /// The group: tenant/name; quorate/catalog is the catalog.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// All nodes whose replicas are left, by number, and only those.
    #[arg(long, value_name = "NODE", value_delimiter = ',', required = true)]
    pub(crate) survivors: Vec<u64>,
    /// The others are lost for good, and with them what only they had, which may be commands that were answered.
    #[arg(long, required = true)]
    pub(crate) i_know_that_data_may_be_lost: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

//! `quorate group members`

use super::ServerArguments;
use clap::{Args, Subcommand};
use quorate_vocabulary::GroupName;

/// `quorate group members`
#[derive(Debug, Subcommand)]
pub(crate) enum MembersCommand {
    /// Lists the members of a group, whether they are alive, and how far each lags.
    List(MembersListArguments),
    /// Has nodes hold a replica: it follows the group until it has caught up, and votes from then on.
    Add(MembersAddArguments),
    /// Has nodes hold no replica any more: it leaves the group, and its data is destroyed.
    Remove(MembersNodesArguments),
    /// Has learners become voters.
    Promote(MembersNodesArguments),
    /// Names all members: what is there and not named leaves, all at once with what comes.
    Set(MembersSetArguments),
}

/// `quorate group members list`
#[derive(Args, Debug)]
pub(crate) struct MembersListArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// Only those that the leader has heard of lately.
    #[arg(long)]
    pub(crate) alive: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// How long a change is waited for.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WaitArguments {
    /// End once the change is taken down, and do not wait until the group's leader has brought it about.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// `quorate group members add`
#[derive(Args, Debug)]
pub(crate) struct MembersAddArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The nodes, by number.
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',', required = true)]
    pub(crate) nodes: Vec<u64>,
    /// They only follow the group, and never vote.
    #[arg(long)]
    pub(crate) learner: bool,
    /// They vote, and hold neither commands nor state; they never lead.
    #[arg(long, conflicts_with = "learner")]
    pub(crate) witness: bool,
    #[command(flatten)]
    pub(crate) wait: WaitArguments,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group members remove` and `promote`
#[derive(Args, Debug)]
pub(crate) struct MembersNodesArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The nodes, by number.
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',', required = true)]
    pub(crate) nodes: Vec<u64>,
    #[command(flatten)]
    pub(crate) wait: WaitArguments,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group members set`
#[derive(Args, Debug)]
pub(crate) struct MembersSetArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The nodes that vote, by number.
    #[arg(long, value_name = "NODE", value_delimiter = ',', required = true)]
    pub(crate) voters: Vec<u64>,
    /// The nodes that only follow, by number.
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) learners: Vec<u64>,
    /// The nodes that vote and hold no data, by number.
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) witnesses: Vec<u64>,
    #[command(flatten)]
    pub(crate) wait: WaitArguments,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

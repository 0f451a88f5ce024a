//! What `quorate query` is told.

use super::ServerArguments;
use clap::{Args, ValueEnum};
use quorate_vocabulary::GroupName;
use std::{path::PathBuf, time::Duration};

/// `quorate query`
#[derive(Args, Debug)]
pub(crate) struct QueryArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    #[command(flatten)]
    pub(crate) input: QueryInput,
    /// How fresh the state must be.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) consistency: ConsistencyArgument,
    /// With --consistency bounded: how old the state may be, such as 500ms.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(required_if_eq("consistency", "bounded"))]
    pub(crate) max_staleness: Option<Duration>,
    /// Write a reply's bytes as they are and nothing else. A rejection or trap goes to standard error.
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// Where a query comes from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct QueryInput {
    /// The request, as text.
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Option<String>,
    /// A file that is the request; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// How fresh the state must be that a query sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConsistencyArgument {
    /// Everything that was answered before; needs a majority.
    #[default]
    Linearizable,
    /// The same, from the leader's lease where there is one: no round of messages, and a trust in clocks.
    Lease,
    /// What was answered until --max-staleness ago.
    Bounded,
    /// What the node that is asked has applied, however old.
    Local,
}

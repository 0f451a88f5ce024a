//! The command line, as it is parsed.

mod leadership;
mod members;
mod node;
mod plugin;
mod query;
mod recovery;
mod upgrade;

pub(crate) use leadership::{GroupPriorityArguments, GroupRebalanceArguments, GroupTransferArguments};
pub(crate) use members::{MembersCommand, MembersListArguments, WaitArguments};
pub(crate) use node::{
    NodeActivateArguments, NodeCommand, NodeDrainArguments, NodeListArguments, NodeStatusArguments,
};
pub(crate) use plugin::{
    PluginBuildArguments, PluginCheckArguments, PluginCommand, PluginKindArgument, PluginLanguageArgument,
    PluginListArguments, PluginNewArguments, PluginTestArguments, PluginUploadArguments,
};
pub(crate) use query::{ConsistencyArgument, QueryArguments};
pub(crate) use recovery::GroupRecoverArguments;
pub(crate) use upgrade::{GroupPoisonArguments, GroupRollbackArguments, GroupUpgradeArguments};

use crate::demo::DemoArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};
use quorate_vocabulary::{GroupName, PluginReference};
use std::{path::PathBuf, time::Duration};

/// Runs replicated state machines that are uploaded as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, propagate_version = true, after_help = super::exit::HELP)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print results: tables for people, or JSON with stable field names.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    /// What to log to standard error: a level (error, warn, info, debug, trace), or levels by module as in
    /// `warn,quorate_server=debug`. [default: info for serve, warn for everything else]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to log.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs one node of a cluster.
    Serve(ServeArguments),
    /// Runs a cluster of one node, without any configuration, to try things out.
    Dev(DevArguments),
    /// Shows what it is about, with three nodes, two plugins, real input and a leader that is killed; checks everything.
    Demo(DemoArguments),
    /// Begins, builds, checks, uploads and lists plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Creates, lists, describes, changes and deletes groups.
    #[command(subcommand)]
    Group(GroupCommand),
    /// Submits commands to a group and prints what became of them.
    Submit(SubmitArguments),
    /// Asks a group's machine without changing it.
    Query(QueryArguments),
    /// Prints the events of a group as they happen.
    Watch(WatchArguments),
    /// Lists nodes, shows how they are, and empties them.
    #[command(subcommand)]
    Node(NodeCommand),
}

/// `quorate serve`
#[derive(Args, Debug)]
#[command(after_long_help = SERVE_HELP)]
pub(crate) struct ServeArguments {
    /// The configuration file, in TOML (`--help` shows every key).
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Stop when standard input ends, as it does when whoever holds its other end is gone.
    #[arg(long)]
    pub(crate) stop_with_input: bool,
}

/// Every key of the configuration file, as the help shows them.
pub(crate) const SERVE_HELP: &str = "\
The configuration file:
  cluster = \"production\"          # the same on all nodes
  node = 1                        # this node: one of [[nodes]], unless it joins
  folder = \"data\"                 # where it keeps everything; relative to the file
  listen = \"0.0.0.0:7300\"         # default: its address in [[nodes]]
  advertise = \"one.example:7300\"  # where others reach it; default: its address in [[nodes]]

  [[nodes]]                       # the nodes that found the cluster; of one that joins, whom it asks
  id = 1
  address = \"one.example:7300\"

  [timeouts]                      # all optional, as is everything below
  election_ms = 1000              # without word from a leader for so long, another is elected
  heartbeat_ms = 100
  lease_margin_ms = 100           # how far clocks may drift apart in election_ms; default: a tenth of it
  hibernate_after_ms = 10000      # a group that is idle for so long sleeps; 0: never
  request_default_ms = 10000      # for requests that do not say
  request_max_ms = 300000
  shutdown_ms = 10000             # for requests in flight when the node is told to stop

  [limits]
  plugin_bytes_max = 67108864
  apply_threads = 2
  observer_threads = 2
  shard_inbox_max = 16384         # requests that may wait; more are refused
  observer_inbox_max = 4096
  stream_in_flight_max = 1024
  uploads_max = 4
  watchers_max = 1024

  [snapshots]
  entries = 10000                 # one is taken when so many entries were applied
  interval_ms = 3600000           # or when so long has passed; 0: never by time alone
  interval_entries_min = 100      # and so many entries were applied
  log_margin_entries = 1000       # entries kept behind it for followers that lag
  kept = 2                        # of each replica
  bytes_per_second_max = 1073741824  # that are sent to one node; 0: no limit
  total_bytes_per_second_max = 1073741824  # that are sent to all nodes; 0: no limit
  sends_max = 4                   # at a time
  receives_max = 4

  [replicas]
  check_entries = 10000           # the replicas of a group are compared after so many entries
  check_interval_ms = 60000       # or when so long has passed; 0: never by time alone
  rebuild = true                  # one that is of no use any more is replaced by a new one";

/// `quorate dev`
#[derive(Args, Debug)]
pub(crate) struct DevArguments {
    /// Where the node keeps its data. It is created when it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "quorate-dev")]
    pub(crate) folder: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7300")]
    pub(crate) listen: String,
}

/// Which cluster to talk to, and how long to wait for it.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArguments {
    /// Nodes of the cluster, as host:port; one that answers is enough. [default: the environment variable
    /// QUORATE_SERVER, or 127.0.0.1:7300]
    #[arg(long, short, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) server: Vec<String>,
    /// How long to wait for an answer, such as 500ms, 10s or 2min.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10s")]
    pub(crate) timeout: Duration,
}

/// `quorate group`
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Creates a group that runs a plugin.
    Create(Box<GroupCreateArguments>),
    /// Lists groups.
    List(GroupListArguments),
    /// Shows a group and all its replicas.
    Describe(GroupNameArguments),
    /// Deletes a group with its log, state and snapshots. There is no way back.
    Delete(GroupNameArguments),
    /// Takes a snapshot of a group now.
    Snapshot(GroupNameArguments),
    /// Hands the leadership of a group to another node.
    Transfer(GroupTransferArguments),
    /// Says how much a group prefers the replica on a node as its leader.
    Priority(GroupPriorityArguments),
    /// Has a group run another version of its plugin, and waits until it does.
    Upgrade(GroupUpgradeArguments),
    /// Has a group go back to the version that it ran before, and waits until it does.
    Rollback(GroupRollbackArguments),
    /// Lists the versions that a group ran and was asked to run: who, when, and what came of it.
    History(GroupNameArguments),
    /// Has a group take commands again that too many traps have frozen.
    Unfreeze(GroupNameArguments),
    /// Says how the checkpoints of a group with a memory machine are taken from now on.
    Checkpoints(GroupCheckpointsArguments),
    /// Says after how many traps in a row a group takes no more commands.
    Poison(GroupPoisonArguments),
    /// Goes on with what is left of a group that has lost a majority of its voters for good.
    Recover(GroupRecoverArguments),
    /// Hands leaderships over until the nodes lead equally many groups, one after the other.
    Rebalance(GroupRebalanceArguments),
    /// Lists, adds, removes and promotes the members of a group.
    #[command(subcommand)]
    Members(MembersCommand),
}

/// `quorate group create`
#[derive(Args, Debug)]
pub(crate) struct GroupCreateArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The plugin that it runs: tenant/name@version.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) plugin: PluginReference,
    /// How many replicas that hold data. [default: 3, or as many as there are founding nodes when they are fewer, less the
    /// witnesses]
    #[arg(long, value_name = "COUNT")]
    pub(crate) replicas: Option<u32>,
    /// The nodes that hold them, by number. [default: the cluster chooses]
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) nodes: Vec<u64>,
    /// How many witnesses beside them, which vote and hold no data. [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub(crate) witnesses: Option<u32>,
    /// The nodes that hold the witnesses, by number. [default: the cluster chooses]
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    pub(crate) witness_nodes: Vec<u64>,
    /// It takes no more commands once so many have trapped in a row. [default: it goes on whatever traps]
    #[arg(long, value_name = "TRAPS")]
    pub(crate) freeze_after: Option<u32>,
    /// A limit other than the default, such as command_bytes_max=65536; may be given several times.
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = super::limits::parse)]
    pub(crate) limits: Vec<(String, u64)>,
    /// How the checkpoints of a memory machine are taken: while commands wait, or by another instance while they go on.
    #[arg(long, value_name = "MODE", value_enum, default_value = "inline")]
    pub(crate) checkpoints: CheckpointModeArgument,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group checkpoints`
#[derive(Args, Debug)]
pub(crate) struct GroupCheckpointsArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// How: while commands wait, or by another instance while they go on.
    #[arg(value_name = "MODE", value_enum)]
    pub(crate) mode: CheckpointModeArgument,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// How checkpoints are taken.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum CheckpointModeArgument {
    /// Commands wait meanwhile.
    Inline,
    /// Commands go on meanwhile; takes more memory.
    Background,
}

/// `quorate group list`
#[derive(Args, Debug)]
pub(crate) struct GroupListArguments {
    /// Only those of this tenant.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// Commands about one group.
#[derive(Args, Debug)]
pub(crate) struct GroupNameArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate submit`
#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    #[command(flatten)]
    pub(crate) input: SubmitInput,
    /// With --lines: how many commands may be on their way at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 256, conflicts_with_all = ["command", "file"],
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: u32,
    /// With --lines: print what became of each command, in order, and not only the count.
    #[arg(long, conflicts_with_all = ["command", "file"])]
    pub(crate) replies: bool,
    /// Write a reply's bytes as they are and nothing else. A rejection or trap goes to standard error.
    #[arg(long, conflicts_with = "lines")]
    pub(crate) raw: bool,
    /// In a session of its own: submit the command until its outcome is known, also after a leader has died, and have it
    /// applied once.
    #[arg(long, conflicts_with = "lines")]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// Where commands come from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct SubmitInput {
    /// The command, as text.
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// A file that is one command; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A file with one command a line; - for standard input. Empty lines are passed over. All are sent without
    /// waiting for the answers, and applied in the order of the lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) lines: Option<PathBuf>,
}

/// `quorate watch`
#[derive(Args, Debug)]
pub(crate) struct WatchArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// Only events of this topic; may be given several times.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// End after so many events.
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

//! The command line: what `quorate` does when it is called.

mod arenas;
mod arguments;
mod drain;
pub(crate) mod exit;
pub(crate) mod failure;
mod groups;
mod leadership;
mod limits;
pub(crate) mod lines;
pub(crate) mod local_plugin;
mod logging;
mod members;
mod new_plugin;
mod nodes;
pub(crate) mod output;
pub(crate) mod payload;
mod plugins;
mod query;
mod recovery;
mod rehearse;
mod report;
mod server;
mod start;
mod submit;
mod submit_lines;
mod upgrades;
mod watch;

use crate::demo;
use arguments::{Arguments, Command, PluginCommand};
use clap::Parser;
use exit::Exit;
use failure::Failure;
use output::Output;
use quorate_proto::reason;
use std::{process::ExitCode, time::Duration};

/// The level of the log of a node that serves, and of everything else: who tries things out reads the terminal.
const LOG_OF_NODES: &str = "info";
const LOG_OF_COMMANDS: &str = "warn";
/// How long the tasks of a node that has stopped may take to let go of what they hold.
const NODE_END_TIMEOUT: Duration = Duration::from_secs(10);

/// Parses the command line, does what it says and returns how it went.
#[must_use]
pub fn main() -> ExitCode {
    // Ends the process when there is nothing to do: with help or the version, or what is wrong with the arguments.
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::Serve(_) | Command::Dev(_)) {
        arenas::bound();
    }
    let output = Output::new(arguments.output);
    match run(arguments, output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.print_failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(arguments: Arguments, output: Output) -> Result<Exit, Failure> {
    let log = match arguments.command {
        Command::Serve(_) => LOG_OF_NODES,
        _ => LOG_OF_COMMANDS,
    };
    logging::start(arguments.log.as_deref(), log, arguments.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(reason::INTERNAL, format!("no threads can be started: {error}")))?;
    let patience = match arguments.command {
        // What still holds a database when the process ends would find it half taken down.
        Command::Serve(_) | Command::Dev(_) => NODE_END_TIMEOUT,
        // A thread that waits for standard input would hold the process up for ever.
        _ => Duration::ZERO,
    };
    let done = runtime.block_on(dispatch(arguments.command, output));
    runtime.shutdown_timeout(patience);
    done
}

async fn dispatch(command: Command, output: Output) -> Result<Exit, Failure> {
    match command {
        Command::Serve(arguments) => start::serve(&arguments).await?,
        Command::Dev(arguments) => start::dev(arguments, output).await?,
        Command::Demo(arguments) => return demo::run(arguments, output).await,
        Command::Plugin(PluginCommand::New(arguments)) => new_plugin::run(&arguments, output)?,
        Command::Plugin(PluginCommand::Build(arguments)) => local_plugin::build(&arguments, output)?,
        Command::Plugin(PluginCommand::Test(arguments)) => rehearse::run(&arguments, output)?,
        Command::Plugin(PluginCommand::Check(arguments)) => local_plugin::check(arguments, output)?,
        Command::Plugin(PluginCommand::Upload(arguments)) => plugins::upload(arguments, output).await?,
        Command::Plugin(PluginCommand::List(arguments)) => plugins::list(arguments, output).await?,
        Command::Group(command) => groups::run(command, output).await?,
        Command::Node(command) => return nodes::run(command, output).await,
        Command::Submit(arguments) => return submit::run(arguments, output).await,
        Command::Query(arguments) => return query::run(arguments, output).await,
        Command::Watch(arguments) => watch::run(arguments, output).await?,
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests;

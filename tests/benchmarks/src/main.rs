//! What is measured: `cargo xtask bench failover | density | snapshot` on real processes, `machine` within this one.
//!
//! Every figure is a ratio to another of the same run, or stands beside one: absolute times are those of a machine.

mod density;
mod failover;
mod figures;
mod machine;
mod process;
mod snapshot;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measures Quorate on this machine")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills nodes at random under load, checks that nothing is lost, and measures the pause
    Failover(failover::Arguments),
    /// Creates many groups that nobody uses, and measures what they cost
    Density(density::Arguments),
    /// Adds a replica to a group with a large state, and measures how fast it gets it
    Snapshot(snapshot::Arguments),
    /// Holds plugins against the same logic as native code: commands, instances, snapshots, languages, throughput
    Machine(machine::Arguments),
}

#[tokio::main]
async fn main() {
    match Arguments::parse().command {
        Command::Failover(arguments) => failover::run(&arguments).await,
        Command::Density(arguments) => density::run(&arguments).await,
        Command::Snapshot(arguments) => snapshot::run(&arguments).await,
        Command::Machine(arguments) => machine::run(&arguments).await,
    }
}

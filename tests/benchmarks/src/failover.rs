//! The pause when a node dies.

use crate::figures::{line, percentile, ratio, say};
use clap::Args;
use quorate_end_to_end::kills::{self, ELECTION_TIMEOUT, Kill};
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How often a node is killed
    #[arg(long, default_value_t = 100)]
    rounds: u64,
    /// Says which nodes
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(arguments: &Arguments) {
    let mut round = 0;
    let kills = kills::rounds(arguments.rounds, arguments.seed, |kill| {
        round += 1;
        let role = if kill.led { "which leads" } else { "which follows" };
        let times = ratio(kill.pause, ELECTION_TIMEOUT);
        say(&format!(
            "{round} of {}: node {}, {role}: {times:.2} election timeouts",
            arguments.rounds, kill.node
        ));
    })
    .await;
    line(&format!(
        "{} kills; {} commands acknowledged, none lost; {} of unknown outcome; replicas equal; every node came back by itself",
        kills.kills.len(),
        kills.acknowledged,
        kills.unknown
    ));
    line("from a kill to the next acknowledged command, in election timeouts:");
    report("the leader killed", &kills.kills, true);
    report("a follower killed", &kills.kills, false);
}

fn report(name: &str, kills: &[Kill], led: bool) {
    let pauses: Vec<Duration> = kills.iter().filter(|kill| kill.led == led).map(|kill| kill.pause).collect();
    let [median, worst] = [50, 100].map(|percent| ratio(percentile(&pauses, percent), ELECTION_TIMEOUT));
    line(&format!("  {name}: {} times, median {median:.2}, worst {worst:.2}", pauses.len()));
}

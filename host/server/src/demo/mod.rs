//! `quorate demo`: the main job on real processes, and a check of everything that was promised.

mod addresses;
mod arguments;
mod ask;
mod checks;
mod cluster;
mod crash;
mod facts;
mod interruption;
mod load;
mod node;
mod packages;
mod pause;
mod play;
mod progress;
mod replicas;
mod report;
mod stage;
mod tally;
mod wait;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use arguments::DemoArguments;

use crate::cli::{exit::Exit, failure::Failure, output::Output};
use cluster::Cluster;
use interruption::Interruption;
use progress::Progress;
use report::DemoReport;
use std::path::Path;

/// `quorate demo`
pub(crate) async fn run(arguments: DemoArguments, output: Output) -> Result<Exit, Failure> {
    // From here on a signal no longer ends the process at once, which would leave the nodes behind.
    let mut interruption = Interruption::listen()?;
    let packages = packages::read(&arguments.input)?;
    let progress = Progress::new(output);
    let mut cluster = Cluster::prepare()?;
    let played = tokio::select! {
        biased;
        failure = interruption.came() => {
            return Err(match cluster.end(arguments.keep) {
                Some(folder) => and_look_at(failure, &folder),
                None => failure,
            });
        }
        played = play::play(&mut cluster, &arguments.plugins, packages, arguments.increments, progress) => played,
    };
    match played {
        Ok(facts) => {
            let mut report = DemoReport::from(&facts);
            report.folder = cluster.end(arguments.keep || !report.held);
            progress.line("");
            output.print(&report)?;
            Ok(if report.held { Exit::Done } else { Exit::Failed })
        }
        Err(failure) => Err(match cluster.end(true) {
            Some(folder) => and_look_at(failure, &folder),
            None => failure,
        }),
    }
}

/// What helps to understand a failure.
fn and_look_at(failure: Failure, folder: &Path) -> Failure {
    let logs = format!("the data and the logs of the nodes are in {}", folder.display());
    let cure = match &failure.cure {
        Some(cure) => format!("{cure}; {logs}"),
        None => logs,
    };
    failure.cure(cure)
}

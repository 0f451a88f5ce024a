//! `quorate watch`

use super::{
    arguments::WatchArguments,
    failure::Failure,
    output::{Output, note},
    report::EventReport,
    server,
};
use quorate_client::{ClientConfig, Watched};

pub(super) async fn run(arguments: WatchArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let group = arguments.group.to_string();
    let mut watch = client.watch(&group, arguments.topics).await?;
    if !output.is_json() {
        note(&format!("watching {group}; Ctrl-C ends it"));
    }
    let mut left = arguments.count;
    while left != Some(0) {
        let Some(watched) = watch.next().await else { break };
        let watched = watched.map_err(|error| {
            Failure::from(error)
                .cure("watch again; events until then are missed, so look at the state as well")
        })?;
        if let (Watched::Event(_), Some(left)) = (&watched, &mut left) {
            *left -= 1;
        }
        output.print(&EventReport::from(watched))?;
    }
    Ok(())
}

//! The demo from its first node to its last question.

use super::{
    ask,
    cluster::Cluster,
    crash,
    facts::{Alone, Facts, GroupFacts},
    load::{Load, WhenUnknown},
    packages::Packages,
    progress::Progress,
    replicas,
    stage::{self, COUNTER, KV},
    tally::{Counts, Tally},
    work::Work,
};
use crate::cli::failure::Failure;
use bytes::Bytes;
use futures::future::try_join_all;
use quorate_client::{Client, ClientConfig, Consistency};
use std::{path::Path, sync::Arc};

/// How many clients increment the counter at a time.
const CLIENTS: usize = 4;

/// How many commands of one of them are on their way at a time: those are unknown when the leader dies.
const IN_FLIGHT_MAX: usize = 16;

/// Does everything, and returns what was found out.
pub(super) async fn play(
    cluster: &mut Cluster,
    plugins: &Path,
    packages: Packages,
    increments: u64,
    progress: Progress,
) -> Result<Facts, Failure> {
    progress.line("starting three nodes");
    cluster.start_all()?;
    cluster.ready().await?;
    let client = cluster.client()?;
    progress.line("uploading two plugins, and creating a group of three replicas for each");
    stage::set(&client, plugins).await?;

    progress.line(&format!("storing {} packages in {KV}", packages.len()));
    let kv = store(&client, &packages, progress).await?;
    progress.line(&format!("counting to {increments} in {COUNTER}, by {CLIENTS} clients"));
    let (counter, crash) = count(cluster, &client, increments, progress).await?;

    cluster.ready().await?;
    progress.line("taking snapshots, and comparing the replicas");
    let each = cluster.client_each()?;
    let counter = group(&each, &client, COUNTER, counter).await?;
    let kv = group(&each, &client, KV, kv).await?;
    let total = ask::total(&client, COUNTER, Consistency::Linearizable).await?;
    let pairs = ask::pairs(&client, KV, Consistency::Linearizable).await?;
    let alone = try_join_all(each.iter().map(|(node, one)| alone(*node, one, &client))).await?;
    Ok(Facts { packages, increments, crash, counter, kv, total, pairs, alone })
}

/// Puts every package into the kv group.
async fn store(client: &Client, packages: &Packages, progress: Progress) -> Result<Counts, Failure> {
    let commands: Vec<Bytes> =
        packages.iter().map(|(name, versions)| format!("put {name} {versions}").into()).collect();
    let phase = progress.phase(u64::try_from(commands.len()).unwrap_or(u64::MAX));
    let load = Load {
        client: client.clone(),
        group: KV,
        work: Arc::new(Work::new(commands.into_iter(), u64::MAX)),
        tally: Arc::new(Tally::start()),
        // Every key is put once, so it has the same value afterwards.
        when_unknown: WhenUnknown::SendAgain,
    };
    tokio::select! {
        sent = load.run(1) => sent?,
        () = phase.draw(&load.tally) => {}
    }
    Ok(load.tally.counts())
}

/// Increments the counter, whose leader dies meanwhile.
async fn count(
    cluster: &mut Cluster,
    client: &Client,
    increments: u64,
    progress: Progress,
) -> Result<(Counts, crash::Crash), Failure> {
    let phase = progress.phase(increments);
    let commands = (0..increments).map(|_| Bytes::from_static(b"add 1"));
    let config = ClientConfig { pipeline_commands_max: IN_FLIGHT_MAX, ..*client.config() };
    let load = Load {
        client: client.with_config(config),
        group: COUNTER,
        work: Arc::new(Work::new(commands, crash::allowed_before(increments))),
        tally: Arc::new(Tally::start()),
        when_unknown: WhenUnknown::Count,
    };
    let crash = crash::crash(cluster, &load.work, &load.tally, increments, &phase);
    let ((), crash) = tokio::select! {
        both = async { tokio::try_join!(load.run(CLIENTS), crash) } => both?,
        () = phase.draw(&load.tally) => std::future::pending().await,
    };
    Ok((load.tally.counts(), crash))
}

/// Takes a snapshot of a group, waits until its replicas are equal, and puts together what is known of it.
async fn group(
    each: &[(u64, Client)],
    client: &Client,
    name: &'static str,
    counts: Counts,
) -> Result<GroupFacts, Failure> {
    let snapshot_bytes = client.snapshot_group(name).await?.size_bytes;
    let settled = replicas::settled(each, client, name).await?;
    Ok(GroupFacts { name, counts, snapshot_bytes, settled })
}

/// Asks one node what it has itself.
async fn alone(node: u64, one: &Client, patient: &Client) -> Result<Alone, Failure> {
    let one = one.with_config(*patient.config());
    let total = ask::total(&one, COUNTER, Consistency::Local).await?;
    let pairs = ask::pairs(&one, KV, Consistency::Local).await?;
    Ok(Alone { node, total, pairs })
}

//! How fast a new replica gets a large state, and how long commands take meanwhile.
//!
//! What the machine allows is measured beside it: how long commands take while the same bytes are only copied, and in each case
//! how long a small synced write of this program's own takes on the same disk, and how late a thread of its own wakes.

mod load;

use crate::figures::{line, milliseconds, percentile, ratio, say};
use clap::Args;
use futures::{StreamExt, stream};
use load::{Load, Measured};
use quorate_client::{Client, ClientConfig};
use quorate_end_to_end::{Cluster, Settings, wait};
use quorate_proto::v1::ReplicaState;
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// The size of a value.
const VALUE_BYTES: u64 = 256 * 1024;
/// Commands that are under way while the state is made.
const PUTS_IN_FLIGHT: usize = 8;
/// How long a client tries one command.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long commands are measured before the replica is added.
const BEFORE: Duration = Duration::from_secs(5);
/// How often the same bytes are copied. The median counts.
const COPIES: usize = 3;
/// The node that gets the replica.
const NEWCOMER: u64 = 4;
const MEBIBYTE: u64 = 1024 * 1024;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The size of the state, in MiB
    #[arg(long, default_value_t = 128)]
    mebibytes: u64,
}

pub(crate) async fn run(arguments: &Arguments) {
    let cluster = Cluster::start_with(Settings { nodes: NEWCOMER, ..Settings::default() }).await;
    cluster.upload("kv").await;
    cluster.create_on("pairs", "kv", &[1, 2, 3]).await;
    let config = ClientConfig { deadline: DEADLINE, ..ClientConfig::default() };
    let client = Client::lazy(cluster.addresses(), config).expect("addresses");
    say(&format!("making a state of {} MiB", arguments.mebibytes));
    let puts = stream::iter(0..arguments.mebibytes * MEBIBYTE / VALUE_BYTES);
    puts.map(|key| put(&client, key)).buffer_unordered(PUTS_IN_FLIGHT).collect::<()>().await;

    let original = cluster.folder().join("copy-from");
    write_original(&original, arguments.mebibytes);
    let copied = median((0..COPIES).map(|_| copy(&original)).collect());
    let processes: Vec<u32> = cluster.nodes().iter().filter_map(quorate_end_to_end::Node::process).collect();
    let load = || Load::start(&client, cluster.folder(), &processes);
    let before = load();
    tokio::time::sleep(BEFORE).await;
    let before = before.end().await;

    say("copying");
    let while_copying = load();
    let from = original.clone();
    let copying = tokio::task::spawn_blocking(move || (0..COPIES).map(|_| copy(&from)).sum::<Duration>());
    copying.await.expect("it does not panic");
    let while_copying = while_copying.end().await;
    fs::remove_file(&original).expect("a file of the bench's own");

    say("adding a replica");
    let during = load();
    let begun = Instant::now();
    let node = NEWCOMER.to_string();
    let added = cluster.quorate(&["group", "members", "add", "test/pairs", "--node", &node, "--no-wait"]);
    assert_eq!(added.code, 0, "{added:?}");
    let ordered = begun.elapsed();
    wait::until("the new replica is there", || cluster.replica(NEWCOMER, "pairs")).await;
    let made = begun.elapsed();
    let bytes = wait::until("the new replica has the state", || async {
        let replica = cluster.replica(NEWCOMER, "pairs").await?;
        let has_it =
            replica.state() == ReplicaState::Running && replica.snapshot_bytes > 0 && replica.applied > 1;
        if has_it { Ok(replica.snapshot_bytes) } else { Err(format!("{replica:?}")) }
    })
    .await;
    let took = begun.elapsed();
    let during = during.end().await;
    cluster.replicas_are_equal("pairs").await;

    line(&format!(
        "a snapshot of {:.0} MiB to a new replica took {:.1} times as long as copying {} MiB with a sync ({:.1} s, {:.1} s)",
        bytes as f64 / MEBIBYTE as f64,
        ratio(took, copied),
        arguments.mebibytes,
        took.as_secs_f64(),
        copied.as_secs_f64()
    ));
    line(&format!(
        "of that until the catalog had it: {:.2} s, until the replica was made: {:.2} s more, until it had the state: {:.2} s more",
        ordered.as_secs_f64(),
        (made - ordered).as_secs_f64(),
        (took - made).as_secs_f64()
    ));
    line(&format!(
        "p99 of commands meanwhile: {:.1} times that before it (goal: 2); while the same bytes were copied: {:.1} times",
        ratio(during.p99(), before.p99()),
        ratio(while_copying.p99(), before.p99())
    ));
    print("before", &before);
    print("while copying", &while_copying);
    print("during the transfer", &during);
}

fn print(when: &str, measured: &Measured) {
    let [p50, p99, worst] =
        [50, 99, 100].map(|percent| milliseconds(percentile(&measured.commands, percent)));
    let [sync_p50, sync_p99] = [50, 99].map(|percent| milliseconds(percentile(&measured.syncs, percent)));
    let [late_p50, late_p99] = [50, 99].map(|percent| milliseconds(percentile(&measured.late, percent)));
    line(&format!(
        "{when}: {} commands, p50 {p50:.1} ms, p99 {p99:.1} ms, worst {worst:.1} ms; a small synced write beside them: p50 {sync_p50:.1} ms, p99 {sync_p99:.1} ms; a thread woke late by p50 {late_p50:.1} ms, p99 {late_p99:.1} ms; cores used by each node: {}",
        measured.commands.len(),
        measured.cores.join(", ")
    ));
}

/// Bytes that do not compress, as letters.
fn value(key: u64) -> String {
    let mut number = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(usize::try_from(VALUE_BYTES).unwrap_or(0));
    while (text.len() as u64) < VALUE_BYTES {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        text.push_str(&format!("{number:016x}"));
    }
    text
}

async fn put(client: &Client, key: u64) {
    client.submit("test/pairs", format!("put key-{key:08} {}", value(key))).await.expect("acknowledged");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// As many bytes as a file, on the disk of the cluster.
fn write_original(path: &Path, mebibytes: u64) {
    let mut file = File::create(path).expect("a file of the bench's own");
    for key in 0..mebibytes * MEBIBYTE / VALUE_BYTES {
        file.write_all(value(key).as_bytes()).expect("room");
    }
    file.sync_all().expect("synced");
}

/// How long it takes to copy this file, with a sync.
fn copy(from: &Path) -> Duration {
    let to = from.with_extension("copy");
    let begun = Instant::now();
    fs::copy(from, &to).expect("room");
    File::open(&to).and_then(|file| file.sync_all()).expect("synced");
    let took = begun.elapsed();
    fs::remove_file(to).expect("a file of the bench's own");
    took
}

//! How fast a new replica gets a large state.

use crate::figures::{line, milliseconds, percentile, ratio, say};
use clap::Args;
use futures::{StreamExt, stream};
use quorate_client::{Client, ClientConfig};
use quorate_end_to_end::{Cluster, Settings, wait};
use quorate_proto::v1::ReplicaState;
use std::{
    fs::{self, File},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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

    let copied = median((0..COPIES).map(|_| copy(&cluster, arguments.mebibytes)).collect());
    let before = Load::start(&client);
    tokio::time::sleep(BEFORE).await;
    let before = before.end().await;

    say("adding a replica");
    let during = Load::start(&client);
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
    let [quiet, busy] = [&before, &during].map(|times| percentile(times, 99));
    line(&format!(
        "p99 of commands meanwhile: {:.1} times that before it ({:.1} ms of {}, {:.1} ms of {})",
        ratio(busy, quiet),
        milliseconds(busy),
        during.len(),
        milliseconds(quiet),
        before.len()
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

/// How long the same bytes take as a file that is copied and synced, in the folder of the cluster.
fn copy(cluster: &Cluster, mebibytes: u64) -> Duration {
    let (from, to) = (cluster.folder().join("copy-from"), cluster.folder().join("copy-to"));
    let mut file = File::create(&from).expect("a file of the bench's own");
    for key in 0..mebibytes * MEBIBYTE / VALUE_BYTES {
        file.write_all(value(key).as_bytes()).expect("room");
    }
    file.sync_all().expect("synced");
    let begun = Instant::now();
    fs::copy(&from, &to).expect("room");
    File::open(&to).and_then(|file| file.sync_all()).expect("synced");
    let took = begun.elapsed();
    for path in [from, to] {
        fs::remove_file(path).expect("a file of the bench's own");
    }
    took
}

/// One client that submits small commands, one after the other.
struct Load {
    stop: Arc<AtomicBool>,
    running: tokio::task::JoinHandle<Vec<Duration>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (client, stop) = (client.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                client.submit("test/pairs", "put small value").await.expect("acknowledged");
                times.push(sent.elapsed());
            }
            times
        });
        Self { stop, running }
    }

    async fn end(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.running.await.expect("it does not panic")
    }
}

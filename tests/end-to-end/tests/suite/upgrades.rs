//! Groups change the version of their plugin while clients submit.

use quorate_client::{Client, ClientConfig};
use quorate_end_to_end::{Cluster, Settings, component, wait};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

const CLIENTS: u64 = 3;
/// Commands that are acknowledged between one change and the next.
const PHASE: u64 = 30;

/// Another version that does the same: a custom section makes the bytes others.
fn same_but_other_bytes(plugin: &str, tag: u8) -> Vec<u8> {
    let mut bytes = fs::read(component(plugin)).expect("the component can be read");
    // Id 0, the length of the section, the length of its name, its name, its content.
    bytes.extend([0, 4, 2, b'n', b'o', tag]);
    bytes
}

/// Clients that submit until they are stopped, each of which owns a key of its own, and whom no error may reach.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<u64>>,
}

impl Load {
    fn start(cluster: &Cluster, plugin: &'static str) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let config = ClientConfig { deadline: Duration::from_secs(60), ..ClientConfig::default() };
        let client = Client::lazy(cluster.addresses(), config).expect("addresses");
        let run = |number| submit_until(client.clone(), plugin, number, stop.clone(), answered.clone());
        let clients = (0..CLIENTS).map(|number| tokio::spawn(run(number))).collect();
        Self { stop, answered, clients }
    }

    /// Waits until so many more commands are answered.
    async fn phase(&self) {
        let count = self.answered.load(Ordering::Relaxed) + PHASE;
        wait::until("clients make progress", || async {
            let answered = self.answered.load(Ordering::Relaxed);
            if answered >= count { Ok(()) } else { Err(format!("{answered} of {count}")) }
        })
        .await;
    }

    /// How many commands of each client were answered.
    async fn end(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut counts = Vec::new();
        for client in self.clients {
            counts.push(client.await.expect("no client meets an error"));
        }
        counts
    }
}

async fn submit_until(
    client: Client,
    plugin: &'static str,
    number: u64,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        count += 1;
        let command = match plugin {
            "kv" => format!("batch put client-{number}-{count} {count} ; allocate all 1"),
            _ => "add 1".to_owned(),
        };
        client.submit("test/group", command).await.expect("no client meets an error");
        answered.fetch_add(1, Ordering::Relaxed);
    }
    count
}

/// What was answered is there, once.
async fn nothing_is_lost_or_doubled(cluster: &Cluster, plugin: &str, counts: &[u64]) {
    if plugin == "kv" {
        for (number, count) in (0..).zip(counts) {
            let last = format!("get client-{number}-{count}");
            assert_eq!(cluster.answer("group", &last).await, count.to_string());
        }
        let held: u64 = cluster.answer("group", "sequence all").await.parse().expect("a number");
        assert_eq!(held, counts.iter().sum::<u64>());
    } else {
        let sum = counts.iter().sum::<u64>();
        assert_eq!(cluster.answer("group", "get").await, sum.to_string());
    }
}

fn upgrade(cluster: &Cluster, reference: &str) {
    let done = cluster.quorate(&["group", "upgrade", "test/group", reference, "--timeout", "60s"]);
    assert_eq!(done.code, 0, "{done:?}");
}

async fn upgraded_and_rolled_back_under_load(plugin: &'static str) {
    let mut cluster = Cluster::start().await;
    cluster.upload(plugin).await;
    let second = format!("test/{plugin}@2");
    cluster.upload_bytes(2, &second, &same_but_other_bytes(plugin, 2)).await.expect("uploaded");
    cluster.create("group", plugin).await;

    let load = Load::start(&cluster, plugin);
    load.phase().await;
    upgrade(&cluster, &second);
    load.phase().await;
    let back = cluster.quorate(&["group", "rollback", "test/group", "--timeout", "60s"]);
    assert_eq!(back.code, 0, "{back:?}");
    load.phase().await;
    upgrade(&cluster, &second);
    load.phase().await;
    let counts = load.end().await;
    cluster.replicas_are_equal("group").await;
    nothing_is_lost_or_doubled(&cluster, plugin, &counts).await;

    let history = cluster.quorate(&["group", "history", "test/group", "--output", "json"]).json();
    assert_eq!(history["plugin"], second);
    let outcomes: Vec<_> = history["upgrades"].as_array().expect("a list").iter().collect();
    assert_eq!(outcomes.len(), 3, "{history}");
    assert!(outcomes.iter().all(|upgrade| upgrade["outcome"] == "done"), "{history}");
    assert_eq!(outcomes[1]["rollback"], true);
    assert_eq!(outcomes[1]["to"], format!("test/{plugin}@1"));

    for node in 1..=3 {
        cluster.node_mut(node).kill();
    }
    for node in 1..=3 {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    cluster.replicas_are_equal("group").await;
    nothing_is_lost_or_doubled(&cluster, plugin, &counts).await;
    let digests = versions(&cluster).await;
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    assert_eq!(Some(digests[0].as_str()), outcomes[0]["digest"].as_str(), "the second version runs");
}

/// The digest of the plugin that each replica runs.
async fn versions(cluster: &Cluster) -> Vec<String> {
    let mut versions = Vec::new();
    for node in 1..=3 {
        let replica = cluster.replica(node, "group").await.expect("it holds one");
        versions.push(replica.plugin_digest.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_machine_is_upgraded_and_rolled_back_under_load() {
    upgraded_and_rolled_back_under_load("kv").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_machine_is_upgraded_and_rolled_back_under_load() {
    upgraded_and_rolled_back_under_load("counter").await;
}

#[tokio::test]
async fn a_replica_that_was_away_and_one_that_is_new_run_the_right_version() {
    let configuration = "[snapshots]\nentries = 20\nlog_margin_entries = 5\n".to_owned();
    for plugin in ["kv", "counter"] {
        let settings = Settings { nodes: 4, configuration: configuration.clone() };
        let mut cluster = Cluster::start_with(settings).await;
        cluster.upload(plugin).await;
        let second = format!("test/{plugin}@2");
        cluster.create_on("group", plugin, &[1, 2, 3]).await;
        let command = |number: u32| match plugin {
            "kv" => format!("put key-{number} {number}"),
            _ => "add 1".to_owned(),
        };
        for number in 0..10 {
            cluster.submit("group", &command(number)).await;
        }
        cluster.node_mut(3).kill();
        cluster.upload_bytes(2, &second, &same_but_other_bytes(plugin, 2)).await.expect("uploaded");
        // The node that is away is waited for, and then is not.
        upgrade(&cluster, &second);
        for number in 10..15 {
            cluster.submit("group", &command(number)).await;
        }
        cluster.node_mut(3).start();
        cluster.ready().await;
        cluster.replicas_are_equal_on("group", &[1, 2, 3]).await;
        for number in 15..60 {
            cluster.submit("group", &command(number)).await;
        }
        let learner =
            ["group", "members", "add", "test/group", "--node", "4", "--learner", "--timeout", "60s"];
        let added = cluster.quorate(&learner);
        assert_eq!(added.code, 0, "{added:?}");
        cluster.replicas_are_equal("group").await;
        let leader = cluster.replica(1, "group").await.expect("it holds one");
        for node in 2..=4 {
            let replica = cluster.replica(node, "group").await.expect("it holds one");
            assert_eq!(replica.plugin_digest, leader.plugin_digest, "node {node}");
        }
        let described = cluster.quorate(&["group", "describe", "test/group"]);
        assert!(described.stdout.contains(&format!("plugin  {second}")), "{described:?}");
    }
}

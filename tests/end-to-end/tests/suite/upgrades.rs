//! Groups change the version of their plugin while clients submit.

use quorate_client::{Client, ClientConfig};
use quorate_end_to_end::{Cluster, Settings, ask::reason_of, component, wait};
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
struct Load<Count> {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Count>>,
}

/// What a client knows whose nodes may die.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    applied: u64,
    unknown: u64,
}

fn client(cluster: &Cluster) -> Client {
    let config = ClientConfig { deadline: Duration::from_secs(60), ..ClientConfig::default() };
    Client::lazy(cluster.addresses(), config).expect("addresses")
}

impl Load<u64> {
    fn start(cluster: &Cluster, plugin: &'static str) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = client(cluster);
        let run = |number| submit_until(client.clone(), plugin, number, stop.clone(), answered.clone());
        let clients = (0..CLIENTS).map(|number| tokio::spawn(run(number))).collect();
        Self { stop, answered, clients }
    }
}

impl Load<Told> {
    /// Clients of a cluster whose leader dies: a command that was with it then has an outcome that nobody knows.
    fn start_tolerant(cluster: &Cluster, plugin: &'static str) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = client(cluster);
        let run = |number| {
            let (client, stop, answered) = (client.clone(), stop.clone(), answered.clone());
            async move {
                let mut told = Told::default();
                for count in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    match client.submit("test/group", command(plugin, number, count)).await {
                        Ok(_) => {
                            told.applied += 1;
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) if error.outcome_unknown() => told.unknown += 1,
                        Err(error) => panic!("no client meets another error: {error:?}"),
                    }
                }
                told
            }
        };
        let clients = (0..CLIENTS).map(|number| tokio::spawn(run(number))).collect();
        Self { stop, answered, clients }
    }
}

impl<Count> Load<Count> {
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
    async fn end(self) -> Vec<Count> {
        self.stop.store(true, Ordering::Relaxed);
        let mut counts = Vec::new();
        for client in self.clients {
            counts.push(client.await.expect("no client meets an error"));
        }
        counts
    }
}

fn command(plugin: &str, number: u64, count: u64) -> String {
    match plugin {
        "kv" => format!("batch put client-{number}-{count} {count} ; allocate all 1"),
        _ => "add 1".to_owned(),
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
        client.submit("test/group", command(plugin, number, count)).await.expect("no client meets an error");
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

/// The next version of a plugin, whose state is another one, as `test/PLUGIN@2`.
async fn upload_second(cluster: &Cluster, plugin: &str) -> String {
    let reference = format!("test/{plugin}@2");
    let bytes = fs::read(component(&format!("second-{plugin}"))).expect("the component can be read");
    cluster.upload_bytes(2, &reference, &bytes).await.expect("uploaded");
    reference
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

async fn migrated_under_load_while_leaders_die(plugin: &'static str) {
    let mut cluster = Cluster::start().await;
    cluster.upload(plugin).await;
    let second = upload_second(&cluster, plugin).await;
    cluster.create("group", plugin).await;
    let load = Load::start_tolerant(&cluster, plugin);
    load.phase().await;
    let asked = cluster.quorate(&["group", "upgrade", "test/group", &second, "--no-wait"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    // Somewhere on the way.
    let leader = cluster.leader("group").await;
    cluster.node_mut(leader).kill();
    load.phase().await;
    cluster.node_mut(leader).start();
    // Asked once more, which changes nothing, to wait for it.
    upgrade(&cluster, &second);
    load.phase().await;
    let counts = load.end().await;
    cluster.ready().await;
    cluster.replicas_are_equal("group").await;
    for node in 1..=3 {
        let replica = cluster.replica(node, "group").await.expect("it holds one");
        assert_eq!(replica.state_version, 2, "node {node}");
    }
    let (applied, unknown): (u64, u64) =
        counts.iter().fold((0, 0), |sum, count| (sum.0 + count.applied, sum.1 + count.unknown));
    let query = if plugin == "kv" { "sequence all" } else { "get" };
    let value: u64 = cluster.answer("group", query).await.parse().expect("a number");
    assert!(value >= applied, "{applied} were acknowledged and {value} are there");
    assert!(value <= applied + unknown, "{value} are there, {applied} acknowledged, {unknown} unknown");

    // There is no way back: the first version knows nothing of the state of the second.
    let back = cluster.quorate(&["group", "rollback", "test/group", "--timeout", "60s"]);
    assert_ne!(back.code, 0, "{back:?}");
    assert!(back.stderr.contains("UPGRADE_FAILED") && back.stderr.contains("does not export"), "{back:?}");
    assert_eq!(cluster.answer("group", query).await, value.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_machine_is_migrated_while_its_leader_dies() {
    migrated_under_load_while_leaders_die("kv").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_machine_is_migrated_while_its_leader_dies() {
    migrated_under_load_while_leaders_die("counter").await;
}

#[tokio::test]
async fn a_version_whose_migration_traps_is_not_taken() {
    for plugin in ["kv", "counter"] {
        let mut cluster = Cluster::start().await;
        cluster.upload(plugin).await;
        let second = upload_second(&cluster, plugin).await;
        cluster.create("group", plugin).await;
        let (trap, mend, query) = match plugin {
            "kv" => ("put trap-migrate yes", "delete trap-migrate", "get trap-migrate"),
            _ => ("add 13", "add 1", "get"),
        };
        cluster.reply("group", trap).await;
        let before = cluster.answer("group", query).await;
        let asked = ["group", "upgrade", "test/group", &second, "--timeout", "60s"];
        let failed = cluster.quorate(&asked);
        assert_ne!(failed.code, 0, "{failed:?}");
        assert!(failed.stderr.contains("UPGRADE_FAILED"), "{failed:?}");
        assert!(failed.stderr.contains("the plugin trapped"), "{failed:?}");
        assert_eq!(cluster.answer("group", query).await, before, "the first version goes on");
        cluster.replicas_are_equal("group").await;
        for node in 1..=3 {
            cluster.node_mut(node).kill();
            cluster.node_mut(node).start();
        }
        cluster.ready().await;
        cluster.replicas_are_equal("group").await;
        let described = cluster.quorate(&["group", "describe", "test/group"]);
        assert!(described.stdout.contains("failed: the plugin trapped"), "{described:?}");
        cluster.reply("group", mend).await;
        upgrade(&cluster, &second);
        let replica = cluster.replica(1, "group").await.expect("it holds one");
        assert_eq!(replica.state_version, 2);
    }
}

#[tokio::test]
async fn a_group_freezes_after_traps_and_is_unfrozen_by_an_operator_or_an_upgrade() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    let second = upload_second(&cluster, "counter").await;
    let created = cluster.quorate(&[
        "group",
        "create",
        "test/group",
        "--plugin",
        "test/counter@1",
        "--freeze-after",
        "2",
    ]);
    assert_eq!(created.code, 0, "{created:?}");
    cluster.submit("group", "add 1").await;
    cluster.submit("group", "trap").await;
    cluster.submit("group", "add 1").await;
    let frozen = async |cluster: &Cluster| {
        cluster.submit("group", "trap").await;
        cluster.submit("group", "trap").await;
        let leader = cluster.leader("group").await;
        let refused = cluster.submit_to(leader, "group", "add 1").await.expect_err("it is frozen");
        assert_eq!(reason_of(&refused), "GROUP_FROZEN", "{refused:?}");
    };
    frozen(&cluster).await;
    assert_eq!(cluster.answer("group", "get").await, "2", "it answers queries");
    let described = cluster.quorate(&["group", "describe", "test/group"]);
    assert!(described.stdout.contains("frozen since entry"), "{described:?}");
    for node in 1..=3 {
        cluster.node_mut(node).kill();
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    let refused = cluster.quorate(&["submit", "test/group", "add 1"]);
    assert!(refused.stderr.contains("GROUP_FROZEN"), "{refused:?}");

    let unfrozen = cluster.quorate(&["group", "unfreeze", "test/group"]);
    assert_eq!(unfrozen.code, 0, "{unfrozen:?}");
    assert_eq!(cluster.reply("group", "add 1").await, "3");
    frozen(&cluster).await;
    upgrade(&cluster, &second);
    assert_eq!(cluster.reply("group", "add 1").await, "4");
    let policy = cluster.quorate(&["group", "poison", "test/group", "--freeze-after", "0"]);
    assert_eq!(policy.code, 0, "{policy:?}");
    for _ in 0..5 {
        cluster.submit("group", "trap").await;
    }
    assert_eq!(cluster.reply("group", "add 1").await, "5");
    cluster.replicas_are_equal("group").await;
}

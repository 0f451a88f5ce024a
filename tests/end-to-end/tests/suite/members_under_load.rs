//! Members are exchanged and leaders die while clients submit.

use quorate_client::{Client, ClientConfig};
use quorate_end_to_end::{Cluster, Settings, wait};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

const CLIENTS: usize = 3;
/// Commands that are acknowledged between one change and the next.
const PHASE: u64 = 50;
/// The members that the group has one after the other: two are exchanged at a time, and one node holds it alone.
const ROUNDS: [&str; 6] = ["2,3,4", "1,4", "1,2,3,4", "2", "1,3,4", "1,2,3"];

#[derive(Default)]
struct Told {
    applied: AtomicU64,
    unknown: AtomicU64,
}

/// Adds one until told to stop, and counts honestly.
async fn increment(client: Client, told: Arc<Told>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        match client.submit("test/count", "add 1").await {
            Ok(_) => told.applied.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.outcome_unknown() => told.unknown.fetch_add(1, Ordering::Relaxed),
            Err(_) => 0,
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_command_is_lost_while_members_change_and_leaders_die() {
    let mut cluster = Cluster::start_with(Settings { nodes: 4, ..Settings::default() }).await;
    cluster.upload("counter").await;
    cluster.create_on("count", "counter", &[1, 2, 3]).await;

    let (told, stop) = (Arc::new(Told::default()), Arc::new(AtomicBool::new(false)));
    let config = ClientConfig { deadline: Duration::from_secs(30), ..ClientConfig::default() };
    let client = Client::lazy(cluster.addresses(), config).expect("addresses");
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(increment(client.clone(), told.clone(), stop.clone()))).collect();
    let progress = async || {
        let count = told.applied.load(Ordering::Relaxed) + PHASE;
        wait::until("clients make progress", || async {
            let applied = told.applied.load(Ordering::Relaxed);
            if applied >= count { Ok(()) } else { Err(format!("{applied} of {count}")) }
        })
        .await;
    };

    for voters in ROUNDS {
        progress().await;
        let taken =
            cluster.quorate(&["group", "members", "set", "test/count", "--voters", voters, "--no-wait"]);
        assert_eq!(taken.code, 0, "{taken:?}");
        // Somewhere on the way.
        let leader = cluster.leader("count").await;
        cluster.node_mut(leader).kill();
        cluster.node_mut(leader).start();
        wait::until(&format!("the members are {voters}"), || async {
            let listed = cluster.quorate(&["group", "members", "list", "test/count", "--output", "json"]);
            if listed.code != 0 {
                return Err(listed.stderr);
            }
            let report = listed.json();
            let members = report["members"].as_array().cloned().unwrap_or_default();
            let nodes: Vec<String> = members.iter().map(|member| member["node"].to_string()).collect();
            let done = report["change"].is_null() && nodes.join(",") == voters;
            if done { Ok(()) } else { Err(report.to_string()) }
        })
        .await;
        progress().await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client does not panic");
    }

    cluster.ready().await;
    cluster.replicas_are_equal_on("count", &[1, 2, 3]).await;
    let value: u64 = cluster.answer("count", "get").await.parse().expect("a number");
    let (applied, unknown) = (told.applied.load(Ordering::Relaxed), told.unknown.load(Ordering::Relaxed));
    assert!(value >= applied, "{applied} were acknowledged and {value} are there");
    assert!(value <= applied + unknown, "{value} are there, {applied} acknowledged and {unknown} unknown");
}

async fn a_node_dies_again_and_again_while_it_joins(plugin: &str) {
    let configuration = "[snapshots]\nentries = 20\nlog_margin_entries = 5\n".to_owned();
    let mut cluster = Cluster::start_with(Settings { nodes: 4, configuration, ..Settings::default() }).await;
    cluster.upload(plugin).await;
    cluster.create_on("group", plugin, &[1, 2, 3]).await;
    let command = |number: u32| match plugin {
        "kv" => format!("put key-{number} {number}"),
        _ => "add 1".to_owned(),
    };
    let mut number = 0;
    for _ in 0..4 {
        let add = ["group", "members", "add", "test/group", "--node", "4", "--no-wait"];
        let taken = cluster.quorate(&add);
        assert_eq!(taken.code, 0, "{taken:?}");
        // Each time at another place: what happens between is different, and takes its time.
        for _ in 0..3 {
            cluster.node_mut(4).kill();
            cluster.node_mut(4).start();
            for _ in 0..15 {
                number += 1;
                cluster.submit("group", &command(number)).await;
            }
        }
        let done =
            cluster.quorate(&["group", "members", "add", "test/group", "--node", "4", "--timeout", "60s"]);
        assert_eq!(done.code, 0, "{done:?}");
        cluster.ready().await;
        cluster.replicas_are_equal("group").await;
        let removed =
            cluster.quorate(&["group", "members", "remove", "test/group", "--node", "4", "--timeout", "60s"]);
        assert_eq!(removed.code, 0, "{removed:?}");
    }
    let request = if plugin == "kv" { format!("get key-{number}") } else { "get".to_owned() };
    assert_eq!(cluster.answer("group", &request).await, number.to_string());
}

#[tokio::test]
async fn a_node_dies_again_and_again_while_a_memory_machine_joins() {
    a_node_dies_again_and_again_while_it_joins("counter").await;
}

#[tokio::test]
async fn a_node_dies_again_and_again_while_a_store_machine_joins() {
    a_node_dies_again_and_again_while_it_joins("kv").await;
}

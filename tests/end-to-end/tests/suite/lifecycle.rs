//! Plugins are told who leads.

use quorate_end_to_end::{Cluster, Settings, damage, wait};
use quorate_proto::v1::Consistency;

/// The terms of which the plugin noted that it was told.
async fn terms(cluster: &Cluster, group: &str) -> Vec<String> {
    let noted = cluster.answer(group, "leaders").await;
    noted.lines().map(|line| line.split(" at ").next().unwrap_or_default().to_owned()).collect()
}

async fn a_change_of_leader_reaches_the_plugin(plugin: &str) {
    let mut cluster = Cluster::start().await;
    cluster.upload(plugin).await;
    cluster.create("group", plugin).await;
    wait::until("the plugin is told of its first leader", || async {
        let told = terms(&cluster, "group").await;
        if told.is_empty() { Err("of none yet".to_owned()) } else { Ok(()) }
    })
    .await;
    let before = terms(&cluster, "group").await;
    let leader = cluster.leader("group").await;
    cluster.node_mut(leader).kill();
    wait::until("the plugin is told of another", || async {
        let told = terms(&cluster, "group").await;
        if told.len() > before.len() { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    let after = terms(&cluster, "group").await;
    assert_eq!(after[..before.len()], before, "what was told stays");
    cluster.node_mut(leader).start();
    cluster.ready().await;
    cluster.replicas_are_equal("group").await;
}

#[tokio::test]
async fn a_memory_machine_is_told_of_a_change_of_leader() {
    a_change_of_leader_reaches_the_plugin("counter").await;
}

#[tokio::test]
async fn a_store_machine_is_told_of_a_change_of_leader() {
    a_change_of_leader_reaches_the_plugin("kv").await;
}

/// Waits until the node's log has a line about this callback.
async fn told(cluster: &Cluster, node: u64, what: &str) {
    let line = format!("lifecycle: {what}");
    wait::until(&format!("node {node} is told of {what}"), || async {
        let log = cluster.node(node).log();
        if log.contains(&line) { Ok(()) } else { Err(log.lines().last().unwrap_or_default().to_owned()) }
    })
    .await;
}

#[tokio::test]
async fn a_plugin_is_told_everything_of_its_replicas_life() {
    let mut cluster = Cluster::start_with(Settings { nodes: 4, ..Settings::default() }).await;
    cluster.upload("faulty").await;
    cluster.create_on("group", "faulty", &[1, 2, 3]).await;
    cluster.reply("group", "set text").await;
    let leader = cluster.leader("group").await;
    let follower = if leader == 1 { 2 } else { 1 };
    told(&cluster, leader, "leader-start").await;
    told(&cluster, follower, "start-following").await;
    // What it proposed when it was told is applied, in the order of the log.
    wait::until("the proposal is applied", || async {
        let noted = cluster.answer("group", "noted").await;
        if noted.contains("leader-start") { Ok(()) } else { Err(noted) }
    })
    .await;

    let to = follower.to_string();
    let moved = cluster.quorate(&["group", "transfer", "test/group", "--to", &to]);
    assert_eq!(moved.code, 0, "{moved:?}");
    told(&cluster, leader, "leader-stop").await;
    told(&cluster, leader, "start-following").await;
    told(&cluster, follower, "stop-following").await;
    told(&cluster, follower, "leader-start").await;

    let added =
        cluster.quorate(&["group", "members", "add", "test/group", "--node", "4", "--timeout", "60s"]);
    assert_eq!(added.code, 0, "{added:?}");
    told(&cluster, follower, "configuration-committed").await;
    told(&cluster, leader, "configuration-committed").await;

    // The replica cannot be made again after a trap, because its snapshot is damaged: it stops, and its plugin is told by
    // the observer, which has caught up before.
    let taken = cluster.quorate(&["group", "snapshot", "test/group"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    cluster.replicas_are_equal_on("group", &[1, 2, 3, 4]).await;
    cluster.query_at(leader, "group", "get", Consistency::Local).await.expect("it runs");
    let mut files = damage::files(&cluster.node(leader).data().join("snapshots"), "data");
    files.retain(|path| !path.to_string_lossy().contains("snapshots/0/"));
    files.iter().for_each(|file| damage::flip_middle(file));
    let trapped = cluster.submit("group", "panic").await;
    assert!(trapped.outcome.is_some_and(|outcome| outcome.result.is_some()));
    cluster.reply("group", "set again").await;
    told(&cluster, leader, "error ").await;

    assert!(cluster.node_mut(follower).terminate().success());
    told(&cluster, follower, "shutdown").await;
}

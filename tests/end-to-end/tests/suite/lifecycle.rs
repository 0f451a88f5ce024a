//! Plugins are told who leads.

use quorate_end_to_end::{Cluster, wait};

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

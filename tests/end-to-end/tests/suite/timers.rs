//! What a plugin asked to be called for happens at its time, with nobody there to ask for it.

use quorate_end_to_end::{Cluster, wait};

/// Waits until the list of locks that are held begins so: queries change nothing, so a timer must have.
async fn listed(cluster: &Cluster, expected: &str) {
    wait::until(&format!("{expected:?} is listed"), || async {
        let list = cluster.answer("locks", "list").await;
        let is_it = if expected.is_empty() { list.is_empty() } else { list.starts_with(expected) };
        if is_it { Ok(()) } else { Err(list) }
    })
    .await;
}

async fn cluster_with_locks() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload("lock").await;
    cluster.create("locks", "lock").await;
    cluster
}

#[tokio::test]
async fn a_lease_ends_although_the_leader_that_gave_it_is_dead() {
    let mut cluster = cluster_with_locks().await;
    assert!(cluster.reply("locks", "acquire backup ada 2000").await.starts_with("held 1 "));
    assert_eq!(cluster.reply("locks", "acquire backup ben 600000 600000").await, "waiting 1");
    let leader = cluster.leader("locks").await;
    cluster.node_mut(leader).kill();
    listed(&cluster, "backup ben 2 ").await;
    cluster.node_mut(leader).start();
    cluster.ready().await;
    cluster.replicas_are_equal("locks").await;
    listed(&cluster, "backup ben 2 ").await;
}

#[tokio::test]
async fn a_lease_ends_after_all_nodes_were_down() {
    let mut cluster = cluster_with_locks().await;
    assert!(cluster.reply("locks", "acquire backup ada 2000").await.starts_with("held 1 "));
    assert!(cluster.reply("locks", "acquire other ada 600000").await.starts_with("held 2 "));
    let nodes: Vec<u64> = cluster.nodes().iter().map(|node| node.id()).collect();
    for node in &nodes {
        cluster.node_mut(*node).kill();
    }
    for node in nodes {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    listed(&cluster, "other ada 2 ").await;
    assert!(cluster.reply("locks", "acquire backup ben 600000").await.starts_with("held 3 "));
    cluster.replicas_are_equal("locks").await;
}

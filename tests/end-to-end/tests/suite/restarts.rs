//! Nodes end and come back.

use quorate_end_to_end::{Cluster, wait};

#[tokio::test]
async fn a_follower_that_is_killed_again_and_again_catches_up() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    for round in 1..=4 {
        let leader = cluster.leader("count").await;
        let follower = if leader == 3 { 2 } else { 3 };
        cluster.node_mut(follower).kill();
        for step in 1..=10 {
            cluster.submit("count", "add 1").await;
            cluster.submit("pairs", &format!("put key-{round}-{step} value")).await;
        }
        cluster.node_mut(follower).start();
        cluster.ready().await;
        cluster.replicas_are_equal("count").await;
        cluster.replicas_are_equal("pairs").await;
    }
    assert_eq!(cluster.answer("count", "get").await, "40");
}

#[tokio::test]
async fn all_nodes_are_killed_and_nothing_is_lost() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    cluster.reply("count", "add 41").await;
    cluster.reply("pairs", "put before kill").await;
    for node in [1, 2, 3] {
        cluster.node_mut(node).kill();
    }
    for node in [1, 2, 3] {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    assert_eq!(cluster.reply("count", "add 1").await, "42");
    assert_eq!(cluster.answer("pairs", "get before").await, "kill");
    cluster.replicas_are_equal("count").await;
    cluster.replicas_are_equal("pairs").await;
}

#[tokio::test]
async fn a_node_that_is_asked_to_end_does_so_in_good_order() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    let leader = cluster.leader("count").await;
    let status = cluster.node_mut(leader).terminate();
    assert!(status.success(), "{status}");
    assert_eq!(cluster.reply("count", "add 1").await, "2");
    cluster.node_mut(leader).start();
    wait::until("the node is back", || cluster.status(leader)).await;
    cluster.replicas_are_equal("count").await;
}

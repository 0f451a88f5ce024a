//! Groups are deleted, and never come back.

use quorate_end_to_end::{Cluster, ask::reason_of, wait};
use quorate_proto::{
    reason,
    v1::{DeleteGroupRequest, groups_client::GroupsClient},
};

/// Three nodes and two groups with something in them, each with a snapshot on its leader.
async fn with_groups() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    cluster.reply("count", "add 7").await;
    cluster.reply("pairs", "put before deletion").await;
    for group in ["test/count", "test/pairs"] {
        let output = cluster.quorate(&["group", "snapshot", group]);
        assert_eq!(output.code, 0, "{output:?}");
    }
    cluster
}

async fn delete(cluster: &Cluster, node: u64, group: &str) -> u64 {
    let request = DeleteGroupRequest { name: format!("test/{group}") };
    GroupsClient::new(cluster.channel(node).await).delete(request).await.expect("deleted").into_inner().id
}

/// Waits until a node holds nothing of a group.
async fn is_gone_from(cluster: &Cluster, node: u64, group: u64) {
    wait::until(&format!("node {node} holds nothing of group {group}"), || async {
        let status = cluster.status(node).await?;
        if status.replicas.iter().any(|replica| replica.group == group) {
            return Err("it holds a replica".to_owned());
        }
        let snapshots = cluster.node(node).data().join("snapshots").join(group.to_string());
        if snapshots.exists() { Err("its snapshots are there".to_owned()) } else { Ok(()) }
    })
    .await;
}

async fn nobody_knows(cluster: &Cluster, group: &str) {
    for node in cluster.nodes().iter().filter(|node| node.is_running()) {
        let refused = cluster.submit_to(node.id(), group, "add 1").await.expect_err("it is deleted");
        assert_eq!(reason_of(&refused), reason::GROUP_NOT_FOUND, "{refused:?}");
    }
}

#[tokio::test]
async fn a_deleted_group_is_gone_from_every_node_also_after_they_are_restarted() {
    let mut cluster = with_groups().await;
    for group in ["count", "pairs"] {
        let id = delete(&cluster, 1, group).await;
        for node in [1, 2, 3] {
            is_gone_from(&cluster, node, id).await;
        }
        nobody_knows(&cluster, group).await;
        for node in [1, 2, 3] {
            cluster.node_mut(node).kill();
        }
        for node in [1, 2, 3] {
            cluster.node_mut(node).start();
        }
        cluster.ready().await;
        nobody_knows(&cluster, group).await;
        for node in [1, 2, 3] {
            is_gone_from(&cluster, node, id).await;
        }
    }
}

#[tokio::test]
async fn all_nodes_die_right_after_a_deletion_and_it_stays() {
    let mut cluster = with_groups().await;
    let id = delete(&cluster, 2, "count").await;
    for node in [1, 2, 3] {
        cluster.node_mut(node).kill();
    }
    for node in [1, 2, 3] {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    for node in [1, 2, 3] {
        is_gone_from(&cluster, node, id).await;
    }
    nobody_knows(&cluster, "count").await;
    assert_eq!(cluster.answer("pairs", "get before").await, "deletion", "the other group is whole");
}

#[tokio::test]
async fn a_node_that_was_down_destroys_what_was_deleted_meanwhile() {
    let mut cluster = with_groups().await;
    for down in [1, 2, 3] {
        let group = format!("group-{down}");
        cluster.create(&group, "counter").await;
        cluster.reply(&group, "add 1").await;
        cluster.replicas_are_equal(&group).await;
        cluster.node_mut(down).kill();
        let other = if down == 1 { 2 } else { 1 };
        let id = delete(&cluster, other, &group).await;
        cluster.node_mut(down).start();
        cluster.ready().await;
        is_gone_from(&cluster, down, id).await;
        nobody_knows(&cluster, &group).await;
    }
    cluster.replicas_are_equal("count").await;
}

#[tokio::test]
async fn a_node_that_was_down_from_creation_to_deletion_never_makes_a_replica() {
    let mut cluster = with_groups().await;
    cluster.node_mut(3).kill();
    cluster.create_on("brief", "counter", &[1, 2]).await;
    let output = cluster.quorate(&["group", "members", "add", "test/brief", "--node", "3", "--no-wait"]);
    assert_eq!(output.code, 0, "{output:?}");
    let id = delete(&cluster, 1, "brief").await;
    cluster.node_mut(3).start();
    cluster.ready().await;
    is_gone_from(&cluster, 3, id).await;
    // Its log says whatever it did.
    assert!(!cluster.node(3).log().contains("replica created"), "{}", cluster.node(3).log());
}

#[tokio::test]
async fn a_name_is_free_again_and_the_new_group_has_nothing_of_the_old_one() {
    let cluster = with_groups().await;
    let before = delete(&cluster, 1, "count").await;
    cluster.create("count", "counter").await;
    assert_eq!(cluster.answer("count", "get").await, "0");
    let after = cluster.replica(1, "count").await.expect("a replica").group;
    assert!(after > before, "{after} and {before}");
    assert_eq!(cluster.reply("count", "add 1").await, "1");
    cluster.replicas_are_equal("count").await;
    for node in [1, 2, 3] {
        is_gone_from(&cluster, node, before).await;
    }
}

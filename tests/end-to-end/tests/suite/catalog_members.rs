//! The members of the catalog's own group change: nodes join, and take the place of those that are gone for good.

use quorate_end_to_end::{Cluster, Output, Settings};
use serde_json::Value;
use std::fs;

fn members(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut all = vec!["group", "members"];
    all.extend(arguments);
    all.extend(["--timeout", "60s", "--output", "json"]);
    cluster.quorate(&all)
}

/// The nodes that are a member of this role, as the leader of the catalog tells.
fn nodes_of(report: &Value, role: &str) -> Vec<u64> {
    let members = report["members"].as_array().expect("members").iter();
    members.filter(|one| one["role"] == role).map(|one| one["node"].as_u64().expect("a node")).collect()
}

/// Three nodes that found a cluster, and a fourth that may join.
async fn three_and_one() -> Cluster {
    let settings = Settings { nodes: 4, founders: Some(3), ..Settings::default() };
    let cluster = Cluster::start_with(settings).await;
    cluster.upload("counter").await;
    cluster
}

#[tokio::test]
async fn a_node_takes_the_place_of_one_that_lost_its_disk() {
    let mut cluster = three_and_one().await;
    cluster.create_on("group", "counter", &[1, 2, 3]).await;
    assert_eq!(cluster.reply("group", "add 1").await, "1");
    cluster.node_mut(1).kill();
    fs::remove_dir_all(cluster.node(1).data()).expect("its folder is gone for good");

    cluster.node_mut(4).start();
    cluster.ready().await;
    let report = members(&cluster, &["set", "quorate/catalog", "--voters", "2,3,4"]).json();
    assert_eq!(
        (nodes_of(&report, "voter"), nodes_of(&report, "learner")),
        (vec![2, 3, 4], vec![1]),
        "{report}"
    );
    assert_eq!(report["change"], Value::Null, "{report}");
    let report = members(&cluster, &["set", "test/group", "--voters", "2,3,4"]).json();
    assert_eq!(nodes_of(&report, "voter"), [2, 3, 4], "{report}");

    // Another one goes, and the catalog takes changes all the same.
    cluster.node_mut(3).kill();
    let plugin = ["--plugin", "test/counter@1", "--nodes", "2,4"];
    let output = cluster.quorate(&[&["group", "create", "test/later"], &plugin[..]].concat());
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(cluster.reply("later", "add 7").await, "7");
    assert_eq!(cluster.reply("group", "add 1").await, "2");

    // What is configured is but a hint: all come back, and find who the members are.
    for node in [2, 4] {
        cluster.node_mut(node).kill();
    }
    for node in [4, 3, 2] {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    let report = members(&cluster, &["list", "quorate/catalog"]).json();
    assert_eq!(nodes_of(&report, "voter"), [2, 3, 4], "{report}");
    assert_eq!(cluster.reply("group", "add 1").await, "3");
}

#[tokio::test]
async fn a_change_that_the_catalog_would_not_survive_is_refused() {
    let mut cluster = three_and_one().await;
    let refused = |cluster: &Cluster, arguments: &[&str], reason: &str| {
        let output = members(cluster, arguments);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.stderr.contains(reason), "{output:?}");
    };
    // Node 4 has not joined.
    refused(&cluster, &["add", "quorate/catalog", "--node", "4"], "NODE_NOT_FOUND");
    refused(&cluster, &["add", "quorate/catalog", "--node", "2", "--learner"], "INVALID_ARGUMENT");
    refused(&cluster, &["remove", "quorate/catalog", "--node", "1,2,3"], "INVALID_ARGUMENT");
    cluster.node_mut(4).start();
    cluster.ready().await;
    let report = members(&cluster, &["list", "quorate/catalog"]).json();
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "learner")), (vec![1, 2, 3], vec![4]));
    // It votes, and follows again.
    let report = members(&cluster, &["add", "quorate/catalog", "--node", "4"]).json();
    assert_eq!(nodes_of(&report, "voter"), [1, 2, 3, 4]);
    let report = members(&cluster, &["remove", "quorate/catalog", "--node", "4"]).json();
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "learner")), (vec![1, 2, 3], vec![4]));
    cluster.node_mut(3).kill();
    cluster.node_mut(4).kill();
    wait_until_gone(&cluster).await;
    refused(&cluster, &["set", "quorate/catalog", "--voters", "3,4"], "NOT_ENOUGH_NODES");
}

/// Waits until the others have not heard of nodes 3 and 4 for a while.
async fn wait_until_gone(cluster: &Cluster) {
    quorate_end_to_end::wait::until("nodes 3 and 4 are gone", || async {
        let nodes = cluster.quorate(&["node", "list", "--output", "json"]).json();
        let gone = nodes["nodes"].as_array().expect("nodes").iter().filter(|node| node["reachable"] == false);
        if gone.count() == 2 { Ok(()) } else { Err(nodes.to_string()) }
    })
    .await;
}

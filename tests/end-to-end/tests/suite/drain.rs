//! Nodes are emptied, and used again.

use quorate_end_to_end::{Cluster, Output, Settings, wait};
use serde_json::Value;

fn drain(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut all = vec!["node", "drain"];
    all.extend(arguments);
    all.extend(["--wait", "60s", "--timeout", "30s", "--output", "json"]);
    cluster.quorate(&all)
}

/// What has moved where, by group.
fn moves(report: &Value) -> Vec<(String, Option<u64>)> {
    let moves = report["moves"].as_array().expect("moves").iter();
    moves.map(|one| (one["group"].as_str().expect("a group").to_owned(), one["to_node"].as_u64())).collect()
}

fn reason(output: &Output) -> String {
    assert_eq!(output.code, 1, "{output:?}");
    let error: Value = serde_json::from_str(&output.stderr).expect("JSON");
    error["error"]["reason"].as_str().expect("a reason").to_owned()
}

/// How the catalog's list shows a node.
fn listed(cluster: &Cluster, node: u64) -> Value {
    let list = cluster.quorate(&["node", "list", "--output", "json"]).json();
    let nodes = list["nodes"].as_array().expect("nodes");
    nodes.iter().find(|one| one["id"] == node).expect("the node").clone()
}

#[tokio::test]
async fn a_node_that_is_drained_can_be_stopped_for_good() {
    let settings = Settings { nodes: 4, founders: Some(3), ..Settings::default() };
    let mut cluster = Cluster::start_with(settings).await;
    cluster.node_mut(4).start();
    cluster.ready().await;
    cluster.upload("counter").await;
    cluster.create_on("one", "counter", &[1, 2, 3]).await;
    cluster.create_on("two", "counter", &[2, 3]).await;
    cluster.create_on("elsewhere", "counter", &[1, 2]).await;
    for group in ["one", "two"] {
        assert_eq!(cluster.reply(group, "add 3").await, "3");
    }

    let planned = drain(&cluster, &["3", "--dry-run"]).json();
    assert_eq!(listed(&cluster, 3)["draining"], false, "nothing was done");
    let report = drain(&cluster, &["3"]).json();
    let groups: Vec<String> = moves(&report).into_iter().map(|(group, _)| group).collect();
    assert_eq!(groups, ["test/one", "test/two", "quorate/catalog"], "{report}");
    assert_eq!(moves(&report)[0].1, Some(4), "no other is free: {report}");
    assert_eq!(moves(&report)[2].1, Some(4), "it votes in the catalog instead: {report}");
    assert_eq!(moves(&planned), moves(&report), "it did what it had said");

    let row = listed(&cluster, 3);
    assert_eq!((&row["draining"], row["replicas"].as_u64()), (&Value::Bool(true), Some(0)), "{row}");
    let refused = cluster.quorate(&[
        "group",
        "create",
        "test/more",
        "--plugin",
        "test/counter@1",
        "--nodes",
        "1,3",
        "--output",
        "json",
    ]);
    assert_eq!(reason(&refused), "NODE_DRAINING");
    wait::until("its data is destroyed", || async {
        let replicas = cluster.status(3).await?.replicas;
        if replicas.len() == 1 { Ok(()) } else { Err(format!("{replicas:?}")) }
    })
    .await;
    cluster.node_mut(3).kill();
    for group in ["one", "two"] {
        assert_eq!(cluster.reply(group, "add 1").await, "4", "nothing is missing");
    }
    cluster.create_on("later", "counter", &[1, 2, 4]).await;
    assert_eq!(cluster.reply("later", "add 1").await, "1");
}

#[tokio::test]
async fn what_finds_no_other_node_stays_and_keeps_nobody_from_leaving() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create_on("everywhere", "counter", &[1, 2, 3]).await;
    cluster.create_on("pair", "counter", &[1, 3]).await;
    let output = drain(&cluster, &["3"]);
    assert_eq!(reason(&output), "NOT_ENOUGH_NODES");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let expected = [("test/everywhere", None), ("test/pair", Some(2)), ("quorate/catalog", None)];
    let moved = moves(&report);
    assert_eq!(moved.iter().map(|(group, to)| (group.as_str(), *to)).collect::<Vec<_>>(), expected);
    assert_eq!(cluster.reply("everywhere", "add 1").await, "1", "it has three as before");
    assert_eq!(cluster.reply("pair", "add 1").await, "1");
    assert_eq!(listed(&cluster, 3)["replicas"], 1);

    // A group that leaves it to the cluster where it goes does without the node, until that is used again.
    let create = |name: &str, replicas: &str| {
        let name = format!("test/{name}");
        let plugin = ["--plugin", "test/counter@1", "--replicas", replicas, "--output", "json"];
        cluster.quorate(&[&["group", "create", name.as_str()], plugin.as_slice()].concat())
    };
    assert_eq!(reason(&create("three", "3")), "NOT_ENOUGH_NODES");
    assert_eq!(create("two", "2").code, 0);
    assert_eq!(cluster.quorate(&["node", "activate", "3"]).code, 0);
    assert_eq!(create("three", "3").code, 0);
    assert_eq!(reason(&cluster.quorate(&["node", "drain", "9", "--output", "json"])), "NODE_NOT_FOUND");
}

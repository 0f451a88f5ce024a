//! Groups change their members while they run.

use quorate_end_to_end::{Cluster, Output, Settings, wait};
use quorate_proto::v1::{ListNodesRequest, ReplicaRole, nodes_client::NodesClient};
use serde_json::Value;

/// As long as a test may wait.
const TIMEOUT: &str = "60s";

/// Four nodes, and the group `test/count` on the first three, with a count of 3.
async fn three_of_four(plugin: &str) -> Cluster {
    let cluster = Cluster::start_with(Settings { nodes: 4, ..Settings::default() }).await;
    cluster.upload(plugin).await;
    cluster.create_on("group", plugin, &[1, 2, 3]).await;
    for number in 1..=3 {
        write(&cluster, plugin, number).await;
    }
    cluster
}

async fn write(cluster: &Cluster, plugin: &str, number: u64) {
    let command = if plugin == "kv" { format!("put key-{number} {number}") } else { "add 1".to_owned() };
    cluster.submit("group", &command).await;
}

/// Whether all that was written up to this number is there.
async fn holds(cluster: &Cluster, plugin: &str, number: u64) {
    let request = if plugin == "kv" { format!("get key-{number}") } else { "get".to_owned() };
    assert_eq!(cluster.answer("group", &request).await, number.to_string());
}

fn members(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut all = vec!["group", "members"];
    all.extend(arguments);
    all.extend(["--timeout", TIMEOUT, "--output", "json"]);
    cluster.quorate(&all)
}

/// The nodes with a member of this role.
fn nodes_of(report: &Value, role: &str) -> Vec<u64> {
    let members = report["members"].as_array().expect("members").iter();
    members.filter(|one| one["role"] == role).map(|one| one["node"].as_u64().expect("a node")).collect()
}

fn reason(output: &Output) -> String {
    assert_eq!(output.code, 1, "{output:?}");
    let error: Value = serde_json::from_str(&output.stderr).expect("JSON");
    error["error"]["reason"].as_str().expect("a reason").to_owned()
}

/// Waits until a node holds no replica of the group, and nothing of it is on its disk but the log's own files.
async fn is_gone_from(cluster: &Cluster, node: u64, group: u64) {
    wait::until(&format!("node {node} holds nothing of the group"), || async {
        let status = cluster.status(node).await?;
        if status.replicas.iter().any(|replica| replica.group == group) {
            return Err("it holds a replica".to_owned());
        }
        let snapshots = cluster.node(node).data().join("snapshots");
        let folders = std::fs::read_dir(snapshots).map_err(|error| error.to_string())?;
        let names: Vec<String> = folders
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        match names.iter().find(|name| name.trim_start_matches('0') == group.to_string()) {
            Some(name) => Err(format!("its snapshots are there: {name}")),
            None => Ok(()),
        }
    })
    .await;
}

async fn number_of(cluster: &Cluster) -> u64 {
    cluster.replica(1, "group").await.expect("a replica").group
}

async fn a_node_joins_and_votes(plugin: &str) {
    let mut cluster = three_of_four(plugin).await;
    let report = members(&cluster, &["add", "test/group", "--node", "4"]).json();
    assert_eq!(nodes_of(&report, "voter"), [1, 2, 3, 4], "{report}");
    assert_eq!(report["change"], Value::Null, "{report}");
    write(&cluster, plugin, 4).await;
    cluster.replicas_are_equal("group").await;
    // It is one of the three that a majority of four needs.
    cluster.node_mut(1).kill();
    write(&cluster, plugin, 5).await;
    holds(&cluster, plugin, 5).await;
    cluster.node_mut(1).start();
    cluster.ready().await;
    cluster.replicas_are_equal("group").await;
}

#[tokio::test]
async fn a_node_joins_a_memory_machine_and_votes() {
    a_node_joins_and_votes("counter").await;
}

#[tokio::test]
async fn a_node_joins_a_store_machine_and_votes() {
    a_node_joins_and_votes("kv").await;
}

#[tokio::test]
async fn a_learner_follows_and_is_promoted() {
    let cluster = three_of_four("counter").await;
    let report = members(&cluster, &["add", "test/group", "--node", "4", "--learner"]).json();
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "learner")), (vec![1, 2, 3], vec![4]));
    cluster.replicas_are_equal("group").await;
    assert_eq!(cluster.replica(4, "group").await.expect("a replica").role(), ReplicaRole::Learner);
    // Adding it once more is no change, and adding it as something else is none that adding makes.
    assert_eq!(
        members(&cluster, &["add", "test/group", "--node", "4", "--learner"]).json(),
        report_of(&cluster)
    );
    assert_eq!(reason(&members(&cluster, &["add", "test/group", "--node", "4"])), "INVALID_ARGUMENT");
    let report = members(&cluster, &["promote", "test/group", "--node", "4"]).json();
    assert_eq!(nodes_of(&report, "voter"), [1, 2, 3, 4]);
    let output = cluster.quorate(&["group", "transfer", "test/group", "--to", "4"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(cluster.reply("group", "add 1").await, "4");
}

fn report_of(cluster: &Cluster) -> Value {
    members(cluster, &["list", "test/group"]).json()
}

#[tokio::test]
async fn a_replica_that_is_removed_is_destroyed_and_comes_back_as_another() {
    let cluster = three_of_four("kv").await;
    let group = number_of(&cluster).await;
    let output = cluster.quorate(&["group", "snapshot", "test/group"]);
    assert_eq!(output.code, 0, "{output:?}");
    for node in [3, 1] {
        let before = cluster.replica(node, "group").await.expect("a replica").replica;
        // Whoever leads: also the leader is removed.
        let output = cluster.quorate(&["group", "transfer", "test/group", "--to", &node.to_string()]);
        assert_eq!(output.code, 0, "{output:?}");
        let report = members(&cluster, &["remove", "test/group", "--node", &node.to_string()]).json();
        assert_eq!(nodes_of(&report, "voter").len(), 2, "{report}");
        is_gone_from(&cluster, node, group).await;
        write(&cluster, "kv", 4).await;
        let report = members(&cluster, &["add", "test/group", "--node", &node.to_string()]).json();
        assert_eq!(nodes_of(&report, "voter"), [1, 2, 3], "{report}");
        cluster.replicas_are_equal_on("group", &[1, 2, 3]).await;
        let after = cluster.replica(node, "group").await.expect("a replica").replica;
        assert!(after > before, "{after} and {before}");
    }
    holds(&cluster, "kv", 4).await;
}

async fn members_are_exchanged(plugin: &str, voters: &str, kept: &[u64]) {
    let cluster = three_of_four(plugin).await;
    let group = number_of(&cluster).await;
    let report = members(&cluster, &["set", "test/group", "--voters", voters]).json();
    assert_eq!(nodes_of(&report, "voter"), kept, "{report}");
    write(&cluster, plugin, 4).await;
    holds(&cluster, plugin, 4).await;
    cluster.replicas_are_equal_on("group", kept).await;
    for node in (1..=4).filter(|node| !kept.contains(node)) {
        is_gone_from(&cluster, node, group).await;
    }
}

#[tokio::test]
async fn one_of_three_is_exchanged_in_one_change() {
    members_are_exchanged("counter", "2,3,4", &[2, 3, 4]).await;
}

#[tokio::test]
async fn a_whole_group_moves_to_another_node() {
    members_are_exchanged("kv", "4", &[4]).await;
}

#[tokio::test]
async fn a_change_goes_on_when_leaders_die_and_nodes_are_down() {
    let mut cluster = three_of_four("counter").await;
    cluster.node_mut(4).kill();
    let taken = members(&cluster, &["add", "test/group", "--node", "4", "--no-wait"]).json();
    assert_eq!(taken["under_way"], true, "{taken}");
    wait::until("the change waits for the node that is down", || async {
        let report = report_of(&cluster);
        let waits_for = report["change"]["waits_for"].as_str().unwrap_or_default();
        if waits_for.contains("node 4") { Ok(()) } else { Err(report.to_string()) }
    })
    .await;
    // Nobody waits for it for ever.
    let impatient = ["group", "members", "add", "test/group", "--node", "4,3", "--timeout", "1s"];
    let output = cluster.quorate(&[&impatient[..], &["--output", "json"]].concat());
    assert_eq!(reason(&output), "MEMBERS_CHANGING");
    // Every node that knows of it goes down, one after the other.
    for _ in 0..2 {
        let leader = cluster.leader("group").await;
        cluster.node_mut(leader).kill();
        cluster.node_mut(leader).start();
    }
    cluster.reply("group", "add 1").await;
    cluster.node_mut(4).start();
    cluster.ready().await;
    wait::until("the change is brought about", || async {
        let report = report_of(&cluster);
        if report["change"].is_null() { Ok(()) } else { Err(report.to_string()) }
    })
    .await;
    assert_eq!(nodes_of(&report_of(&cluster), "voter"), [1, 2, 3, 4]);
    cluster.replicas_are_equal("group").await;
}

#[tokio::test]
async fn a_change_that_cannot_be_brought_about_is_taken_back() {
    let mut cluster = three_of_four("counter").await;
    let group = number_of(&cluster).await;
    cluster.node_mut(4).kill();
    let taken = members(&cluster, &["add", "test/group", "--node", "4", "--no-wait"]).json();
    assert_eq!(taken["voters"], serde_json::json!([1, 2, 3, 4]), "{taken}");
    let report = members(&cluster, &["remove", "test/group", "--node", "4"]).json();
    assert_eq!((nodes_of(&report, "voter"), &report["change"]), (vec![1, 2, 3], &Value::Null), "{report}");
    cluster.node_mut(4).start();
    cluster.ready().await;
    is_gone_from(&cluster, 4, group).await;
    assert_eq!(cluster.reply("group", "add 1").await, "4");
}

#[tokio::test]
async fn members_that_no_group_can_have_are_refused_with_a_reason() {
    let mut cluster = three_of_four("counter").await;
    let refused = |arguments: &[&str]| reason(&members(&cluster, arguments));
    assert_eq!(refused(&["add", "test/group", "--node", "9"]), "NODE_NOT_FOUND");
    assert_eq!(refused(&["add", "test/none", "--node", "4"]), "GROUP_NOT_FOUND");
    assert_eq!(refused(&["remove", "test/group", "--node", "4"]), "MEMBER_NOT_FOUND");
    assert_eq!(refused(&["promote", "test/group", "--node", "4"]), "MEMBER_NOT_FOUND");
    assert_eq!(refused(&["remove", "test/group", "--node", "1,2,3"]), "INVALID_ARGUMENT");
    assert_eq!(refused(&["set", "test/group", "--voters", "1,1"]), "INVALID_ARGUMENT");
    cluster.node_mut(3).kill();
    for node in [1, 2, 4] {
        wait::until(&format!("node {node} misses the one that is down"), || async {
            let mut client = NodesClient::new(cluster.channel(node).await);
            let nodes =
                client.list(ListNodesRequest {}).await.map_err(|status| status.to_string())?.into_inner();
            if nodes.nodes.iter().any(|node| node.id == 3 && node.reachable) {
                return Err("it can be reached".to_owned());
            }
            Ok(())
        })
        .await;
    }
    let refused = |arguments: &[&str]| reason(&members(&cluster, arguments));
    assert_eq!(refused(&["remove", "test/group", "--node", "2"]), "NOT_ENOUGH_NODES");
    // The one that is down may go; its vote is not missed.
    let report = members(&cluster, &["remove", "test/group", "--node", "3"]).json();
    assert_eq!(nodes_of(&report, "voter"), [1, 2]);
    assert_eq!(report_of(&cluster)["change"], Value::Null);
    assert_eq!(cluster.reply("group", "add 1").await, "4");
    let group = number_of(&cluster).await;
    cluster.node_mut(3).start();
    cluster.ready().await;
    is_gone_from(&cluster, 3, group).await;
}

#[tokio::test]
async fn a_group_that_sleeps_is_shown_as_such_and_changes_its_members_all_the_same() {
    let cluster = three_of_four("kv").await;
    wait::until("every replica sleeps", || async {
        for node in [1, 2, 3] {
            let replica = cluster.replica(node, "group").await?;
            if !replica.asleep {
                return Err(format!("{replica:?}"));
            }
        }
        Ok(())
    })
    .await;
    let shown = cluster.quorate(&["group", "describe", "test/group"]);
    assert!(shown.stdout.contains("asleep"), "{shown:?}");
    let report = members(&cluster, &["set", "test/group", "--voters", "2,3,4"]).json();
    assert_eq!(nodes_of(&report, "voter"), [2, 3, 4], "{report}");
    holds(&cluster, "kv", 3).await;
}

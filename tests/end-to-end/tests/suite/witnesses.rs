//! Groups with a witness: a member that votes and holds no data.

use quorate_end_to_end::{Cluster, Settings, damage, wait};
use quorate_proto::v1::{NodeStatusRequest, ReplicaRole, nodes_client::NodesClient};
use serde_json::Value;
use std::fs;

/// A command of which nothing may be found on the disk of a witness.
const SECRET: &str = "put where-the-treasure-is under-the-old-oak";

/// The nodes of a group's members of this role, as its leader tells.
fn nodes_of(report: &Value, role: &str) -> Vec<u64> {
    let members = report["members"].as_array().expect("members").iter();
    members.filter(|one| one["role"] == role).map(|one| one["node"].as_u64().expect("a node")).collect()
}

fn members(cluster: &Cluster, arguments: &[&str]) -> Value {
    let mut all = vec!["group", "members"];
    all.extend(arguments);
    all.extend(["--timeout", "60s", "--output", "json"]);
    cluster.quorate(&all).json()
}

fn create(cluster: &Cluster, plugin: &str, arguments: &[&str]) -> quorate_end_to_end::Output {
    let plugin = format!("test/{plugin}@1");
    let mut all = vec!["group", "create", "test/group", "--plugin", &plugin];
    all.extend(arguments);
    cluster.quorate(&all)
}

/// Data on nodes 1 and 2, a witness on node 3.
async fn with_witness() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload("kv").await;
    let output = create(&cluster, "kv", &["--nodes", "1,2", "--witness-nodes", "3"]);
    assert_eq!(output.code, 0, "{output:?}");
    cluster.submit("group", "put before 1").await;
    cluster
}

/// Which files of a node's data folder hold these bytes.
fn files_with(cluster: &Cluster, node: u64, needle: &str) -> Vec<String> {
    let files = damage::files(&cluster.node(node).data(), "");
    let holds = |path: &std::path::PathBuf| {
        let content = fs::read(path).unwrap_or_default();
        content.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    files.into_iter().filter(holds).map(|path| path.display().to_string()).collect()
}

/// Waits until the witness on a node has as long a log as the leader.
async fn witness_has_all(cluster: &Cluster, node: u64) {
    wait::until("the witness has all entries", || async {
        let mut longest = 0;
        for one in cluster.nodes().iter().filter(|one| one.is_running()) {
            let replica = cluster.replica(one.id(), "group").await;
            longest = longest.max(replica.map_or(0, |replica| replica.log_last));
        }
        let witness = cluster.replica(node, "group").await?;
        let has_all = witness.log_last == longest && witness.committed == longest;
        if has_all { Ok(()) } else { Err(format!("{} of {longest}", witness.log_last)) }
    })
    .await;
}

#[tokio::test]
async fn a_witness_holds_no_command_and_a_data_node_may_be_lost() {
    let mut cluster = with_witness().await;
    cluster.submit("group", SECRET).await;
    witness_has_all(&cluster, 3).await;
    let needle = "under-the-old-oak";
    assert_eq!(files_with(&cluster, 3, needle), Vec::<String>::new());
    assert_ne!(files_with(&cluster, 1, needle), Vec::<String>::new(), "where it is it can be found");

    let witness = cluster.replica(3, "group").await.expect("a witness");
    assert_eq!((witness.role(), witness.applied, witness.snapshot_bytes), (ReplicaRole::Witness, 0, 0));
    let report = members(&cluster, &["list", "test/group"]);
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "witness")), (vec![1, 2], vec![3]));

    // Either of the data nodes, once the other keeps step: before, what is acknowledged may be on one disk alone.
    for gone in [1, 2] {
        cluster.replicas_are_equal_on("group", &[1, 2]).await;
        cluster.node_mut(gone).kill();
        cluster.submit("group", &format!("put without-{gone} 1")).await;
        assert_eq!(cluster.answer("group", "get where-the-treasure-is").await, "under-the-old-oak");
        cluster.node_mut(gone).start();
        cluster.ready().await;
        cluster.replicas_are_equal_on("group", &[1, 2]).await;
        cluster.submit("group", "put both 1").await;
        cluster.replicas_are_equal_on("group", &[1, 2]).await;
    }
    assert_eq!(files_with(&cluster, 3, needle), Vec::<String>::new());
}

#[tokio::test]
async fn a_witness_may_be_lost_and_restarts() {
    let mut cluster = with_witness().await;
    cluster.node_mut(3).kill();
    cluster.submit("group", "put without-the-witness 1").await;
    cluster.node_mut(3).start();
    cluster.ready().await;
    witness_has_all(&cluster, 3).await;
    // And it counts again.
    cluster.node_mut(2).kill();
    cluster.submit("group", "put with-the-witness 1").await;
    assert_eq!(cluster.answer("group", "get with-the-witness").await, "1");
}

#[tokio::test]
async fn a_witness_names_the_leader_and_never_leads() {
    let cluster = with_witness().await;
    // Asked first, it sends to the leader whoever asks.
    let witness = cluster.node(3).address().to_owned();
    for arguments in [["submit", "test/group", "put asked 3"], ["query", "test/group", "get before"]] {
        let output = quorate_end_to_end::quorate(&witness, &arguments, "");
        assert_eq!(output.code, 0, "{output:?}");
    }
    let output = cluster.quorate(&["group", "transfer", "test/group", "--to", "3", "--output", "json"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("TRANSFER_FAILED") && output.stderr.contains("witness"), "{output:?}");
    let output = cluster.quorate(&[
        "group",
        "priority",
        "test/group",
        "--node",
        "3",
        "--priority",
        "9",
        "--output",
        "json",
    ]);
    assert!(output.stderr.contains("never leads"), "{output:?}");
    let mut client = NodesClient::new(cluster.channel(3).await);
    let status = client.status(NodeStatusRequest {}).await.expect("its status").into_inner();
    assert!(status.replicas.iter().any(|replica| replica.role() == ReplicaRole::Witness));
}

#[tokio::test]
async fn a_witness_is_added_to_a_group_and_removed() {
    let mut cluster = Cluster::start_with(Settings { nodes: 4, ..Settings::default() }).await;
    cluster.upload("counter").await;
    cluster.create_on("group", "counter", &[1, 2]).await;
    for _ in 0..3 {
        cluster.submit("group", "add 1").await;
    }
    let output = cluster.quorate(&["group", "members", "add", "test/group", "--node", "3", "--witness"]);
    assert_eq!(output.code, 0, "{output:?}");
    let report = members(&cluster, &["list", "test/group"]);
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "witness")), (vec![1, 2], vec![3]));
    // More than one would be too many, and it is never made into something else.
    for arguments in [["add", "--witness"], ["promote", ""]] {
        let node = if arguments[0] == "add" { "4" } else { "3" };
        let all = ["group", "members", arguments[0], "test/group", "--node", node, arguments[1]];
        let all: Vec<&str> = all.into_iter().filter(|one| !one.is_empty()).collect();
        let output = cluster.quorate(&all);
        assert_eq!(output.code, 1, "{output:?}");
    }
    witness_has_all(&cluster, 3).await;
    cluster.replicas_are_equal_on("group", &[1, 2]).await;
    cluster.node_mut(1).kill();
    assert_eq!(cluster.reply("group", "add 1").await, "4");
    cluster.node_mut(1).start();
    cluster.ready().await;
    // All in one: the witness goes elsewhere, and where it was comes a voter with data.
    let output = cluster.quorate(&["group", "members", "remove", "test/group", "--node", "3"]);
    assert_eq!(output.code, 0, "{output:?}");
    let report = members(&cluster, &["set", "test/group", "--voters", "1,2,3", "--witnesses", "4"]);
    assert_eq!((nodes_of(&report, "voter"), nodes_of(&report, "witness")), (vec![1, 2, 3], vec![4]));
    cluster.replicas_are_equal_on("group", &[1, 2, 3]).await;
    assert_eq!(cluster.reply("group", "add 1").await, "5");
}

#[tokio::test]
async fn the_cluster_chooses_where_witnesses_are() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    let output = create(&cluster, "counter", &["--witnesses", "1"]);
    assert_eq!(output.code, 0, "{output:?}");
    let report = members(&cluster, &["list", "test/group"]);
    assert_eq!((nodes_of(&report, "voter").len(), nodes_of(&report, "witness").len()), (2, 1));
    assert_eq!(cluster.reply("group", "add 1").await, "1");
    let output = create(&cluster, "counter", &["--replicas", "2", "--witnesses", "2"]);
    assert_eq!(output.code, 1, "{output:?}");
}

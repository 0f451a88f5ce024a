//! Checkpoints of memory machines in the background, on real processes.

use quorate_end_to_end::{Cluster, Settings, wait};

const CONFIGURATION: &str = "[snapshots]\nentries = 20\nlog_margin_entries = 5\n";

async fn cluster() -> Cluster {
    let settings = Settings { configuration: CONFIGURATION.to_owned(), ..Settings::default() };
    let cluster = Cluster::start_with(settings).await;
    cluster.upload("counter").await;
    let create =
        ["group", "create", "test/count", "--plugin", "test/counter@1", "--checkpoints", "background"];
    let output = cluster.quorate(&create);
    assert_eq!(output.code, 0, "{output:?}");
    assert_mode(&cluster, "background");
    cluster
}

fn assert_mode(cluster: &Cluster, mode: &str) {
    let described = cluster.quorate(&["group", "describe", "test/count"]);
    assert!(described.stdout.contains(&format!("memory machine, {mode} checkpoints")), "{described:?}");
}

/// Adds ones until a node has a snapshot behind this index, and says how many.
async fn add_until_snapshot(cluster: &Cluster, node: u64, behind: u64) -> u64 {
    for added in 1..2_000 {
        cluster.submit("count", "add 1").await;
        if cluster.replica(node, "count").await.expect("a replica").snapshot_index > behind {
            return added;
        }
    }
    panic!("no snapshot is taken")
}

#[tokio::test]
async fn the_way_of_taking_checkpoints_is_changed_under_way() {
    let mut cluster = cluster().await;
    let mut total = add_until_snapshot(&cluster, 1, 0).await;
    for mode in ["inline", "background"] {
        let changed = cluster.quorate(&["group", "checkpoints", "test/count", mode]);
        assert_eq!(changed.code, 0, "{changed:?}");
        assert_mode(&cluster, mode);
        let newest = cluster.replica(2, "count").await.expect("a replica").snapshot_index;
        total += add_until_snapshot(&cluster, 2, newest).await;
    }
    cluster.node_mut(3).kill();
    cluster.node_mut(3).start();
    cluster.ready().await;
    cluster.replicas_are_equal("count").await;
    assert_eq!(cluster.answer("count", "get").await, total.to_string());
}

#[tokio::test]
async fn checkpoints_are_taken_over_and_survive_restarts_of_any_node() {
    let mut cluster = cluster().await;
    let mut total = 0;
    let mut newest = 0;
    for node in [1, 2, 3, 1] {
        total += add_until_snapshot(&cluster, node, newest).await;
        newest = cluster.replica(node, "count").await.expect("a replica").snapshot_index;
        cluster.node_mut(node).kill();
        for _ in 0..15 {
            cluster.submit("count", "add 1").await;
        }
        total += 15;
        cluster.node_mut(node).start();
        cluster.ready().await;
        cluster.replicas_are_equal("count").await;
    }
    assert_eq!(cluster.answer("count", "get").await, total.to_string());
    for node in [1, 2, 3] {
        cluster.node_mut(node).kill();
    }
    for node in [1, 2, 3] {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    cluster.replicas_are_equal("count").await;
    assert_eq!(cluster.reply("count", "add 1").await, (total + 1).to_string());
}

#[tokio::test]
async fn a_follower_that_is_far_behind_gets_such_a_checkpoint() {
    let mut cluster = cluster().await;
    let leader = cluster.leader("count").await;
    let follower = if leader == 1 { 2 } else { 1 };
    let behind = cluster.replica(follower, "count").await.expect("a replica").log_last;
    cluster.node_mut(follower).kill();
    let mut total = 0;
    loop {
        cluster.submit("count", "add 1").await;
        total += 1;
        assert!(total < 2_000, "the log is never cut");
        let leader = cluster.leader("count").await;
        if cluster.replica(leader, "count").await.expect("a replica").log_first > behind + 1 {
            break;
        }
    }
    cluster.node_mut(follower).start();
    cluster.ready().await;
    cluster.replicas_are_equal("count").await;
    let restored = cluster.replica(follower, "count").await.expect("a replica");
    assert!(restored.log_first > behind + 1, "the entries were sent, not a snapshot: {restored:?}");
    assert_eq!(cluster.reply("count", "add 1").await, (total + 1).to_string());
}

#[tokio::test]
async fn a_snapshot_that_is_asked_for_is_answered_when_it_is_taken_over() {
    let cluster = cluster().await;
    cluster.submit("count", "add 1").await;
    let taken = wait::until("a snapshot is taken", || async {
        let output = cluster.quorate(&["group", "snapshot", "test/count", "--output", "json"]);
        if output.code == 0 { Ok(output.json()) } else { Err(output.stderr) }
    })
    .await;
    let leader = cluster.leader("count").await;
    let replica = cluster.replica(leader, "count").await.expect("a replica");
    assert_eq!(taken["index"].as_u64(), Some(replica.snapshot_index), "{replica:?}");
}

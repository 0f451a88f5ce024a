//! Snapshots are taken, cut the log, and reach replicas that are too far behind.

use quorate_end_to_end::{Cluster, Settings, wait};
use quorate_proto::v1::{SnapshotGroupRequest, groups_client::GroupsClient};

/// Snapshots so often that a test has many.
fn eager() -> Settings {
    Settings {
        configuration: "[snapshots]\nentries = 20\nlog_margin_entries = 5\n".to_owned(),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_follower_whose_entries_are_gone_gets_a_snapshot() {
    let mut cluster = Cluster::start_with(eager()).await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    for group in ["count", "pairs"] {
        let leader = cluster.leader(group).await;
        let follower = if leader == 1 { 2 } else { 1 };
        let behind = cluster.replica(follower, group).await.expect("a replica").log_last;
        cluster.node_mut(follower).kill();
        let mut step = 0;
        loop {
            step += 1;
            assert!(step < 2000, "the log of {group} is never cut");
            let command =
                if group == "count" { "add 1".to_owned() } else { format!("put key-{step} value-{step}") };
            cluster.submit(group, &command).await;
            let leader = cluster.leader(group).await;
            if cluster.replica(leader, group).await.expect("a replica").log_first > behind + 1 {
                break;
            }
        }
        cluster.node_mut(follower).start();
        cluster.ready().await;
        cluster.replicas_are_equal(group).await;
        let restored = cluster.replica(follower, group).await.expect("a replica");
        assert!(restored.log_first > behind + 1, "the entries were sent, not a snapshot: {restored:?}");
    }
}

#[tokio::test]
async fn a_snapshot_is_taken_on_demand_and_survives_a_restart() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    for group in ["count", "pairs"] {
        for step in 1..=5 {
            let command =
                if group == "count" { "add 1".to_owned() } else { format!("put key-{step} {step}") };
            cluster.submit(group, &command).await;
        }
        let taken = wait::until("a snapshot is taken", || async {
            let leader = cluster.leader(group).await;
            let mut client = GroupsClient::new(cluster.channel(leader).await);
            let taken = client.snapshot(SnapshotGroupRequest { name: format!("test/{group}") }).await;
            taken.map(tonic::Response::into_inner).map_err(|status| status.to_string())
        })
        .await;
        assert!(taken.index > 0 && taken.size_bytes > 0, "{taken:?}");
        let leader = cluster.leader(group).await;
        let replica = cluster.replica(leader, group).await.expect("a replica");
        assert!(replica.snapshot_index >= taken.index, "{replica:?}");
        assert!(
            replica.log_bytes.is_some_and(|bytes| bytes > 25),
            "five commands are in the log: {replica:?}"
        );
    }
    for node in [1, 2, 3] {
        cluster.node_mut(node).kill();
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    assert_eq!(cluster.answer("count", "get").await, "5");
    assert_eq!(cluster.answer("pairs", "get key-5").await, "5");
    cluster.replicas_are_equal("count").await;
    cluster.replicas_are_equal("pairs").await;
}

#[tokio::test]
async fn snapshots_are_taken_when_time_has_passed_and_enough_is_new() {
    let settings = Settings {
        configuration: "[snapshots]\ninterval_ms = 1000\ninterval_entries_min = 10\n".to_owned(),
        ..Settings::default()
    };
    let cluster = Cluster::start_with(settings).await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    cluster.create("quiet", "kv").await;
    cluster.submit("quiet", "put key value").await;
    for step in 0..20 {
        cluster.submit("count", "add 1").await;
        cluster.submit("pairs", &format!("put key-{step} value")).await;
    }
    for group in ["count", "pairs"] {
        for node in [1, 2, 3] {
            wait::until("a snapshot is taken", || async {
                let replica = cluster.replica(node, group).await?;
                if replica.snapshot_index > 10 { Ok(()) } else { Err(format!("{replica:?}")) }
            })
            .await;
        }
    }
    for node in [1, 2, 3] {
        let quiet = cluster.replica(node, "quiet").await.expect("a replica");
        assert_eq!(quiet.snapshot_index, 0, "too little is new: {quiet:?}");
    }
}

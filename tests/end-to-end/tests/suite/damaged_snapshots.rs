//! Snapshots whose files are damaged or gone.

use quorate_end_to_end::{Cluster, Settings, damage, wait};
use quorate_proto::v1::Consistency;
use std::{fs, path::PathBuf};

const VICTIM: u64 = 3;
const COMMANDS: u64 = 60;

/// A counter whose log is cut behind snapshots on all nodes, and the victim is stopped.
async fn with_snapshots() -> Cluster {
    let configuration = "[snapshots]\nentries = 20\nlog_margin_entries = 5\n".to_owned();
    let mut cluster = Cluster::start_with(Settings { configuration, ..Settings::default() }).await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    for _ in 0..COMMANDS {
        cluster.reply("count", "add 1").await;
    }
    wait::until("every log is cut", || async {
        for node in [1, 2, 3] {
            let replica = cluster.replica(node, "count").await?;
            if replica.log_first <= 1 || replica.snapshot_index == 0 {
                return Err(format!("{replica:?}"));
            }
        }
        Ok(())
    })
    .await;
    cluster.replicas_are_equal("count").await;
    assert!(cluster.node_mut(VICTIM).terminate().success());
    cluster
}

/// The folders of the snapshots of the counter on the victim.
fn snapshots(cluster: &Cluster, file: &str) -> Vec<PathBuf> {
    let mut found = damage::files(&cluster.node(VICTIM).data().join("snapshots"), file);
    found.retain(|path| !path.to_string_lossy().contains("snapshots/0/"));
    assert!(!found.is_empty(), "no snapshots");
    found
}

/// Starts the victim with what was done to its files. Its replica is not to say anything wrong, and comes back by itself: with
/// what is left, or as a new one in its place.
async fn comes_back(cluster: &mut Cluster) {
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    cluster.reply("count", "add 1").await;
    let right = (COMMANDS + 1).to_string();
    wait::until("the replica serves what is right", || async {
        let answered = cluster.query_at(VICTIM, "count", "get", Consistency::Linearizable).await;
        let answered = answered.map_err(|status| format!("{status:?}"))?;
        assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), right);
        Ok(())
    })
    .await;
    cluster.replicas_are_equal("count").await;
    let answered = cluster.query_at(VICTIM, "count", "get", Consistency::Local).await.expect("it runs");
    assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), right);
}

#[tokio::test]
async fn a_replica_whose_snapshots_have_a_flipped_byte_of_content_comes_back() {
    let mut cluster = with_snapshots().await;
    snapshots(&cluster, "data").iter().for_each(|file| damage::flip_middle(file));
    comes_back(&mut cluster).await;
}

#[tokio::test]
async fn a_replica_whose_snapshots_have_a_flipped_byte_of_a_manifest_comes_back() {
    let mut cluster = with_snapshots().await;
    snapshots(&cluster, "manifest").iter().for_each(|file| damage::flip_middle(file));
    comes_back(&mut cluster).await;
}

#[tokio::test]
async fn a_replica_whose_snapshots_are_gone_comes_back() {
    let mut cluster = with_snapshots().await;
    for file in snapshots(&cluster, "manifest") {
        fs::remove_dir_all(file.parent().expect("its folder")).expect("a folder of the node");
    }
    comes_back(&mut cluster).await;
}

#[tokio::test]
async fn a_damaged_snapshot_of_the_leader_is_not_what_a_replica_that_lags_gets() {
    let mut cluster = with_snapshots().await;
    let behind = cluster.replica(1, "count").await.expect("a replica").log_last;
    // The logs of the others go on without it, until they do not reach back to it.
    let mut count = COMMANDS;
    loop {
        cluster.reply("count", "add 1").await;
        count += 1;
        let leader = cluster.leader("count").await;
        if cluster.replica(leader, "count").await.expect("a replica").log_first > behind + 1 {
            break;
        }
        assert!(count < 2000, "the log is never cut");
    }
    let leader = cluster.leader("count").await;
    for file in damage::files(&cluster.node(leader).data().join("snapshots"), "data") {
        if !file.to_string_lossy().contains("snapshots/0/") {
            damage::flip_middle(&file);
        }
    }
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    // A newer snapshot heals it, which is taken as the log grows.
    for _ in 0..60 {
        cluster.reply("count", "add 1").await;
        count += 1;
    }
    cluster.replicas_are_equal("count").await;
    let answered = cluster.query_at(VICTIM, "count", "get", Consistency::Local).await.expect("it runs");
    assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), count.to_string());
}

//! States that are too large to be sent at once.

use quorate_end_to_end::{Cluster, Settings, wait};
use std::{fs, path::PathBuf};

/// The node that gets a replica.
const NEWCOMER: u64 = 4;
const VALUES: u64 = 24;
const VALUE_BYTES: usize = 256 * 1024;
/// What the values come to, and how much of that is sent in a second: it takes a while.
const STATE_BYTES: u64 = VALUES * VALUE_BYTES as u64;
const BYTES_PER_SECOND: u64 = STATE_BYTES / 3;

fn value(number: u64) -> String {
    char::from(b'a' + u8::try_from(number % 26).expect("a letter")).to_string().repeat(VALUE_BYTES)
}

/// The files of this name on the newcomer among the snapshots of groups. Folders may come and go meanwhile.
fn files(cluster: &Cluster, name: &str) -> Vec<PathBuf> {
    let folders = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let groups = folders(cluster.node(NEWCOMER).data().join("snapshots"));
    let snapshots = groups.into_iter().filter(|group| !group.ends_with("0")).flat_map(folders);
    snapshots.map(|snapshot| snapshot.join(name)).filter(|file| file.exists()).collect()
}

#[tokio::test]
async fn a_large_state_reaches_a_new_replica_although_its_node_is_killed_meanwhile() {
    let configuration = format!("[snapshots]\nbytes_per_second_max = {BYTES_PER_SECOND}\n");
    let mut cluster =
        Cluster::start_with(Settings { nodes: NEWCOMER, configuration, ..Settings::default() }).await;
    cluster.upload("kv").await;
    cluster.create_on("pairs", "kv", &[1, 2, 3]).await;
    for number in 0..VALUES {
        cluster.submit("pairs", &format!("put key-{number:03} {}", value(number))).await;
    }
    let node = NEWCOMER.to_string();
    let added = cluster.quorate(&["group", "members", "add", "test/pairs", "--node", &node, "--no-wait"]);
    assert_eq!(added.code, 0, "{added:?}");
    wait::until("the state is on its way", || async {
        let begun = files(&cluster, "0.sst");
        if begun.iter().any(|path| path.to_string_lossy().contains("incoming-")) {
            Ok(())
        } else {
            Err("nothing has come".to_owned())
        }
    })
    .await;
    cluster.node_mut(NEWCOMER).kill();
    cluster.submit("pairs", "put key-000 other").await;
    cluster.node_mut(NEWCOMER).start();
    cluster.ready().await;
    wait::until("the new replica has the state", || async {
        let replica = cluster.replica(NEWCOMER, "pairs").await?;
        if replica.snapshot_bytes > STATE_BYTES { Ok(()) } else { Err(format!("{replica:?}")) }
    })
    .await;
    cluster.replicas_are_equal("pairs").await;
    assert_eq!(cluster.answer("pairs", "get key-000").await, "other");
    assert!(files(&cluster, "data").is_empty(), "it was written once");

    // The database is gone: what came in is the replica's own snapshot.
    assert!(cluster.node_mut(NEWCOMER).terminate().success());
    fs::remove_dir_all(cluster.node(NEWCOMER).data().join("state")).expect("it was there");
    cluster.submit("pairs", "put key-001 other").await;
    cluster.node_mut(NEWCOMER).start();
    cluster.ready().await;
    cluster.replicas_are_equal("pairs").await;
    assert!(cluster.node(NEWCOMER).log().contains("the states are damaged and are made anew"));
    assert!(files(&cluster, "0.sst").len() == 1, "its snapshot is still there");
}

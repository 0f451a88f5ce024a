//! A disk that gives back other bytes than were written, or none: found, named, and never served.

use quorate_end_to_end::{Cluster, Settings, damage, wait};
use quorate_proto::v1::{Consistency, ReplicaState};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The node whose disk is bad.
const VICTIM: u64 = 3;
const PAIRS: u64 = 40;
/// Long values, so that entries of this group fill blocks of their own.
const VALUE_WORDS: u64 = 400;

/// A value that does not compress, and that no other key has.
fn value(key: u64) -> String {
    let mut number = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = marker(key);
    for _ in 0..VALUE_WORDS {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        text.push_str(&format!("{number:016x}"));
    }
    text
}

/// What the value of a key begins with.
fn marker(key: u64) -> String {
    format!("<{:016X}>", key.wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

async fn put(cluster: &Cluster, keys: std::ops::Range<u64>) {
    for key in keys {
        assert_eq!(cluster.reply("pairs", &format!("put key-{key} {}", value(key))).await, "ok");
    }
}

/// Three nodes, which leave it to their operator what becomes of a replica that is of no use, with a group whose pairs are in the
/// log of all of them.
async fn with_pairs() -> Cluster {
    with_pairs_and("[replicas]\nrebuild = false\n").await
}

async fn with_pairs_and(configuration: &str) -> Cluster {
    let settings = Settings { configuration: configuration.to_owned(), ..Settings::default() };
    let cluster = Cluster::start_with(settings).await;
    cluster.upload("kv").await;
    cluster.upload("counter").await;
    cluster.create("pairs", "kv").await;
    cluster.create("count", "counter").await;
    put(&cluster, 0..PAIRS).await;
    cluster.reply("count", "add 1").await;
    cluster.replicas_are_equal("pairs").await;
    cluster
}

/// The same, and what the victim had in its write-ahead files is in table files.
async fn with_tables() -> Cluster {
    in_tables(with_pairs().await).await
}

async fn in_tables(mut cluster: Cluster) -> Cluster {
    assert!(cluster.node_mut(VICTIM).terminate().success());
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    cluster.replicas_are_equal("pairs").await;
    assert!(cluster.node_mut(VICTIM).terminate().success());
    cluster
}

fn raft(cluster: &Cluster) -> PathBuf {
    cluster.node(VICTIM).data().join("raft")
}

fn state(cluster: &Cluster) -> PathBuf {
    cluster.node(VICTIM).data().join("state")
}

/// Every pair, as a node has it itself.
async fn pairs_are_right_at(cluster: &Cluster, node: u64, pairs: u64) {
    for key in 0..pairs {
        let answered = cluster.query_at(node, "pairs", &format!("get key-{key}"), Consistency::Local).await;
        let answered = answered.unwrap_or_else(|status| panic!("node {node}, key {key}: {status:?}"));
        assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), value(key), "node {node}");
    }
}

/// What a node with a damaged replica says is an error or right, never wrong.
async fn nothing_wrong_is_served(cluster: &Cluster, pairs: u64) -> u64 {
    let mut refused = 0;
    for key in 0..pairs {
        match cluster.query_at(VICTIM, "pairs", &format!("get key-{key}"), Consistency::Local).await {
            Err(_) => refused += 1,
            Ok(answered) => {
                assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), value(key), "{key}");
            }
        }
    }
    refused
}

/// The others take commands, and have all.
async fn the_others_go_on(cluster: &Cluster) {
    assert_eq!(cluster.reply("pairs", "put after damage").await, "ok");
    cluster.reply("count", "add 1").await;
    for node in [1, 2] {
        cluster.replicas_are_equal_on("pairs", &[1, 2]).await;
        pairs_are_right_at(cluster, node, PAIRS).await;
    }
}

/// Waits until the victim says that its replica has failed, and returns why.
async fn failed_replica(cluster: &Cluster) -> String {
    wait::until("the replica has failed", || async {
        let replica = cluster.replica(VICTIM, "pairs").await?;
        match replica.state() {
            ReplicaState::Failed => Ok(replica.state_reason),
            other => Err(format!("{other:?} {}", replica.state_reason)),
        }
    })
    .await
}

/// The commands that the error names.
async fn cured(cluster: &Cluster) {
    for change in ["remove", "add"] {
        let node = VICTIM.to_string();
        let arguments = ["group", "members", change, "test/pairs", "--node", &node, "--timeout", "60s"];
        let done = cluster.quorate(&arguments);
        let described = || cluster.quorate(&["group", "describe", "test/pairs", "--output", "json"]);
        assert_eq!(done.code, 0, "{done:?} {:?}", described());
    }
    cluster.replicas_are_equal("pairs").await;
    for node in [1, 2, VICTIM] {
        pairs_are_right_at(cluster, node, PAIRS).await;
    }
}

/// Starts the victim, which is to refuse and to name this.
fn refused(cluster: &mut Cluster, named: &Path) {
    let node = cluster.node_mut(VICTIM);
    node.start();
    let (status, log) = node.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("FOLDER_UNUSABLE"), "{log}");
    let name = named.file_name().expect("a file").to_string_lossy().into_owned();
    assert!(log.contains(&name), "{name} is not named: {log}");
}

/// The victim starts with its files as they were, and catches up.
async fn mended(cluster: &mut Cluster) {
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    cluster.replicas_are_equal("pairs").await;
    cluster.replicas_are_equal("count").await;
    pairs_are_right_at(cluster, VICTIM, PAIRS).await;
}

#[tokio::test]
async fn a_flipped_byte_of_an_entry_stops_its_replica_alone_until_a_new_one_is_placed() {
    let mut cluster = with_tables().await;
    let needle = marker(PAIRS / 2);
    damage::flip(&damage::file_with(&raft(&cluster), ".sst", needle.as_bytes()), needle.as_bytes());
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;

    let why = failed_replica(&cluster).await;
    assert!(why.contains("checksum") && why.contains("quorate group members remove"), "{why}");
    assert_eq!(nothing_wrong_is_served(&cluster, PAIRS).await, PAIRS);
    the_others_go_on(&cluster).await;
    cluster.replicas_are_equal("count").await;
    cured(&cluster).await;
}

#[tokio::test]
async fn a_replica_with_a_damaged_log_is_replaced_by_a_new_one() {
    let mut cluster = in_tables(with_pairs_and("").await).await;
    let before = cluster.replica(1, "pairs").await.expect("a replica").replica;
    let needle = marker(PAIRS / 2);
    damage::flip(&damage::file_with(&raft(&cluster), ".sst", needle.as_bytes()), needle.as_bytes());
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    wait::until("it is replaced", || async {
        let replica = cluster.replica(VICTIM, "pairs").await?;
        let described = cluster.quorate(&["group", "describe", "test/pairs", "--output", "json"]).json();
        let ended = described["alarms"][0]["ended_ms"].as_u64();
        match replica.state() {
            ReplicaState::Running if replica.replica > before + 2 && ended.is_some() => Ok(()),
            _ => Err(format!("{replica:?} {described}")),
        }
    })
    .await;
    cluster.replicas_are_equal("pairs").await;
    for node in [1, 2, VICTIM] {
        pairs_are_right_at(&cluster, node, PAIRS).await;
    }
    let described = cluster.quorate(&["group", "describe", "test/pairs"]);
    assert!(
        described.stdout.contains("checksum") && described.stdout.contains("(replaced "),
        "{described:?}"
    );
}

#[tokio::test]
async fn a_flipped_byte_in_a_write_ahead_file_stops_the_node() {
    let mut cluster = with_pairs().await;
    cluster.node_mut(VICTIM).kill();
    let needle = marker(PAIRS / 2);
    let file = damage::file_with(&raft(&cluster), ".log", needle.as_bytes());
    let whole = fs::read(&file).expect("a file of the node");
    damage::flip(&file, needle.as_bytes());
    refused(&mut cluster, Path::new("raft"));
    the_others_go_on(&cluster).await;
    fs::write(&file, whole).expect("a file of the node");
    mended(&mut cluster).await;
}

#[tokio::test]
async fn a_write_ahead_file_whose_last_write_is_torn_is_healed_by_the_others() {
    let mut cluster = with_pairs().await;
    put(&cluster, PAIRS - 1..PAIRS).await;
    cluster.replicas_are_equal("pairs").await;
    cluster.node_mut(VICTIM).kill();
    let file = damage::file_with(&raft(&cluster), ".log", marker(PAIRS - 1).as_bytes());
    damage::cut(&file, 7);
    the_others_go_on(&cluster).await;
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    // Who still leads since then knows that it had more: it is stopped. Any other leader sends it what it lacks.
    let failed = wait::until("the replica runs or has failed", || async {
        let replica = cluster.replica(VICTIM, "pairs").await?;
        match replica.state() {
            ReplicaState::Failed => Ok(Some(replica.state_reason)),
            ReplicaState::Running if replica.applied == cluster.replica(1, "pairs").await?.applied => {
                Ok(None)
            }
            other => Err(format!("{other:?} {}", replica.state_reason)),
        }
    })
    .await;
    if let Some(why) = failed {
        assert!(why.contains("quorate group members remove"), "{why}");
        cured(&cluster).await;
    }
    pairs_are_right_at(&cluster, VICTIM, PAIRS).await;
}

#[tokio::test]
async fn a_missing_table_file_of_the_log_stops_the_node() {
    let mut cluster = with_tables().await;
    let needle = marker(PAIRS / 2);
    let file = damage::file_with(&raft(&cluster), ".sst", needle.as_bytes());
    let whole = fs::read(&file).expect("a file of the node");
    fs::remove_file(&file).expect("a file of the node");
    refused(&mut cluster, &file);
    the_others_go_on(&cluster).await;
    fs::write(&file, whole).expect("a file of the node");
    mended(&mut cluster).await;
}

#[tokio::test]
async fn a_flipped_byte_of_a_value_in_a_state_is_never_served_and_healed_by_a_restart() {
    let mut cluster = with_tables().await;
    let needle = marker(PAIRS / 2);
    damage::flip(&damage::file_with(&state(&cluster), ".sst", needle.as_bytes()), needle.as_bytes());
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    wait::until("the damage is met", || async {
        let damaged = format!("get key-{}", PAIRS / 2);
        match cluster.query_at(VICTIM, "pairs", &damaged, Consistency::Local).await {
            Err(status) if status.message().contains("are damaged") => Ok(()),
            Err(status) => Err(format!("it is not read yet: {status:?}")),
            Ok(answered) => {
                let reply = quorate_end_to_end::ask::reply(answered.outcome.as_ref());
                assert_eq!(reply, value(PAIRS / 2), "what is damaged was served");
                Err("it came from somewhere else".to_owned())
            }
        }
    })
    .await;
    assert!(nothing_wrong_is_served(&cluster, PAIRS).await > 0);
    the_others_go_on(&cluster).await;
    assert!(cluster.node_mut(VICTIM).terminate().success());
    mended(&mut cluster).await;
    let log = cluster.node(VICTIM).log();
    assert!(log.contains("made anew") && log.contains("state.damaged"), "{log}");
}

#[tokio::test]
async fn states_with_a_missing_table_file_are_made_anew() {
    let mut cluster = with_tables().await;
    let needle = marker(PAIRS / 2);
    fs::remove_file(damage::file_with(&state(&cluster), ".sst", needle.as_bytes()))
        .expect("a file of the node");
    the_others_go_on(&cluster).await;
    mended(&mut cluster).await;
    assert!(cluster.node(VICTIM).log().contains("made anew"));
}

#[tokio::test]
async fn a_missing_identity_stops_the_node() {
    let mut cluster = with_pairs().await;
    assert!(cluster.node_mut(VICTIM).terminate().success());
    let file = cluster.node(VICTIM).data().join("identity");
    let whole = fs::read(&file).expect("a file of the node");
    fs::remove_file(&file).expect("a file of the node");
    refused(&mut cluster, &file);
    the_others_go_on(&cluster).await;
    fs::write(&file, whole).expect("a file of the node");
    mended(&mut cluster).await;
}

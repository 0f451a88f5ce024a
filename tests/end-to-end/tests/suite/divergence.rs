//! A replica whose state is wrong without any checksum noticing it: found by comparing, stopped, and replaced.

use quorate_end_to_end::{Cluster, Settings, wait};
use quorate_proto::v1::{Consistency, ReplicaState, ReplicaStatus};
use quorate_replica::ports::{ScanRange, Snapshots, StateStore, StoreChanges};
use quorate_storage::{DataFolder, NodeIdentity};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::io::{Read, Write};

/// The node whose state is wrong.
const VICTIM: u64 = 3;
const CONFIGURATION: &str = "[replicas]\ncheck_entries = 10\ncheck_interval_ms = 1000\n";

async fn cluster_with(plugin: &str) -> Cluster {
    let settings = Settings { configuration: CONFIGURATION.to_owned(), ..Settings::default() };
    let cluster = Cluster::start_with(settings).await;
    cluster.upload(plugin).await;
    cluster.create("group", plugin).await;
    cluster
}

/// The victim's data folder, while the victim is stopped.
fn folder(cluster: &Cluster) -> DataFolder {
    let identity = NodeIdentity { cluster: "end-to-end".to_owned(), node: NodeId(VICTIM) };
    DataFolder::open(cluster.node(VICTIM).data(), identity).expect("the folder of the victim")
}

async fn stop(cluster: &mut Cluster) -> ReplicaStatus {
    cluster.replicas_are_equal("group").await;
    let replica = cluster.replica(VICTIM, "group").await.expect("a replica");
    assert!(cluster.node_mut(VICTIM).terminate().success());
    replica
}

/// Gives the key of the store machine on the victim a value that nobody has put there.
async fn spoil_store(cluster: &mut Cluster) -> ReplicaStatus {
    let replica = stop(cluster).await;
    let folder = folder(cluster);
    let state = folder.state(GroupId(replica.group), ReplicaId(replica.replica)).expect("its state");
    let applied = state.applied().expect("it reads").expect("it is loaded");
    let pairs = state.view().and_then(|view| view.scan(&ScanRange::everything())).expect("it reads");
    let (key, value) = pairs.iter().find(|(_, value)| value.ends_with(b"right")).expect("what was put");
    let wrong = [&value[..value.len() - 5], b"wrong"].concat();
    let changes =
        StoreChanges { keys: [(key.clone(), Some(wrong.into()))].into(), ..StoreChanges::default() };
    state.commit(changes, &applied).expect("it is written");
    folder.sync_states().expect("it is durable");
    replica
}

/// Runs commands, each of which shows what the state holds, until the victim has another replica that is like the others.
async fn is_replaced(cluster: &Cluster, before: &ReplicaStatus, command: &str) {
    wait::until("the replica is stopped and replaced", || async {
        for _ in 0..10 {
            // The leader may be the one that stops.
            let _ = cluster.quorate(&["submit", "test/group", command]);
        }
        let replica = cluster.replica(VICTIM, "group").await?;
        let described = cluster.quorate(&["group", "describe", "test/group", "--output", "json"]).json();
        let ended = described["alarms"][0]["ended_ms"].as_u64();
        match replica.state() {
            ReplicaState::Running if replica.replica != before.replica && ended.is_some() => Ok(()),
            _ => Err(format!("{replica:?} {described}")),
        }
    })
    .await;
    cluster.replicas_are_equal("group").await;
    let described = cluster.quorate(&["group", "describe", "test/group"]);
    for part in ["it has diverged", "(replaced ", "keeps what a replica of no use had"] {
        assert!(described.stdout.contains(part), "{part}: {described:?}");
    }
    let replica = cluster.replica(VICTIM, "group").await.expect("a replica");
    let kept = std::path::Path::new(replica.evidence.first().expect("evidence"));
    let why = std::fs::read_to_string(kept.join("why.txt")).expect("the reason");
    assert!(why.contains("it has diverged"), "{why}");
    assert!(std::fs::read_dir(kept).expect("a folder").count() > 1, "its state is kept as well");
    for node in [1, 2] {
        let healthy = cluster.replica(node, "group").await.expect("a replica");
        assert_eq!(healthy.state(), ReplicaState::Running, "{healthy:?}");
        assert!(healthy.evidence.is_empty(), "{healthy:?}");
    }
}

#[tokio::test]
async fn a_follower_with_a_wrong_state_is_stopped_and_replaced() {
    let mut cluster = cluster_with("kv").await;
    cluster.reply("group", "put key right").await;
    let before = spoil_store(&mut cluster).await;
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    assert_eq!(cluster.reply("group", "swap key right").await, "right");
    is_replaced(&cluster, &before, "put other value").await;
    let answered = cluster.query_at(VICTIM, "group", "get key", Consistency::Local).await.expect("it runs");
    assert_eq!(quorate_end_to_end::ask::reply(answered.outcome.as_ref()), "right");
}

#[tokio::test]
async fn a_leader_with_a_wrong_state_stops_itself_and_not_the_others() {
    let mut cluster = cluster_with("kv").await;
    cluster.reply("group", "put key right").await;
    let before = spoil_store(&mut cluster).await;
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    wait::until("it leads", || async {
        let output = cluster.quorate(&["group", "transfer", "test/group", "--to", "3"]);
        if output.code == 0 { Ok(()) } else { Err(output.stderr) }
    })
    .await;
    // It answers what it has: it is not known to be wrong yet.
    cluster.submit("group", "swap key right").await;
    is_replaced(&cluster, &before, "put other value").await;
    assert_eq!(cluster.answer("group", "get key").await, "right");
}

#[tokio::test]
async fn a_memory_machine_that_loads_a_wrong_state_is_stopped_and_replaced() {
    let mut cluster = cluster_with("counter").await;
    cluster.reply("group", "add 200").await;
    let taken = cluster.quorate(&["group", "snapshot", "test/group"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    let before = stop(&mut cluster).await;
    {
        let folder = folder(&cluster);
        let snapshots = folder.snapshots(GroupId(before.group)).expect("its snapshots");
        let newest = snapshots.latest().expect("one was taken").header;
        let mut content = Vec::new();
        let mut reader = snapshots.read(newest.point.index).expect("it is there");
        reader.read_to_end(&mut content).expect("it reads");
        let value = content.iter().position(|byte| *byte == 200).expect("the value");
        content[value] = 201;
        let mut writer = snapshots.begin(&newest).expect("it can be written");
        writer.write_all(&content).expect("it can be written");
        writer.finish().expect("it replaces the other");
    }
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    is_replaced(&cluster, &before, "add 1").await;
}

#[tokio::test]
async fn replicas_that_agree_go_on_and_an_idle_group_is_left_alone() {
    let cluster = cluster_with("kv").await;
    for step in 0..40 {
        cluster.reply("group", &format!("put key-{step} value")).await;
    }
    let index = cluster.replicas_are_equal("group").await;
    // Time passes until everything new has been compared, and then nothing more comes.
    let settled = wait::until("all is compared", || async {
        let leader = cluster.leader("group").await;
        let replica = cluster.replica(leader, "group").await?;
        if replica.asleep { Ok(replica) } else { Err(format!("{replica:?}")) }
    })
    .await;
    assert!(settled.log_last >= index && settled.log_last <= index + 2, "{settled:?}");
    let described = cluster.quorate(&["group", "describe", "test/group", "--output", "json"]).json();
    assert!(described["alarms"].is_null(), "{described}");
}

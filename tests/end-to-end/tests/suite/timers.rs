//! What a plugin asked to be called for happens at its time, with nobody there to ask for it.

use quorate_end_to_end::{Cluster, Node, wait};
use quorate_proto::v1::{WatchRequest, WatchResponse, commands_client::CommandsClient, watch_response};
use tonic::Streaming;

/// Waits until the list of locks that are held begins so: queries change nothing, so a timer must have.
async fn listed(cluster: &Cluster, expected: &str) {
    wait::until(&format!("{expected:?} is listed"), || async {
        let list = cluster.answer("locks", "list").await;
        let is_it = if expected.is_empty() { list.is_empty() } else { list.starts_with(expected) };
        if is_it { Ok(()) } else { Err(list) }
    })
    .await;
}

async fn cluster_with_locks() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload("lock").await;
    cluster.create("locks", "lock").await;
    cluster
}

#[tokio::test]
async fn a_lease_ends_although_the_leader_that_gave_it_is_dead() {
    let mut cluster = cluster_with_locks().await;
    assert!(cluster.reply("locks", "acquire backup ada 2000").await.starts_with("held 1 "));
    assert_eq!(cluster.reply("locks", "acquire backup ben 600000 600000").await, "waiting 1");
    let leader = cluster.leader("locks").await;
    cluster.node_mut(leader).kill();
    listed(&cluster, "backup ben 2 ").await;
    cluster.node_mut(leader).start();
    cluster.ready().await;
    cluster.replicas_are_equal("locks").await;
    listed(&cluster, "backup ben 2 ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_are_shown_by_who_lists_plugins_and_describes_groups() {
    let cluster = cluster_with_locks().await;
    let listed = cluster.quorate(&["plugin", "list", "--output", "json"]).json();
    assert_eq!(listed["plugins"][0]["has_timers"], true, "{listed}");
    let described = cluster.quorate(&["group", "describe", "test/locks"]);
    assert!(described.code == 0 && !described.stdout.contains("pending"), "{described:?}");
    assert!(cluster.reply("locks", "acquire backup ada 600000").await.starts_with("held 1 "));
    let described = cluster.quorate(&["group", "describe", "test/locks"]);
    assert!(described.stdout.contains("timers  1 pending, the first due "), "{described:?}");
}

/// A memory machine's timers are in its checkpoints, or made again from the log behind them.
#[tokio::test]
async fn a_memory_machine_fires_after_its_leader_died_and_all_nodes_were_down() {
    let mut cluster = Cluster::start().await;
    cluster.upload("faulty").await;
    cluster.create("memory", "faulty").await;
    for (id, delay_ms) in [(1, 1_000), (2, 4_000), (3, 600_000)] {
        assert_eq!(cluster.reply("memory", &format!("set-timer {id} {delay_ms}")).await, "ok");
    }
    assert_eq!(cluster.reply("memory", "cancel-timer 3").await, "ok");
    let leader = cluster.leader("memory").await;
    cluster.node_mut(leader).kill();
    noted(&cluster, "timer 1").await;
    let nodes: Vec<u64> = cluster.nodes().iter().map(Node::id).collect();
    for node in nodes.iter().filter(|node| **node != leader) {
        cluster.node_mut(*node).kill();
    }
    for node in nodes {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    noted(&cluster, "timer 2").await;
    cluster.replicas_are_equal("memory").await;
    let all = cluster.answer("memory", "noted").await;
    let timers: Vec<&str> = all.lines().filter(|line| line.starts_with("timer")).collect();
    assert_eq!(timers, ["timer 1", "timer 2"], "each once");
}

/// Waits until the plugin has noted this.
async fn noted(cluster: &Cluster, expected: &str) {
    wait::until(&format!("{expected:?} is noted"), || async {
        let noted = cluster.answer("memory", "noted").await;
        if noted.lines().any(|line| line == expected) { Ok(()) } else { Err(noted) }
    })
    .await;
}

#[tokio::test]
async fn a_lease_ends_after_all_nodes_were_down() {
    let mut cluster = cluster_with_locks().await;
    assert!(cluster.reply("locks", "acquire backup ada 2000").await.starts_with("held 1 "));
    assert!(cluster.reply("locks", "acquire other ada 600000").await.starts_with("held 2 "));
    let nodes: Vec<u64> = cluster.nodes().iter().map(Node::id).collect();
    for node in &nodes {
        cluster.node_mut(*node).kill();
    }
    for node in nodes {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    listed(&cluster, "other ada 2 ").await;
    assert!(cluster.reply("locks", "acquire backup ben 600000").await.starts_with("held 3 "));
    cluster.replicas_are_equal("locks").await;
}

/// The events of a group, as a watcher of this node is told.
async fn watch(cluster: &Cluster, node: u64, group: &str) -> Streaming<WatchResponse> {
    let request = WatchRequest { group: format!("test/{group}"), topics: vec!["ready".to_owned()] };
    let mut client = CommandsClient::new(cluster.channel(node).await);
    let mut events = client.watch(request).await.expect("watched").into_inner();
    let first = next(&mut events).await;
    assert!(matches!(first, watch_response::Message::Started(_)), "{first:?}");
    events
}

async fn next(events: &mut Streaming<WatchResponse>) -> watch_response::Message {
    let message = tokio::time::timeout(wait::PATIENCE, events.message()).await;
    let message = message.expect("an event in time").expect("the watch goes on").expect("it does not end");
    message.message.expect("a message")
}

#[tokio::test]
async fn a_message_comes_back_and_watchers_of_followers_are_told() {
    let cluster = Cluster::start().await;
    cluster.upload("queue").await;
    cluster.create("work", "queue").await;
    let leader = cluster.leader("work").await;
    let follower = cluster.nodes().iter().map(Node::id).find(|node| *node != leader).expect("a follower");
    let mut events = watch(&cluster, follower, "work").await;
    assert_eq!(cluster.reply("work", "enqueue jobs first").await, "1");
    assert_eq!(cluster.reply("work", "dequeue jobs 1000").await, "1 1 first");
    // Once when it was put in, and once by the timer.
    for _ in 0..2 {
        match next(&mut events).await {
            watch_response::Message::Event(event) => assert_eq!(event.payload, "jobs"),
            other => panic!("an event was expected: {other:?}"),
        }
    }
    assert_eq!(cluster.reply("work", "dequeue jobs 600000").await, "1 2 first");
    cluster.replicas_are_equal("work").await;
}

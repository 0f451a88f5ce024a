//! Groups that have lost a majority of their voters for good.

use quorate_end_to_end::{Cluster, Settings, ask, damage, quorate, wait};
use quorate_proto::v1::{Consistency, ReplicaState};

const SURE: &str = "--i-know-that-data-may-be-lost";

fn arguments<'a>(group: &'a str, survivors: &'a str) -> [&'a str; 6] {
    ["group", "recover", group, "--survivors", survivors, SURE]
}

/// Tries until the survivors are sure that the others are gone.
async fn recovered(cluster: &Cluster, node: u64, group: &str, survivors: &str) {
    wait::until(&format!("{group} is recovered"), || async {
        let output = quorate(cluster.node(node).address(), &arguments(group, survivors), "");
        match output.code {
            0 => Ok(()),
            _ => Err(format!("{output:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_left_alone_goes_on_and_the_others_cannot_come_back_as_they_were() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    assert_eq!(cluster.reply("count", "add 3").await, "3");
    cluster.replicas_are_equal("count").await;
    let output = cluster.quorate(&["group", "recover", "test/count", "--survivors", "1"]);
    assert_eq!(output.code, 2, "whoever asks must know the price: {output:?}");
    for group in ["test/count", "quorate/catalog"] {
        let output = cluster.quorate(&arguments(group, "1"));
        assert!(output.code == 1 && output.stderr.contains("RECOVERY_REFUSED"), "{output:?}");
    }
    cluster.node_mut(2).kill();
    cluster.node_mut(3).kill();
    recovered(&cluster, 1, "quorate/catalog", "1").await;
    recovered(&cluster, 1, "test/count", "1").await;
    assert_eq!(cluster.reply("count", "add 1").await, "4", "what the survivor had is there");
    cluster.create_on("more", "counter", &[1]).await;
    assert_eq!(cluster.reply("more", "add 1").await, "1");

    cluster.node_mut(2).start();
    cluster.node_mut(3).start();
    for node in [2, 3] {
        wait::until("it is told that it is lost", || async {
            let status = cluster.status(node).await?;
            let catalog = status.replicas.iter().find(|replica| replica.group == 0);
            let is_stopped = catalog.is_some_and(|replica| replica.state() == ReplicaState::Failed);
            // Without the catalog it starts no group either.
            let serves = status.replicas.iter().any(|replica| replica.state() == ReplicaState::Running);
            if is_stopped && !serves { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
    }
    let output = quorate(cluster.node(1).address(), &["submit", "test/count", "add 1"], "");
    assert_eq!((output.code, output.stdout.trim()), (0, "5"), "{output:?}");
    let output =
        quorate(cluster.node(2).address(), &["query", "test/count", "get", "--consistency", "local"], "");
    assert_ne!(output.code, 0, "what it held is of no use any more: {output:?}");
}

/// Waits until the replicas on nodes 3 and 4 hold the same.
async fn equal(cluster: &Cluster) {
    wait::until("both replicas have caught up", || async {
        let (one, other) = (cluster.replica(3, "count").await?, cluster.replica(4, "count").await?);
        let is_equal = one.applied == other.applied && one.digest == other.digest;
        if is_equal { Ok(()) } else { Err(format!("{one:?} {other:?}")) }
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_of_a_recovered_group_is_destroyed_when_its_node_comes_back() {
    let mut cluster = Cluster::start_with(Settings { nodes: 4, ..Settings::default() }).await;
    cluster.upload("counter").await;
    cluster.create_on("count", "counter", &[3, 4]).await;
    assert_eq!(cluster.reply("count", "add 3").await, "3");
    equal(&cluster).await;
    cluster.node_mut(4).kill();
    recovered(&cluster, 1, "test/count", "3").await;
    assert_eq!(cluster.reply("count", "add 1").await, "4");
    let members = cluster.quorate(&["group", "members", "list", "test/count", "--output", "json"]).json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(1), "{members}");

    cluster.node_mut(4).start();
    wait::until("its replica is destroyed", || async {
        let status = cluster.status(4).await?;
        let held = status.replicas.iter().any(|replica| replica.group_name == "test/count");
        // Without a name it is held and no longer placed here.
        if held || status.replicas.len() != 1 { Err(format!("{status:?}")) } else { Ok(()) }
    })
    .await;
    wait::until("as another replica it is welcome", || async {
        let output = cluster.quorate(&["group", "members", "add", "test/count", "--node", "4"]);
        // The others may not have heard yet that it is back.
        let early = output.stderr.contains("NOT_ENOUGH_NODES");
        assert!(output.code == 0 || early, "{output:?}");
        if early { Err(output.stderr) } else { Ok(()) }
    })
    .await;
    assert_eq!(cluster.reply("count", "add 1").await, "5");
    equal(&cluster).await;
}

#[tokio::test]
async fn a_group_is_recovered_from_replicas_that_are_damaged_on_nodes_that_live() {
    let settings =
        Settings { configuration: "[replicas]\nrebuild = false\n".to_owned(), ..Settings::default() };
    let mut cluster = Cluster::start_with(settings).await;
    cluster.upload("kv").await;
    cluster.upload("counter").await;
    cluster.create("pairs", "kv").await;
    cluster.create("count", "counter").await;
    // Long enough not to be in the same block of the log as entries of the other group.
    let marker = "<this-entry-is-to-be-damaged>";
    let noise = |seed: u64| {
        let mut number = seed;
        let mut next = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{number:016x}")
        };
        (0..1_000).map(|_| next()).collect::<String>()
    };
    assert_eq!(cluster.reply("count", "add 1").await, "1");
    for (key, value) in
        [("before", noise(1)), ("damaged", format!("{marker}{}", noise(2))), ("after", noise(3))]
    {
        assert_eq!(cluster.reply("pairs", &format!("put {key} {value}")).await, "ok");
    }
    cluster.replicas_are_equal("pairs").await;
    for node in [2, 3] {
        // What it had in write-ahead files is in table files after the first start.
        assert!(cluster.node_mut(node).terminate().success());
        cluster.node_mut(node).start();
        cluster.ready().await;
        cluster.replicas_are_equal("pairs").await;
    }
    for node in [2, 3] {
        assert!(cluster.node_mut(node).terminate().success());
        let raft = cluster.node(node).data().join("raft");
        damage::flip(&damage::file_with(&raft, ".sst", marker.as_bytes()), marker.as_bytes());
    }
    for node in [2, 3] {
        cluster.node_mut(node).start();
        wait::until("its replica has failed", || async {
            let replica = cluster.replica(node, "pairs").await?;
            if replica.state() == ReplicaState::Failed { Ok(()) } else { Err(format!("{replica:?}")) }
        })
        .await;
    }
    cluster.ready().await;
    assert_eq!(cluster.reply("count", "add 1").await, "2", "the nodes work");

    recovered(&cluster, 1, "test/pairs", "1").await;
    assert_eq!(cluster.reply("pairs", "put more value").await, "ok");
    let before =
        cluster.query_at(1, "pairs", "get before", Consistency::Linearizable).await.expect("an answer");
    assert_eq!(ask::reply(before.outcome.as_ref()), noise(1));
    for node in ["2", "3"] {
        let arguments = ["group", "members", "add", "test/pairs", "--node", node, "--timeout", "60s"];
        let output = cluster.quorate(&arguments);
        assert_eq!(output.code, 0, "{output:?}");
    }
    cluster.replicas_are_equal("pairs").await;
}

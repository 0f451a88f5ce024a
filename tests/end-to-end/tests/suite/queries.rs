//! Queries choose how fresh the state must be that they see.

use quorate_end_to_end::{Cluster, quorate};

#[tokio::test]
async fn a_query_says_how_fresh_the_state_must_be() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 3").await;
    cluster.replicas_are_equal("count").await;
    let leader = cluster.leader("count").await;
    let asked = |cluster: &Cluster, node: u64, consistency: &[&str]| {
        let mut arguments = vec!["query", "test/count", "get", "--timeout", "4s"];
        arguments.extend(consistency);
        quorate(cluster.node(node).address(), &arguments, "")
    };
    let bounded = ["--consistency", "bounded", "--max-staleness", "10min"];
    for node in [1, 2, 3] {
        for consistency in [
            &bounded[..],
            &["--consistency", "linearizable"],
            &["--consistency", "lease"],
            &["--consistency", "local"],
        ] {
            let output = asked(&cluster, node, consistency);
            assert_eq!((output.code, output.stdout.trim()), (0, "3"), "{output:?}");
        }
    }
    for node in [1, 2, 3] {
        if node != leader {
            cluster.node_mut(node).kill();
        }
    }
    let output = asked(&cluster, leader, &["--consistency", "linearizable"]);
    assert!(output.code != 0 && output.stderr.contains("NO_QUORUM"), "{output:?}");
    let output = asked(&cluster, leader, &["--consistency", "lease"]);
    assert!(output.code != 0 && output.stderr.contains("NO_QUORUM"), "a lease ends: {output:?}");
    let output = asked(&cluster, leader, &bounded);
    assert_eq!((output.code, output.stdout.trim()), (0, "3"), "{output:?}");
    let output = asked(&cluster, leader, &["--consistency", "bounded", "--max-staleness", "1ms"]);
    assert!(output.code != 0 && output.stderr.contains("NO_QUORUM"), "{output:?}");
}

//! Leaderships are spread over the nodes.

use quorate_end_to_end::Cluster;
use serde_json::Value;

const GROUPS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Three nodes and six groups, all led by the first.
async fn all_led_by_one() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    for group in GROUPS {
        cluster.create(group, "counter").await;
        cluster.submit(group, "add 1").await;
        let output = cluster.quorate(&["group", "transfer", &format!("test/{group}"), "--to", "1"]);
        assert_eq!(output.code, 0, "{output:?}");
    }
    cluster
}

fn led(report: &Value, when: &str) -> Vec<u64> {
    let nodes = report["nodes"].as_array().expect("nodes").iter();
    nodes.map(|node| node[when].as_u64().expect("a number")).collect()
}

fn hand_overs(report: &Value) -> usize {
    report["hand_overs"].as_array().expect("hand-overs").len()
}

async fn leaders(cluster: &Cluster) -> Vec<u64> {
    let mut led = vec![0; 3];
    for group in GROUPS {
        let leader = cluster.leader(group).await;
        led[usize::try_from(leader - 1).expect("one of three")] += 1;
    }
    led
}

#[tokio::test]
async fn leaderships_are_spread_one_by_one_within_a_bound() {
    let cluster = all_led_by_one().await;
    let rebalance = |more: &[&str]| {
        cluster.quorate(&[&["group", "rebalance", "--output", "json"][..], more].concat()).json()
    };
    let planned = rebalance(&["--dry-run"]);
    assert_eq!((hand_overs(&planned), led(&planned, "before")), (4, vec![6, 0, 0]), "{planned}");
    assert_eq!(leaders(&cluster).await, [6, 0, 0], "nothing was done");

    let some = rebalance(&["--max", "1"]);
    assert_eq!(led(&some, "after").iter().filter(|led| **led == 1).count(), 1, "{some}");
    let rest = rebalance(&[]);
    assert_eq!((hand_overs(&rest), led(&rest, "after")), (3, vec![2, 2, 2]), "{rest}");
    assert_eq!(leaders(&cluster).await, [2, 2, 2]);
    assert_eq!(hand_overs(&rebalance(&[])), 0);
    for group in GROUPS {
        assert_eq!(cluster.reply(group, "add 1").await, "2");
    }
    let others = cluster.quorate(&["group", "rebalance", "--tenant", "other"]);
    assert!(others.stdout.contains("nothing to hand over"), "{others:?}");
}

#[tokio::test]
async fn a_node_that_is_down_is_handed_nothing() {
    let mut cluster = all_led_by_one().await;
    cluster.node_mut(3).kill();
    let report = quorate_end_to_end::wait::until("the node that is down is missed", || async {
        let output = cluster.quorate(&["group", "rebalance", "--dry-run", "--output", "json"]);
        let report = output.json();
        let to_it = report["hand_overs"].as_array().expect("some").iter().any(|one| one["to_node"] == 3);
        if to_it || report["silent_nodes"] != serde_json::json!([3]) {
            Err(report.to_string())
        } else {
            Ok(report)
        }
    })
    .await;
    assert_eq!(hand_overs(&report), 3, "{report}");
    let output = cluster.quorate(&["group", "rebalance"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains("node 3 did not answer"), "{output:?}");
    assert_eq!(leaders(&cluster).await, [3, 3, 0]);
}

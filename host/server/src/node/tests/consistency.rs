//! How fresh the state is that queries see, and what that costs.

use super::{
    cluster::{Cluster, counted},
    machines::counter,
};
use crate::node::{Consistency, Deadline, NodeHandle};
use bytes::Bytes;
use quorate_vocabulary::GroupId;
use std::time::Duration;

const MINUTE: Consistency = Consistency::Bounded { max_staleness: Duration::from_secs(60) };
const MOMENT: Consistency = Consistency::Bounded { max_staleness: Duration::from_millis(1) };

async fn refusal(node: &NodeHandle, group: GroupId, consistency: Consistency) -> Option<&'static str> {
    let short = Deadline::after(Duration::from_secs(2));
    node.query(group, Bytes::new(), consistency, short).await.err().map(|error| error.reason())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_answers_every_consistency() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    for expected in 1..=3 {
        cluster.submit(group, "a").await;
        for number in cluster.running() {
            let node = cluster.node(number);
            for consistency in [Consistency::Lease, MOMENT, Consistency::Linearizable] {
                assert_eq!(counted(&node, group, consistency).await.0, expected, "{consistency:?}");
            }
        }
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_query_needs_a_majority_once_in_the_time_it_allows() {
    let mut cluster = Cluster::start(3).await;
    let group = cluster.group("acme/counter", counter()).await.id;
    cluster.submit(group, "a").await;
    cluster.converge(group).await;
    assert_eq!(counted(&cluster.node(3), group, MINUTE).await.0, 1);
    cluster.stop(1).await;
    cluster.stop(2).await;
    let node = cluster.node(3);
    assert_eq!(refusal(&node, group, Consistency::Linearizable).await, Some("NO_QUORUM"));
    assert_eq!(counted(&node, group, MINUTE).await.0, 1, "it was confirmed less than a minute ago");
    assert_eq!(refusal(&node, group, MOMENT).await, Some("NO_QUORUM"));
    assert_eq!(refusal(&node, group, Consistency::Lease).await, Some("NO_QUORUM"), "a lease ends");
    drop(node);
    cluster.run(1).await;
    assert_eq!(counted(&cluster.node(3), group, MOMENT).await.0, 1);
    cluster.stop_all().await;
}

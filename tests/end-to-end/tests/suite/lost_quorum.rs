//! A majority is gone.

use quorate_end_to_end::{Cluster, ask::reason_of, wait};
use quorate_proto::{
    reason,
    v1::{Consistency, QueryRequest, commands_client::CommandsClient},
};
use tonic::{Code, Request};

#[tokio::test]
async fn a_node_that_is_left_alone_says_so() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 3").await;
    cluster.replicas_are_equal("count").await;
    cluster.node_mut(2).kill();
    cluster.node_mut(3).kill();

    // Without a deadline of the caller's, so that it waits for what the node says, however late that comes.
    let request = Request::new(QueryRequest {
        group: "test/count".to_owned(),
        request: b"get".as_slice().into(),
        consistency: Consistency::Linearizable.into(),
        max_staleness_ms: 0,
    });
    let refused =
        CommandsClient::new(cluster.channel(1).await).query(request).await.expect_err("no majority");
    assert_eq!(reason_of(&refused), reason::NO_QUORUM, "{refused:?}");
    assert_eq!(refused.code(), Code::Unavailable);

    let local = cluster.query_at(1, "count", "get", Consistency::Local).await.expect("a local answer");
    assert_eq!(quorate_end_to_end::ask::reply(local.outcome.as_ref()), "3");

    cluster.node_mut(2).start();
    wait::until("node 2 is back", || cluster.status(2)).await;
    assert_eq!(cluster.reply("count", "add 1").await, "4");
}

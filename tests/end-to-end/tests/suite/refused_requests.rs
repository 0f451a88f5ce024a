//! Requests that cannot be.

use quorate_end_to_end::{Cluster, ask::reason_of};
use quorate_proto::{
    reason,
    v1::{Consistency, CreateGroupRequest, DeleteGroupRequest, GroupLimits, groups_client::GroupsClient},
};
use tonic::Code;

#[tokio::test]
async fn what_is_unknown_or_taken_is_named_by_a_reason() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;

    let unknown = cluster.submit_to(1, "nothing", "add 1").await.expect_err("no such group");
    assert_eq!((reason_of(&unknown).as_str(), unknown.code()), (reason::GROUP_NOT_FOUND, Code::NotFound));
    let unknown = cluster.query_at(2, "nothing", "get", Consistency::Local).await.expect_err("no such group");
    assert_eq!(reason_of(&unknown), reason::GROUP_NOT_FOUND);

    let mut client = GroupsClient::new(cluster.channel(1).await);
    let create = |name: &str, plugin: &str, nodes: Vec<u64>| CreateGroupRequest {
        name: name.to_owned(),
        plugin: plugin.to_owned(),
        nodes,
        ..Default::default()
    };
    let cases = [
        (create("test/other", "test/nothing@1", vec![]), reason::PLUGIN_NOT_FOUND),
        (create("test/other", "test/counter@2", vec![]), reason::PLUGIN_NOT_FOUND),
        (create("test/other", "test/counter@1", vec![1, 2, 77]), reason::NODE_NOT_FOUND),
        (create("test/count", "test/counter@1", vec![]), reason::NAME_TAKEN),
        (create("no tenant", "test/counter@1", vec![]), reason::INVALID_NAME),
        (create("test/other", "counter", vec![]), reason::INVALID_NAME),
    ];
    for (request, expected) in cases {
        let shown = format!("{request:?}");
        let refused = client.create(request).await.expect_err(&shown);
        assert_eq!(reason_of(&refused), expected, "{shown}: {refused:?}");
    }
    let refused = client
        .delete(DeleteGroupRequest { name: "test/nothing".to_owned() })
        .await
        .expect_err("no such group");
    assert_eq!(reason_of(&refused), reason::GROUP_NOT_FOUND);
    assert_eq!(cluster.reply("count", "add 1").await, "1", "nothing of this touched the group");
}

/// The most that a group may be given of `command_bytes_max`.
const LARGEST: u64 = 16 << 20;

#[tokio::test]
async fn a_command_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let cluster = Cluster::start().await;
    cluster.upload("kv").await;
    let limits = GroupLimits { command_bytes_max: Some(100), ..Default::default() };
    cluster.create_with("pairs", "kv", limits).await;
    let command = |bytes: usize| format!("put key {}", "x".repeat(bytes - "put key ".len()));
    assert_eq!(cluster.reply("pairs", &command(100)).await, "ok");
    let leader = cluster.leader("pairs").await;
    let refused = cluster.submit_to(leader, "pairs", &command(101)).await.expect_err("too large");
    assert_eq!(reason_of(&refused), reason::COMMAND_TOO_LARGE, "{refused:?}");

    let limits = GroupLimits { command_bytes_max: Some(LARGEST), ..Default::default() };
    cluster.create_with("large", "kv", limits).await;
    let leader = cluster.leader("large").await;
    let mut largest = "x".repeat(usize::try_from(LARGEST).expect("it fits"));
    cluster.submit_to(leader, "large", &largest).await.expect("an answer of the plugin");
    largest.push('x');
    let refused = cluster.submit_to(leader, "large", &largest).await.expect_err("too large");
    assert_eq!(reason_of(&refused), reason::COMMAND_TOO_LARGE, "{refused:?}");
}

#[tokio::test]
async fn a_follower_names_the_leaders_address() {
    use quorate_proto::reason::metadata;
    use tonic_types::StatusExt;
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    cluster.replicas_are_equal("count").await;
    let leader = cluster.leader("count").await;
    let follower = if leader == 1 { 2 } else { 1 };
    let refused = cluster.submit_to(follower, "count", "add 1").await.expect_err("a follower");
    assert_eq!(reason_of(&refused), reason::NOT_LEADER, "{refused:?}");
    let info = refused.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.metadata[metadata::LEADER_ADDRESS], cluster.node(leader).address());
}

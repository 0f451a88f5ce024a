//! From an upload to replies.

use quorate_end_to_end::{
    Cluster,
    ask::{reason_of, reply},
    component, wait,
};
use quorate_proto::{
    reason,
    v1::{
        Consistency, DeleteGroupRequest, ListGroupsRequest, ListPluginsRequest, MachineKind,
        SubmitStreamRequest, commands_client::CommandsClient, groups_client::GroupsClient, outcome,
        plugins_client::PluginsClient, submit_stream_response::Result as StreamResult,
    },
};
use std::fs;

#[tokio::test]
async fn an_uploaded_plugin_is_listed_on_every_node() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    for node in cluster.nodes() {
        let listed = wait::until("the plugins are listed", || async {
            let mut client = PluginsClient::new(cluster.channel(node.id()).await);
            let listed =
                client.list(ListPluginsRequest::default()).await.map_err(|status| status.to_string())?;
            let plugins = listed.into_inner().plugins;
            if plugins.len() == 2 { Ok(plugins) } else { Err(format!("{plugins:?}")) }
        })
        .await;
        let seen: Vec<_> = listed.iter().map(|plugin| (plugin.reference.as_str(), plugin.kind())).collect();
        assert_eq!(seen, [("test/counter@1", MachineKind::Memory), ("test/kv@1", MachineKind::Store)]);
        assert_eq!(listed[0].size_bytes, fs::metadata(component("counter")).expect("a file").len());
    }
}

#[tokio::test]
async fn commands_change_state_and_every_node_answers_queries() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;
    assert_eq!(cluster.reply("count", "add 5").await, "5");
    assert_eq!(cluster.reply("count", "subtract 2").await, "3");
    assert_eq!(cluster.reply("pairs", "put city Berlin").await, "ok");
    for node in [1, 2, 3] {
        for (group, request, expected) in [("count", "get", "3"), ("pairs", "get city", "Berlin")] {
            let answer = wait::until("a node answers", || async {
                let answer = cluster.query_at(node, group, request, Consistency::Linearizable).await;
                answer.map_err(|status| status.to_string())
            })
            .await;
            assert_eq!(reply(answer.outcome.as_ref()), expected, "{group} at node {node}");
        }
    }
    cluster.replicas_are_equal("count").await;
    cluster.replicas_are_equal("pairs").await;
}

#[tokio::test]
async fn a_rejection_is_an_answer_and_changes_nothing() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    let rejected = cluster.submit("count", "subtract 2").await.outcome.expect("an outcome");
    let Some(outcome::Result::Rejection(why)) = rejected.result else { panic!("{rejected:?}") };
    assert!(String::from_utf8_lossy(&why).contains("cannot subtract 2"), "{why:?}");
    assert_eq!(cluster.answer("count", "get").await, "1");
}

#[tokio::test]
async fn a_trap_is_the_commands_outcome_and_the_group_goes_on() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 7").await;
    let trapped = cluster.submit("count", "trap").await.outcome.expect("an outcome");
    assert!(matches!(trapped.result, Some(outcome::Result::Trapped(_))), "{trapped:?}");
    assert_eq!(cluster.reply("count", "add 1").await, "8");
    cluster.replicas_are_equal("count").await;
}

#[tokio::test]
async fn commands_of_one_stream_enter_the_log_in_their_order() {
    const COMMANDS: u64 = 500;
    let cluster = Cluster::start().await;
    cluster.upload("kv").await;
    cluster.create("pairs", "kv").await;
    let leader = cluster.leader("pairs").await;
    let commands = (0..COMMANDS).map(|sequence| SubmitStreamRequest {
        group: "test/pairs".to_owned(),
        sequence,
        command: format!("put last {sequence}").into_bytes().into(),
        ticket: None,
    });
    let mut client = CommandsClient::new(cluster.channel(leader).await);
    let mut answers =
        client.submit_stream(tokio_stream::iter(commands)).await.expect("a stream").into_inner();
    let mut before = None;
    for sequence in 0..COMMANDS {
        let answer = answers.message().await.expect("no failure").expect("an answer to each");
        assert_eq!(answer.sequence, sequence);
        let Some(StreamResult::Applied(applied)) = answer.result else { panic!("{answer:?}") };
        let position = applied.position.expect("a position");
        let place = (position.index, position.ordinal);
        assert!(before < Some(place), "{before:?} came before {place:?}");
        before = Some(place);
    }
    assert!(answers.message().await.expect("a good end").is_none());
    assert_eq!(cluster.answer("pairs", "get last").await, (COMMANDS - 1).to_string());
}

#[tokio::test]
async fn a_group_is_described_with_every_replica() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    cluster.replicas_are_equal("count").await;
    let leader = cluster.leader("count").await;
    let mut numbers = Vec::new();
    for node in [1, 2, 3] {
        let replica = cluster.replica(node, "count").await.expect("a replica on every node");
        assert_eq!((replica.node, replica.leader_node), (node, leader));
        assert!(
            replica.term > 0 && replica.committed >= replica.applied && replica.applied > 0,
            "{replica:?}"
        );
        assert_eq!(replica.group_name, "test/count");
        numbers.push(replica.replica);
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 3, "each replica has a number of its own");
}

#[tokio::test]
async fn a_deleted_group_is_gone_and_its_name_is_free() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 5").await;
    let mut client = GroupsClient::new(cluster.channel(2).await);
    let deleted = client.delete(DeleteGroupRequest { name: "test/count".to_owned() }).await.expect("deleted");
    let number = deleted.into_inner().id;
    for node in [1, 2, 3] {
        let gone = wait::until("the group is gone", || async {
            match cluster.submit_to(node, "count", "add 1").await {
                Err(status) if reason_of(&status) == reason::GROUP_NOT_FOUND => Ok(status),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        assert_eq!(gone.code(), tonic::Code::NotFound);
        wait::until("its replica is gone", || async {
            let status = cluster.status(node).await?;
            let left = status.replicas.iter().find(|replica| replica.group == number);
            left.map_or(Ok(()), |replica| Err(format!("{replica:?}")))
        })
        .await;
    }
    cluster.create("count", "counter").await;
    assert_eq!(cluster.answer("count", "get").await, "0", "the new group has nothing of the old one");
    let groups = client.list(ListGroupsRequest::default()).await.expect("listed").into_inner().groups;
    assert!(groups.iter().all(|group| group.id != number), "{groups:?}");
}

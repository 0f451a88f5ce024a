use super::support::{FakeNode, GROUP, client, not_leader, soon, told};
use crate::{Client, CreateGroupRequest, Group, GroupLimits, Plugin, reason};
use quorate_proto::v1::{
    ChangeMembersRequest, ChangeMembersResponse, CreateGroupResponse, DeleteGroupResponse,
    DescribeGroupResponse, ListGroupsResponse, ListNodesResponse, ListPluginsResponse, NodeStatusResponse,
    NodeUse, RecoverGroupResponse, SetNodeUseResponse, SetPriorityResponse, SnapshotGroupResponse,
    TransferGroupResponse,
};
use tonic::Code;

fn group(name: &str) -> Group {
    Group { name: name.to_owned(), ..Group::default() }
}

#[tokio::test]
async fn a_group_is_created_as_asked_for() {
    let node = FakeNode::start().await;
    node.create.answers(|request| {
        let group =
            Group { name: request.name, plugin: request.plugin, limits: request.limits, ..Group::default() };
        Ok(CreateGroupResponse { group: Some(group) })
    });
    let limits = GroupLimits { fuel_per_command: Some(5), ..GroupLimits::default() };
    let request = CreateGroupRequest {
        name: GROUP.to_owned(),
        plugin: "acme/counter@1".to_owned(),
        limits: Some(limits),
        ..CreateGroupRequest::default()
    };
    let created = client([&node]).create_group(request).await.expect("created");
    assert_eq!((created.name.as_str(), created.plugin.as_str()), (GROUP, "acme/counter@1"));
    assert_eq!(created.limits, Some(limits));
}

#[tokio::test]
async fn a_taken_name_is_told_and_not_tried_again() {
    let node = FakeNode::start().await;
    node.create.answers(|_| Err(told(Code::AlreadyExists, reason::NAME_TAKEN, &[])));
    let error = client([&node]).create_group(CreateGroupRequest::default()).await.expect_err("taken");
    assert_eq!(error.reason, reason::NAME_TAKEN);
    assert_eq!(node.create.calls(), 1);
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let node = FakeNode::start().await;
    node.list_groups.answers(|request| {
        assert_eq!(request.tenant, "acme");
        let (name, next) = match request.page_token.as_str() {
            "" => ("acme/a", "second"),
            "second" => ("acme/b", "third"),
            _ => ("acme/c", ""),
        };
        Ok(ListGroupsResponse { groups: vec![group(name)], next_page_token: next.to_owned() })
    });
    let groups = client([&node]).list_groups(Some("acme")).await.expect("answered");
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["acme/a", "acme/b", "acme/c"]);
}

#[tokio::test]
async fn a_list_that_never_comes_further_ends() {
    let node = FakeNode::start().await;
    node.list_plugins.answers(|_| {
        let plugins = vec![Plugin::default()];
        Ok(ListPluginsResponse { plugins, next_page_token: "same".to_owned() })
    });
    let plugins = soon("an end", client([&node]).list_plugins(None)).await.expect("answered");
    assert_eq!((plugins.len(), node.list_plugins.calls()), (2, 2));
}

#[tokio::test]
async fn a_group_is_deleted_once_and_its_number_is_told() {
    let node = FakeNode::start().await;
    node.delete.answers(|request| {
        assert_eq!(request.name, GROUP);
        Ok(DeleteGroupResponse { id: 8 })
    });
    assert_eq!(client([&node]).delete_group(GROUP).await, Ok(8));
    assert_eq!(node.delete.calls(), 1);
}

#[tokio::test]
async fn a_snapshot_is_taken_at_the_leader() {
    let (follower, leader) = (FakeNode::start().await, FakeNode::start().await);
    let address = leader.address.clone();
    follower.snapshot.answers(move |_| Err(not_leader(Some(&address))));
    leader.snapshot.answers(|_| Ok(SnapshotGroupResponse { index: 100, size_bytes: 5 }));
    let snapshot = client([&follower, &leader]).snapshot_group(GROUP).await.expect("taken");
    assert_eq!((snapshot.index, snapshot.size_bytes), (100, 5));
}

#[tokio::test]
async fn a_change_of_members_is_asked_for_again_when_its_answer_is_lost() {
    let node = FakeNode::start().await;
    let mut asked = 0;
    node.change_members.answers(move |request| {
        asked += 1;
        if asked == 1 {
            return Err(told(Code::Unavailable, reason::OUTCOME_UNKNOWN, &[]));
        }
        assert_eq!((request.name.as_str(), &request.add_voters[..]), (GROUP, &[4][..]));
        Ok(ChangeMembersResponse { group: Some(Group { changes: 1, ..group(GROUP) }) })
    });
    let request = ChangeMembersRequest {
        name: GROUP.to_owned(),
        add_voters: vec![4],
        ..ChangeMembersRequest::default()
    };
    let changed = client([&node]).change_members(request).await.expect("taken down");
    assert_eq!((changed.changes, node.change_members.calls()), (1, 2));
}

#[tokio::test]
async fn after_a_transfer_the_leader_is_looked_for_again() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.transfer.answers(|request| {
        assert_eq!((request.name.as_str(), request.to_node), (GROUP, 2));
        Ok(TransferGroupResponse { from_node: 1, leader_node: 2, term: 4 })
    });
    let client = client([&one, &two]);
    let moved = client.transfer_group(GROUP, Some(2)).await.expect("handed over");
    assert_eq!((moved.from_node, moved.leader_node, moved.term), (1, 2, 4));
    assert_eq!(client.leaders().of(GROUP), None);
    one.transfer.answers(|_| Err(told(Code::FailedPrecondition, reason::TRANSFER_FAILED, &[])));
    let error = client.transfer_group(GROUP, None).await.expect_err("it stays");
    assert_eq!(error.reason, reason::TRANSFER_FAILED);
    assert_eq!(one.transfer.calls(), 2, "not tried again");
}

#[tokio::test]
async fn a_priority_is_set_at_the_leader() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let address = two.address.clone();
    one.set_priority.answers(move |_| Err(not_leader(Some(&address))));
    two.set_priority.answers(|request| {
        assert_eq!((request.name.as_str(), request.node, request.priority), (GROUP, 3, 200));
        Ok(SetPriorityResponse {})
    });
    client([&one]).set_priority(GROUP, 3, 200).await.expect("set");
    assert_eq!(two.set_priority.calls(), 1);
}

#[tokio::test]
async fn any_node_takes_down_whether_a_node_is_to_be_emptied() {
    let one = FakeNode::start().await;
    one.set_use.answers(|request| {
        assert_eq!((request.node, request.r#use()), (3, NodeUse::Draining));
        Ok(SetNodeUseResponse {})
    });
    client([&one]).set_node_use(3, NodeUse::Draining).await.expect("taken down");
    assert_eq!(one.set_use.calls(), 1);
}

#[tokio::test]
async fn one_node_can_be_asked_and_no_other() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for (id, node) in [(1, &one), (2, &two)] {
        node.status.answers(move |_| Ok(NodeStatusResponse { id, ..NodeStatusResponse::default() }));
        node.describe.answers(move |request| {
            let group = Group { leader_node: id, ..group(&request.name) };
            Ok(DescribeGroupResponse { group: Some(group), replica: None, upgrades: Vec::new() })
        });
    }
    let client = client([&one, &two]);
    for _ in 0..2 {
        assert_eq!(client.node_status_at(&two.address).await.expect("answered").id, 2);
        let described = client.describe_group_at(&two.address, GROUP).await.expect("answered");
        assert_eq!(described.group.expect("a group").leader_node, 2);
    }
    two.status.answers(|_| Err(told(Code::Internal, reason::INTERNAL, &[])));
    client.node_status_at(&two.address).await.expect_err("failed");
    assert_eq!(one.status.calls() + one.describe.calls(), 0);
    assert_eq!(client.node_status().await.expect("answered").id, 1);
    assert!(client.describe_group(GROUP).await.is_ok());
    assert_eq!(
        client.node_status_at("nonsense").await.expect_err("no address").reason,
        reason::INVALID_ARGUMENT
    );
}

#[tokio::test]
async fn the_nodes_are_listed_by_whoever_answers() {
    let node = FakeNode::start().await;
    node.list_nodes.answers(|_| Ok(ListNodesResponse { cluster: "blue".to_owned(), nodes: vec![] }));
    let addresses = [super::support::nobody().await, node.address.clone()];
    let client = Client::lazy(&addresses, super::support::config()).expect("addresses");
    assert_eq!(client.list_nodes().await.expect("answered").cluster, "blue");
}

#[tokio::test]
async fn a_recovery_is_asked_of_one_node_and_once() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    two.recover.answers(|request| {
        assert_eq!(
            (request.name.as_str(), &request.survivor_nodes[..], request.accept_loss),
            (GROUP, &[2][..], true)
        );
        Ok(RecoverGroupResponse { epoch: 1, members: Vec::new() })
    });
    let client = client([&one, &two]);
    let recovered = client.recover_group_at(&two.address, GROUP, &[2]).await.expect("recovered");
    assert_eq!(recovered.epoch, 1);
    two.recover.answers(|_| Err(told(Code::Aborted, reason::OUTCOME_UNKNOWN, &[])));
    client.recover_group_at(&two.address, GROUP, &[2]).await.expect_err("nobody knows");
    assert_eq!((one.recover.calls(), two.recover.calls()), (0, 2));
}

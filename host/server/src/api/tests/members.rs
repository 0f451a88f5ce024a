//! Changes of members and of leaderships, as they come in and go out.

use super::over_the_wire::start;
use quorate_proto::{
    reason,
    v1::{self, groups_client::GroupsClient},
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn told(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().expect("an ErrorInfo").reason)
}

#[tokio::test]
async fn a_change_of_members_names_some_or_all_and_not_both() {
    let running = start().await;
    let mut client = GroupsClient::new(running.channel.clone());
    let request = |set| v1::ChangeMembersRequest { name: "acme/there".to_owned(), set, ..Default::default() };
    let set = v1::MemberSet { voters: vec![1, 2], learners: vec![3], witnesses: Vec::new() };
    let group =
        client.change_members(request(Some(set.clone()))).await.expect("taken down").into_inner().group;
    let group = group.expect("the group");
    let wanted = group.change.expect("a change").wanted;
    let (voter, learner) = (v1::MemberRole::Voter, v1::MemberRole::Learner);
    let roles: Vec<_> = wanted.iter().map(|member| (member.node, member.replica, member.role())).collect();
    assert_eq!((roles, group.changes), (vec![(1, 11, voter), (2, 12, voter), (3, 13, learner)], 1));

    let edit = v1::ChangeMembersRequest { add_learners: vec![4], remove: vec![1], ..request(None) };
    let group = client.change_members(edit.clone()).await.expect("taken down").into_inner().group;
    assert_eq!(group.expect("the group").change, None);
    for wrong in [request(None), v1::ChangeMembersRequest { set: Some(set), ..edit }] {
        let status = client.change_members(wrong).await.expect_err("some or all");
        assert_eq!(told(&status), (Code::InvalidArgument, reason::INVALID_ARGUMENT.to_owned()));
    }
}

#[tokio::test]
async fn a_leadership_is_handed_to_whom_the_request_names() {
    let running = start().await;
    let mut client = GroupsClient::new(running.channel.clone());
    let request = |to_node| v1::TransferGroupRequest { name: "acme/there".to_owned(), to_node };
    let moved = client.transfer(request(3)).await.expect("handed over").into_inner();
    assert_eq!((moved.from_node, moved.leader_node, moved.term), (1, 3, 5));
    assert_eq!(client.transfer(request(0)).await.expect("handed over").into_inner().leader_node, 2);
    let status = client.transfer(request(9)).await.expect_err("it holds none");
    assert_eq!(told(&status), (Code::NotFound, reason::MEMBER_NOT_FOUND.to_owned()));
    assert!(status.message().contains("node 9 holds no voter"), "{status:?}");
}

use super::support::{
    FakeNode, GROUP, GUARD, applied, client, client_with, config, connected, nobody, not_leader,
    short_of_time, soon,
};
use crate::{Client, ClientConfig, reason};
use std::time::Duration;

#[tokio::test]
async fn a_client_goes_where_the_leader_is_and_remembers_it() {
    let (follower, leader) = (FakeNode::start().await, FakeNode::start().await);
    let address = leader.address.clone();
    follower.submit.answers(move |_| Err(not_leader(Some(&address))));
    leader.submit.answers(|_| Ok(applied(1, "")));
    // The leader is not even among the addresses that it was given.
    let client = client([&follower]);
    for _ in 0..3 {
        client.submit(GROUP, "x").await.expect("applied");
    }
    assert_eq!((follower.submit.calls(), leader.submit.calls()), (1, 3));
    client.clone().submit(GROUP, "x").await.expect("applied");
    assert_eq!(follower.submit.calls(), 1, "clones know it too");
}

#[tokio::test]
async fn leaders_are_remembered_for_each_group() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for (node, own, other) in [(&one, "a/one", &two), (&two, "a/two", &one)] {
        let address = other.address.clone();
        node.submit.answers(move |(request, _)| {
            if request.group == own { Ok(applied(1, "")) } else { Err(not_leader(Some(&address))) }
        });
    }
    let client = client([&one, &two]);
    for _ in 0..5 {
        client.submit("a/one", "x").await.expect("applied");
        client.submit("a/two", "x").await.expect("applied");
    }
    assert_eq!((one.submit.calls(), two.submit.calls()), (6, 5), "one redirection in all");
}

#[tokio::test]
async fn a_node_that_knows_no_leader_sends_the_client_to_the_others() {
    let nodes = [FakeNode::start().await, FakeNode::start().await, FakeNode::start().await];
    nodes[0].submit.answers(|_| Err(not_leader(None)));
    nodes[1].submit.answers(|_| Err(not_leader(None)));
    nodes[2].submit.answers(|_| Ok(applied(1, "")));
    let client = client(&nodes);
    client.submit(GROUP, "x").await.expect("applied");
    client.submit(GROUP, "x").await.expect("applied");
    assert_eq!(nodes.each_ref().map(|node| node.submit.calls()), [1, 1, 2]);
}

#[tokio::test]
async fn a_leader_that_moved_is_followed() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.submit.answers(|_| Ok(applied(1, "")));
    let client = client([&one, &two]);
    client.submit(GROUP, "x").await.expect("applied");
    let address = two.address.clone();
    one.submit.answers(move |_| Err(not_leader(Some(&address))));
    two.submit.answers(|_| Ok(applied(2, "")));
    for _ in 0..2 {
        assert_eq!(client.submit(GROUP, "x").await.expect("applied").position.index, 2);
    }
    assert_eq!((one.submit.calls(), two.submit.calls()), (2, 2));
}

#[tokio::test]
async fn a_leader_that_is_gone_is_looked_for_elsewhere() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let gone = nobody().await;
    let mut first = true;
    one.submit.answers(move |_| {
        // It learns of the change a little later.
        if std::mem::take(&mut first) { Err(not_leader(Some(&gone))) } else { Err(not_leader(None)) }
    });
    two.submit.answers(|_| Ok(applied(1, "")));
    soon("applied", client([&one, &two]).submit(GROUP, "x")).await.expect("applied");
    assert_eq!(two.submit.calls(), 1);
}

#[tokio::test]
async fn a_node_that_says_it_leads_and_does_not_is_not_believed() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let own = one.address.clone();
    one.submit.answers(move |_| Err(not_leader(Some(&own))));
    two.submit.answers(|_| Ok(applied(1, "")));
    client([&one, &two]).submit(GROUP, "x").await.expect("applied");
    assert_eq!((one.submit.calls(), two.submit.calls()), (1, 1));
}

#[tokio::test]
async fn an_address_that_is_none_is_not_followed() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.submit.answers(|_| Err(not_leader(Some("not an address"))));
    two.submit.answers(|_| Ok(applied(1, "")));
    client([&one, &two]).submit(GROUP, "x").await.expect("applied");
    assert_eq!((one.submit.calls(), two.submit.calls()), (1, 1));
}

#[tokio::test]
async fn nodes_that_send_each_other_the_client_do_not_hold_it_for_ever() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for (node, other) in [(&one, &two), (&two, &one)] {
        let address = other.address.clone();
        node.submit.answers(move |_| Err(not_leader(Some(&address))));
    }
    let client = connected([&one, &two]).await.with_config(short_of_time());
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("nobody leads");
    assert_eq!(error.reason, reason::NOT_LEADER);
    // After a few redirections in a row it takes a breath of at least 50 ms, and begins nothing after 500 ms.
    let calls = one.submit.calls() + two.submit.calls();
    assert!(calls <= 4 * 11, "{calls}");
}

#[tokio::test]
async fn when_nobody_knows_of_a_leader_until_the_end_there_is_no_quorum() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Err(not_leader(None)));
    let client = connected([&node]).await.with_config(short_of_time());
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("nobody leads");
    assert_eq!(error.reason, reason::NO_QUORUM, "{error}");
    assert!(!error.outcome_unknown());
    assert!(error.message.contains(GROUP) && error.cure.contains("majority"), "{error:?}");

    // Also when the last that was met is one of those that are down.
    let addresses = [node.address.clone(), nobody().await, nobody().await];
    let client = Client::lazy(&addresses, config()).expect("addresses");
    client.node_status_at(&node.address).await.expect("connected");
    let client = client.with_config(short_of_time());
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("nobody leads");
    assert_eq!(error.reason, reason::NO_QUORUM, "{error}");

    let mut pipeline = client.pipeline(GROUP);
    node.submit_stream.answers(|_| Err(not_leader(None)));
    let submission = pipeline.submit("x").await.expect("room");
    let error = soon("given up", submission).await.expect_err("nobody leads");
    assert_eq!(error.reason, reason::NO_QUORUM, "{error}");
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_passed_over() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Ok(applied(1, "")));
    let addresses = [nobody().await, nobody().await, node.address.clone()];
    let client = Client::lazy(&addresses, config()).expect("addresses");
    for _ in 0..3 {
        client.submit(GROUP, "x").await.expect("applied");
    }
    assert_eq!(node.submit.calls(), 3);
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_has_done_nothing() {
    let addresses = [nobody().await, nobody().await];
    let client =
        Client::lazy(&addresses, config()).expect("addresses").with_deadline(Duration::from_millis(200));
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("nobody is there");
    assert_eq!(error.reason, reason::UNREACHABLE);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn waits_for_an_election_stay_short_however_long_it_takes() {
    const REFUSALS: u32 = 25;
    // Doubled so often, the wait for a node that cannot be reached would be hours.
    let config =
        ClientConfig { backoff_max: GUARD * 60, leader_wait_max: Duration::from_millis(2), ..config() };
    let gone = nobody().await;
    for said in [None, Some(gone)] {
        let node = FakeNode::start().await;
        let mut refusals = 0;
        node.submit.answers(move |_| {
            refusals += 1;
            if refusals <= REFUSALS { Err(not_leader(said.as_deref())) } else { Ok(applied(1, "")) }
        });
        soon("elected", client_with([&node], config).submit(GROUP, "x")).await.expect("applied");
    }
}

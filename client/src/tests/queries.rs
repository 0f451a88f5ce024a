use super::support::{FakeNode, GROUP, applied, client, not_leader, soon, told};
use crate::{Consistency, Outcome, reason};
use bytes::Bytes;
use quorate_proto::v1::{self, QueryResponse};
use std::{sync::mpsc, time::Duration};
use tonic::Code;

fn answer(applied_index: u64, reply: &'static str) -> QueryResponse {
    QueryResponse { applied: applied_index, outcome: applied(1, reply).outcome }
}

#[tokio::test]
async fn a_query_carries_its_request_and_consistency_and_brings_the_answer() {
    let node = FakeNode::start().await;
    let (sender, asked) = mpsc::channel();
    node.query.answers(move |request| {
        sender.send(request).expect("open");
        Ok(answer(17, "five"))
    });
    let client = client([&node]);
    let bounded = Consistency::Bounded { max_staleness: Duration::from_millis(1_500) };
    for (consistency, on_the_wire, staleness_ms) in [
        (Consistency::Linearizable, v1::Consistency::Linearizable, 0),
        (Consistency::Lease, v1::Consistency::Lease, 0),
        (bounded, v1::Consistency::Bounded, 1_500),
        (Consistency::Local, v1::Consistency::Local, 0),
    ] {
        let queried = client.query(GROUP, "value", consistency).await.expect("answered");
        assert_eq!((queried.applied, queried.fuel), (17, 7));
        assert_eq!(queried.outcome, Outcome::Reply(Bytes::from_static(b"five")));
        let asked = asked.try_recv().expect("asked");
        assert_eq!((asked.consistency(), asked.group.as_str()), (on_the_wire, GROUP));
        assert_eq!((asked.max_staleness_ms, &asked.request[..]), (staleness_ms, &b"value"[..]));
    }
}

#[tokio::test]
async fn a_query_goes_where_a_replica_is() {
    let (without, with) = (FakeNode::start().await, FakeNode::start().await);
    let address = with.address.clone();
    without.query.answers(move |_| Err(not_leader(Some(&address))));
    with.query.answers(|_| Ok(answer(1, "")));
    let client = client([&without]);
    for _ in 0..3 {
        client.query(GROUP, "x", Consistency::Linearizable).await.expect("answered");
    }
    assert_eq!((without.query.calls(), with.query.calls()), (1, 3));
}

#[tokio::test]
async fn a_node_at_which_queries_fail_is_passed_over_and_each_is_asked_once() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.query.answers(|_| Err(told(Code::Internal, reason::QUERY_FAILED, &[])));
    two.query.answers(|_| Ok(answer(1, "")));
    let client = client([&one, &two]);
    client.query(GROUP, "x", Consistency::Local).await.expect("answered");
    assert_eq!((one.query.calls(), two.query.calls()), (1, 1));
    two.query.answers(|_| Err(told(Code::Internal, reason::QUERY_FAILED, &[])));
    let error = soon("given up", client.query(GROUP, "x", Consistency::Local)).await.expect_err("failed");
    assert_eq!(error.reason, reason::QUERY_FAILED);
    assert_eq!(one.query.calls() + two.query.calls(), 4);
}

#[tokio::test]
async fn a_query_that_is_answered_with_nothing_is_an_error_of_its_own() {
    let node = FakeNode::start().await;
    node.query.answers(|_| Ok(QueryResponse::default()));
    let error = client([&node]).query(GROUP, "x", Consistency::Local).await.expect_err("nothing");
    assert_eq!(error.reason, reason::INTERNAL);
    assert!(!error.outcome_unknown());
}

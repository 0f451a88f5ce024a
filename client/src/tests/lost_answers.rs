use super::support::{FakeNode, GROUP, applied, client, config, connected, soon, told};
use crate::{Client, ClientError, Consistency, CreateGroupRequest, failed::Failed, reason};
use futures::FutureExt;
use quorate_proto::v1::{Group, QueryResponse, SubmitResponse};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::{Code, ConnectError, Status};

/// Hands out a token for each call, and never answers.
fn hang<Asked: Send + 'static, Answer: Send + 'static>(
    came: mpsc::UnboundedSender<()>,
) -> Box<dyn FnMut(Asked) -> futures::future::BoxFuture<'static, Result<Answer, Status>> + Send> {
    Box::new(move |_| {
        let _ = came.send(());
        std::future::pending().boxed()
    })
}

fn assert_unknown(error: &ClientError) {
    assert_eq!(error.reason, reason::OUTCOME_UNKNOWN, "{error:?}");
    assert!(error.outcome_unknown());
    assert!(!error.cause.is_empty() && !error.cure.is_empty());
}

#[tokio::test]
async fn a_command_whose_connection_breaks_is_not_submitted_again() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let (came, mut calls) = mpsc::unbounded_channel();
    one.submit.set(hang(came));
    two.submit.answers(|_| Ok(applied(1, "")));
    let cut = async {
        calls.recv().await.expect("open");
        one.cut();
    };
    let client = client([&one, &two]);
    let (submitted, ()) = soon("an error", async { tokio::join!(client.submit(GROUP, "x"), cut) }).await;
    assert_unknown(&submitted.expect_err("lost"));
    assert_eq!((one.submit.calls(), two.submit.calls()), (1, 0));
}

#[tokio::test]
async fn a_query_whose_connection_breaks_is_asked_again() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let (came, mut calls) = mpsc::unbounded_channel();
    one.query.set(hang(came));
    let outcome = applied(1, "5").outcome;
    two.query.answers(move |_| Ok(QueryResponse { applied: 9, outcome: outcome.clone() }));
    let cut = async {
        calls.recv().await.expect("open");
        one.cut();
    };
    let client = client([&one, &two]);
    let query = client.query(GROUP, "value", Consistency::Local);
    let (queried, ()) = soon("an answer", async { tokio::join!(query, cut) }).await;
    assert_eq!(queried.expect("answered").applied, 9);
    assert_eq!((one.query.calls(), two.query.calls()), (1, 1));
}

#[tokio::test]
async fn a_command_whose_outcome_the_node_does_not_know_is_not_submitted_again() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for node in [&one, &two] {
        node.submit.answers(|_| Err(told(Code::Aborted, reason::OUTCOME_UNKNOWN, &[])));
    }
    let error = client([&one, &two]).submit(GROUP, "x").await.expect_err("unknown");
    assert_unknown(&error);
    assert_eq!(error.cause, "the cause", "as the node told it");
    assert_eq!(one.submit.calls() + two.submit.calls(), 1);
}

#[tokio::test]
async fn an_error_that_no_node_explained_leaves_the_outcome_unknown() {
    for status in [
        Status::unavailable("a proxy says so"),
        Status::internal("?"),
        Status::cancelled("?"),
        Status::unknown("?"),
    ] {
        let node = FakeNode::start().await;
        let code = status.code();
        node.submit.answers(move |_| Err(Status::new(code, "?")));
        assert_unknown(&client([&node]).submit(GROUP, "x").await.expect_err("lost"));
        assert_eq!(node.submit.calls(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_leaves_the_outcome_unknown() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Ok(SubmitResponse::default()));
    assert_unknown(&client([&node]).submit(GROUP, "x").await.expect_err("lost"));
    assert_eq!(node.submit.calls(), 1);
}

#[tokio::test]
async fn a_deadline_that_passes_leaves_the_outcome_of_a_command_unknown_and_ends_a_query() {
    let node = FakeNode::start().await;
    node.submit.hangs();
    node.query.hangs();
    let client = connected([&node]).await.with_deadline(Duration::from_millis(500));
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("no answer");
    assert_unknown(&error);
    let error = soon("given up", client.query(GROUP, "x", Consistency::Local)).await.expect_err("no answer");
    assert!(!error.outcome_unknown(), "a query changes nothing: {error:?}");
    assert!(node.submit.calls() <= 1 && node.query.calls() <= 1);
}

#[tokio::test]
async fn what_grpc_refuses_before_a_node_sees_it_was_not_done() {
    for code in [Code::Unimplemented, Code::Unauthenticated, Code::PermissionDenied] {
        let node = FakeNode::start().await;
        node.submit.answers(move |_| Err(Status::new(code, "?")));
        let error = client([&node]).submit(GROUP, "x").await.expect_err("refused");
        assert!(!error.outcome_unknown(), "{error:?}");
        assert_eq!(node.submit.calls(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn a_group_whose_creation_is_lost_is_not_created_again() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let (came, mut calls) = mpsc::unbounded_channel();
    one.create.set(hang(came));
    two.create.answers(|_| Ok(Default::default()));
    let cut = async {
        calls.recv().await.expect("open");
        one.cut();
    };
    let client = client([&one, &two]);
    let create = client.create_group(CreateGroupRequest { name: GROUP.to_owned(), ..Default::default() });
    let (created, ()) = soon("an error", async { tokio::join!(create, cut) }).await;
    assert_unknown(&created.expect_err("lost"));
    assert_eq!(two.create.calls(), 0);
}

#[tokio::test]
async fn a_group_is_created_at_another_node_when_the_first_certainly_did_nothing() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.create.answers(|_| Err(told(Code::Unavailable, reason::NO_QUORUM, &[])));
    two.create.answers(|request| {
        let group = Group { name: request.name, id: 3, ..Group::default() };
        Ok(quorate_proto::v1::CreateGroupResponse { group: Some(group) })
    });
    let request = CreateGroupRequest { name: GROUP.to_owned(), ..Default::default() };
    let group = client([&one, &two]).create_group(request).await.expect("created");
    assert_eq!((group.name.as_str(), group.id), (GROUP, 3));
}

#[tokio::test]
async fn a_connection_that_did_not_come_about_is_told_from_one_that_broke() {
    let refused = Box::new(ConnectError(Box::new(std::io::Error::other("connection refused"))));
    let unsent = Failed::of("a:1", &Status::from_error(refused));
    assert!(
        matches!(&unsent, Failed::Unsent(error) if error.message.contains("connection refused")),
        "{unsent:?}"
    );
    let broken = Box::new(std::io::Error::other("connection reset"));
    let lost = Failed::of("a:1", &Status::from_error(broken));
    assert!(matches!(lost, Failed::Lost(_)), "{lost:?}");
}

#[tokio::test]
async fn a_reason_of_another_domain_is_none() {
    use tonic_types::{ErrorDetails, StatusExt};
    let details = ErrorDetails::with_error_info(
        reason::NOT_LEADER,
        "another.example",
        [("a".to_owned(), "b".to_owned())],
    );
    let status = Status::with_error_details(Code::Unavailable, "?", details);
    assert!(matches!(Failed::of("a:1", &status), Failed::Lost(_)));
}

#[tokio::test]
async fn a_connection_that_was_cut_is_opened_again() {
    let node = FakeNode::start().await;
    node.status.answers(|_| Ok(Default::default()));
    let client = Client::lazy([&node.address], config()).expect("an address");
    for calls in 1..4 {
        soon("answered", client.node_status()).await.expect("answered");
        assert_eq!(node.status.calls(), calls);
        node.cut();
    }
}

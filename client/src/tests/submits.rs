use super::support::{
    FakeNode, GROUP, applied, client, client_with, config, connected, short_of_time, soon, told,
};
use crate::{ClientConfig, Outcome, TrapKind, reason};
use bytes::Bytes;
use quorate_proto::v1::{self, SubmitResponse, Trapped, outcome};
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_command_reaches_the_plugin_and_its_reply_comes_back() {
    let node = FakeNode::start().await;
    node.submit.answers(|(request, _)| {
        assert_eq!(request.group, GROUP);
        Ok(applied(42, request.command))
    });
    let submitted = client([&node]).submit(GROUP, "add 3").await.expect("applied");
    assert_eq!(submitted.position.index, 42);
    assert_eq!(submitted.outcome, Outcome::Reply(Bytes::from_static(b"add 3")));
    assert_eq!(submitted.fuel, 7);
}

#[tokio::test]
async fn rejections_and_traps_are_answers() {
    let node = FakeNode::start().await;
    let mut results = vec![
        outcome::Result::Trapped(Trapped { kind: TrapKind::OutOfFuel.into(), message: "fuel".to_owned() }),
        outcome::Result::Rejection(Bytes::from_static(b"no")),
    ];
    node.submit.answers(move |_| {
        let outcome = Some(v1::Outcome { result: results.pop(), fuel: 1 });
        Ok(SubmitResponse { outcome, ..applied(1, "") })
    });
    let client = client([&node]);
    let rejected = client.submit(GROUP, "x").await.expect("an answer").outcome;
    assert_eq!(rejected, Outcome::Rejection(Bytes::from_static(b"no")));
    let trapped = client.submit(GROUP, "x").await.expect("an answer").outcome;
    assert_eq!(trapped, Outcome::Trapped { kind: TrapKind::OutOfFuel, message: "fuel".to_owned() });
}

#[tokio::test]
async fn what_is_wrong_for_good_is_told_at_once_with_cause_and_cure() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Err(told(Code::NotFound, reason::GROUP_NOT_FOUND, &[("group", "9")])));
    let error = client([&node]).submit(GROUP, "x").await.expect_err("refused");
    assert_eq!((error.code, error.reason.as_str()), (Code::NotFound, reason::GROUP_NOT_FOUND));
    assert_eq!(error.message, "it happened: GROUP_NOT_FOUND");
    assert_eq!((error.cause.as_str(), error.cure.as_str()), ("the cause", "the cure"));
    assert_eq!(error.metadata.get("group").map(String::as_str), Some("9"));
    assert!(!error.outcome_unknown());
    assert_eq!(node.submit.calls(), 1);
}

#[tokio::test]
async fn what_was_certainly_not_done_is_tried_again() {
    for reason in [reason::GROUP_NOT_READY, reason::OVERLOADED, reason::SHUTTING_DOWN, reason::NO_QUORUM] {
        let node = FakeNode::start().await;
        let mut left = 5;
        node.submit.answers(move |_| {
            left -= 1;
            if left > 0 { Err(told(Code::Unavailable, reason, &[])) } else { Ok(applied(1, "done")) }
        });
        soon("applied", client([&node]).submit(GROUP, "x")).await.expect(reason);
        assert_eq!(node.submit.calls(), 5, "{reason}");
    }
}

#[tokio::test]
async fn an_overloaded_node_is_asked_again_and_another_one_is_not() {
    let (busy, other) = (FakeNode::start().await, FakeNode::start().await);
    let mut left = 3;
    busy.submit.answers(move |_| {
        left -= 1;
        if left > 0 {
            Err(told(Code::ResourceExhausted, reason::OVERLOADED, &[]))
        } else {
            Ok(applied(1, ""))
        }
    });
    client([&busy, &other]).submit(GROUP, "x").await.expect("applied");
    assert_eq!((busy.submit.calls(), other.submit.calls()), (3, 0));
}

#[tokio::test]
async fn a_node_that_is_not_ready_sends_the_command_to_another() {
    let (starting, ready) = (FakeNode::start().await, FakeNode::start().await);
    starting.submit.answers(|_| Err(told(Code::Unavailable, reason::GROUP_NOT_READY, &[])));
    ready.submit.answers(|_| Ok(applied(1, "")));
    client([&starting, &ready]).submit(GROUP, "x").await.expect("applied");
    assert_eq!((starting.submit.calls(), ready.submit.calls()), (1, 1));
}

#[tokio::test]
async fn a_failed_replica_is_not_asked_for_ever() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for node in [&one, &two] {
        node.submit.answers(|_| Err(told(Code::Internal, reason::REPLICA_FAILED, &[])));
    }
    let error = soon("given up", client([&one, &two]).submit(GROUP, "x")).await.expect_err("failed");
    assert_eq!(error.reason, reason::REPLICA_FAILED);
    assert_eq!((one.submit.calls(), two.submit.calls()), (1, 1));
}

#[tokio::test]
async fn no_attempt_begins_when_almost_no_time_is_left() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Ok(applied(1, "")));
    let least = Duration::from_secs(5);
    let short = ClientConfig { attempt_time_min: least, deadline: least / 2, ..config() };
    let error = client_with([&node], short).submit(GROUP, "x").await.expect_err("too late");
    assert_eq!((error.code, error.reason.as_str()), (Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED));
    assert!(!error.outcome_unknown());
    assert_eq!(node.submit.calls(), 0);
    client([&node]).with_deadline(Duration::ZERO).submit(GROUP, "x").await.expect_err("too late");
    assert_eq!(node.submit.calls(), 0);
}

#[tokio::test]
async fn when_the_time_is_over_the_last_error_says_why() {
    let node = FakeNode::start().await;
    node.submit.answers(|_| Err(told(Code::Unavailable, reason::GROUP_NOT_READY, &[])));
    let client = connected([&node]).await.with_config(short_of_time());
    let error = soon("given up", client.submit(GROUP, "x")).await.expect_err("never ready");
    assert_eq!(error.reason, reason::GROUP_NOT_READY);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn the_node_is_told_how_much_time_is_left() {
    let node = FakeNode::start().await;
    node.submit.answers(|(_, timeout)| Ok(applied(1, timeout.unwrap_or_default())));
    let submitted = client([&node]).submit(GROUP, "x").await.expect("applied");
    let Outcome::Reply(timeout) = submitted.outcome else { panic!("no reply") };
    let text = String::from_utf8(timeout.to_vec()).expect("text");
    let micros: u64 = text.strip_suffix('u').expect("microseconds").parse().expect("a number");
    assert!(micros > 0 && micros <= 60_000_000, "{text}");
}

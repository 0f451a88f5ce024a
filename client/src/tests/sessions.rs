use super::support::{FakeNode, GROUP, applied, client, connected, soon, told};
use crate::{Client, Session, reason};
use futures::FutureExt;
use quorate_proto::v1::{OpenSessionResponse, SessionId, SubmitRequest, SubmitResponse, Ticket};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;
use tonic::{Code, Status};

const ID: SessionId = SessionId { term: 3, number: 8 };

fn opens(node: &FakeNode, commands_max: u64) {
    node.open_session.answers(move |request| {
        Ok(OpenSessionResponse { session: Some(ID), timeout_ms: request.timeout_ms, commands_max })
    });
}

async fn open(client: &Client) -> Session {
    client.open_session(GROUP, Duration::from_secs(60)).await.expect("open")
}

fn ticket(request: &SubmitRequest) -> Ticket {
    request.ticket.expect("of a session")
}

/// Answers as told, and keeps the tickets that come.
fn answers(
    node: &FakeNode,
    mut answer: impl FnMut(usize) -> Result<SubmitResponse, Status> + Send + 'static,
) -> Arc<Mutex<Vec<Ticket>>> {
    let tickets = Arc::<Mutex<Vec<Ticket>>>::default();
    let kept = tickets.clone();
    node.submit.answers(move |(request, _)| {
        let mut kept = kept.lock().expect("no panic");
        kept.push(ticket(&request));
        answer(kept.len())
    });
    tickets
}

#[tokio::test]
async fn commands_are_numbered_and_say_which_answers_are_there() {
    let node = FakeNode::start().await;
    opens(&node, 8);
    let tickets = answers(&node, |_| Ok(applied(1, "")));
    let session = open(&client([&node])).await;
    assert_eq!((session.id(), session.timeout()), ((3, 8), Duration::from_secs(60)));
    for _ in 0..3 {
        session.submit("x").await.expect("applied");
    }
    let told = |ticket: &Ticket| (ticket.session, ticket.sequence, ticket.answered_below);
    let tickets: Vec<_> = tickets.lock().expect("no panic").iter().map(told).collect();
    assert_eq!(tickets, [(Some(ID), 1, 1), (Some(ID), 2, 2), (Some(ID), 3, 3)]);
}

#[tokio::test]
async fn a_command_whose_answer_is_lost_is_submitted_again_with_the_same_ticket() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    opens(&one, 8);
    let (came, mut calls) = mpsc::unbounded_channel();
    one.submit.set(Box::new(move |(request, _)| {
        let _ = came.send(ticket(&request));
        std::future::pending().boxed()
    }));
    let again = answers(&two, |_| Ok(SubmitResponse { repeated: true, ..applied(7, "") }));
    let session = open(&client([&one, &two])).await;
    let cut = async {
        let first = calls.recv().await.expect("open");
        one.cut();
        first
    };
    let (submitted, first) = soon("an answer", async { tokio::join!(session.submit("x"), cut) }).await;
    let submitted = submitted.expect("known");
    assert!(submitted.repeated && submitted.position.index == 7);
    assert_eq!(*again.lock().expect("no panic"), [first]);
}

#[tokio::test]
async fn a_node_that_says_nothing_is_not_waited_for_until_the_time_is_over() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    for node in [&one, &two] {
        opens(node, 8);
    }
    one.submit.hangs();
    two.submit.answers(|_| Ok(applied(1, "")));
    let session = open(&connected([&one, &two]).await.with_deadline(Duration::from_secs(8))).await;
    soon("an answer", session.submit("x")).await.expect("applied");
}

#[tokio::test]
async fn a_refusal_behind_a_lost_answer_says_nothing_of_the_command() {
    for reason in [reason::SESSION_EXPIRED, reason::GROUP_NOT_FOUND, reason::GROUP_FROZEN] {
        let node = FakeNode::start().await;
        opens(&node, 8);
        let tickets = answers(&node, move |call| match call {
            1 => Err(told(Code::Aborted, reason::OUTCOME_UNKNOWN, &[])),
            _ => Err(told(Code::NotFound, reason, &[])),
        });
        let session = open(&client([&node])).await;
        let mut command = session.command("x").await;
        let error = command.submit().await.expect_err("refused");
        assert!(error.outcome_unknown() && error.message.contains(reason), "{error:?}");
        let error = command.submit().await.expect_err("refused");
        assert!(error.outcome_unknown(), "also when it is asked for again: {error:?}");
        assert_eq!(tickets.lock().expect("no panic").len(), 3);
        // What was refused at once was certainly not done.
        let error = session.submit("y").await.expect_err("refused");
        assert_eq!(error.reason, reason);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_any_more_need_not_be_kept() {
    let node = FakeNode::start().await;
    opens(&node, 2);
    let tickets = answers(&node, |call| match call {
        1 => Err(told(Code::NotFound, reason::GROUP_NOT_FOUND, &[])),
        _ => Ok(applied(1, "")),
    });
    let session = open(&client([&node])).await;
    let mut first = session.command("x").await;
    first.submit().await.expect_err("refused");
    session.submit("y").await.expect("applied");
    // There is room for two: the third waits until the first is given up.
    let third = session.submit("z");
    let given_up = async { drop(first) };
    let (third, ()) = soon("room", async { tokio::join!(third, given_up) }).await;
    third.expect("applied");
    let told = |ticket: &Ticket| (ticket.sequence, ticket.answered_below);
    let tickets: Vec<_> = tickets.lock().expect("no panic").iter().map(told).collect();
    assert_eq!(tickets, [(1, 1), (2, 1), (3, 3)]);
}

#[tokio::test]
async fn a_full_window_is_tried_again() {
    let node = FakeNode::start().await;
    opens(&node, 8);
    let tickets = answers(&node, |call| match call {
        1..3 => Err(told(Code::ResourceExhausted, reason::SESSION_WINDOW_FULL, &[])),
        _ => Ok(applied(1, "")),
    });
    let session = open(&client([&node])).await;
    session.submit("x").await.expect("applied");
    assert_eq!(tickets.lock().expect("no panic").len(), 3);
}

#[tokio::test]
async fn a_session_is_kept_alive_and_closed() {
    let node = FakeNode::start().await;
    opens(&node, 8);
    node.submit.answers(|_| Ok(applied(1, "")));
    node.keep_session.answers(|request| {
        assert_eq!((request.session, request.answered_below), (Some(ID), 2));
        Ok(Default::default())
    });
    node.close_session.answers(|request| {
        assert_eq!((request.group.as_str(), request.session), (GROUP, Some(ID)));
        Ok(Default::default())
    });
    let session = open(&client([&node])).await;
    session.submit("x").await.expect("applied");
    session.keep_alive().await.expect("kept");
    session.close().await.expect("closed");
    assert_eq!((node.keep_session.calls(), node.close_session.calls()), (1, 1));
}

#[tokio::test]
async fn a_session_that_cannot_be_opened_is_told() {
    let node = FakeNode::start().await;
    node.open_session.answers(|_| Err(told(Code::ResourceExhausted, reason::SESSIONS_FULL, &[])));
    let error = client([&node]).open_session(GROUP, Duration::from_secs(1)).await.expect_err("full");
    assert_eq!((error.reason.as_str(), node.open_session.calls()), (reason::SESSIONS_FULL, 1));
}

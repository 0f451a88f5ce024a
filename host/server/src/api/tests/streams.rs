use super::fake::FakeNode;
use crate::api::{ApiConfig, gate::Gate, submit_stream};
use bytes::Bytes;
use quorate_proto::{
    reason,
    v1::{SubmitStreamRequest, SubmitStreamResponse, submit_stream_response::Result as Answer},
};
use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic_types::StatusExt;

struct Client {
    node: FakeNode,
    requests: Option<mpsc::UnboundedSender<Result<SubmitStreamRequest, Status>>>,
    answers: mpsc::Receiver<Result<SubmitStreamResponse, Status>>,
    gate: Gate,
    sequence: u64,
}

impl Client {
    fn connect(in_flight_max: usize) -> Self {
        let node = FakeNode::new();
        let config = ApiConfig { stream_in_flight_max: in_flight_max, ..ApiConfig::default() };
        let gate = Gate::default();
        let (requests, stream) = mpsc::unbounded_channel();
        let stream = UnboundedReceiverStream::new(stream);
        let answers =
            submit_stream::start(node.clone(), Arc::new(config), gate.clone(), stream).expect("open");
        Self { node, requests: Some(requests), answers, gate, sequence: 0 }
    }

    fn send(&mut self, command: &str) {
        self.send_to("acme/there", command);
    }

    fn send_to(&mut self, group: &str, command: &str) {
        self.sequence += 1;
        let request = SubmitStreamRequest {
            group: group.to_owned(),
            sequence: self.sequence,
            command: Bytes::copy_from_slice(command.as_bytes()),
            ticket: None,
        };
        self.requests.as_ref().expect("open").send(Ok(request)).expect("the stream is read");
    }

    /// The answers until the stream ends: sequence, and the reply or the reason of the failure.
    async fn rest(&mut self) -> (Vec<(u64, String)>, Result<(), Status>) {
        self.requests = None;
        let mut answers = Vec::new();
        loop {
            match self.answers.recv().await {
                Some(Ok(answer)) => answers.push(told(answer)),
                Some(Err(status)) => return (answers, Err(status)),
                None => return (answers, Ok(())),
            }
        }
    }

    /// Lets everything run that can, until as many commands were handed on.
    async fn until_handed_on(&self, count: usize) {
        while self.node.handed_on().len() < count {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.node.handed_on().len(), count);
    }
}

fn told(answer: SubmitStreamResponse) -> (u64, String) {
    use quorate_proto::v1::outcome::Result as Outcome;
    let text = match answer.result.expect("a result") {
        Answer::Applied(applied) => match applied.outcome.and_then(|outcome| outcome.result) {
            Some(Outcome::Reply(reply)) => String::from_utf8(reply.to_vec()).expect("text"),
            other => format!("{other:?}"),
        },
        Answer::Failure(failure) => failure.reason,
    };
    (answer.sequence, text)
}

fn expected(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
    answers.iter().map(|&(sequence, text)| (sequence, text.to_owned())).collect()
}

#[tokio::test]
async fn commands_are_handed_on_and_answered_in_order_without_waiting_for_each_other() {
    let mut client = Client::connect(10);
    for command in ["hold a", "b", "c"] {
        client.send(command);
    }
    client.until_handed_on(3).await;
    client.node.open_the_gate();
    let (answers, end) = client.rest().await;
    assert!(end.is_ok());
    assert_eq!(answers, expected(&[(1, "hold a"), (2, "b"), (3, "c")]));
    assert_eq!(*client.node.handed_on(), ["hold a", "b", "c"]);
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let mut client = Client::connect(2);
    for command in ["hold 1", "hold 2", "hold 3"] {
        client.send(command);
    }
    client.until_handed_on(2).await;
    client.node.open_the_gate();
    client.until_handed_on(3).await;
    client.node.open_the_gate();
    assert_eq!(client.rest().await.0.len(), 3);
}

#[tokio::test]
async fn nothing_is_handed_on_behind_a_command_that_was_refused() {
    let mut client = Client::connect(10);
    for command in ["a", "full", "b", "c"] {
        client.send(command);
    }
    let (answers, end) = client.rest().await;
    assert!(end.is_ok());
    let behind = reason::BEHIND_FAILURE;
    assert_eq!(answers, expected(&[(1, "a"), (2, reason::OVERLOADED), (3, behind), (4, behind)]));
    assert_eq!(*client.node.handed_on(), ["a"]);
}

#[tokio::test]
async fn what_was_on_its_way_when_one_failed_is_answered_and_nothing_follows() {
    let mut client = Client::connect(2);
    for command in ["hold lost", "hold b", "c"] {
        client.send(command);
    }
    client.until_handed_on(2).await;
    client.node.open_the_gate();
    let (answers, _) = client.rest().await;
    assert_eq!(
        answers,
        expected(&[(1, reason::OUTCOME_UNKNOWN), (2, "hold b"), (3, reason::BEHIND_FAILURE)])
    );
    assert_eq!(*client.node.handed_on(), ["hold lost", "hold b"]);
}

#[tokio::test]
async fn a_command_that_is_wrong_itself_does_not_stop_those_behind_it() {
    let mut client = Client::connect(10);
    client.send("large");
    client.send_to("acme/other", "a");
    client.send_to("", "b");
    let (answers, _) = client.rest().await;
    assert_eq!(answers, expected(&[(1, reason::COMMAND_TOO_LARGE), (2, reason::INVALID_ARGUMENT), (3, "b")]));
}

#[tokio::test]
async fn a_stream_of_an_unknown_group_ends_with_the_reason() {
    let mut client = Client::connect(10);
    client.send_to("acme/nowhere", "a");
    let (answers, end) = client.rest().await;
    assert!(answers.is_empty());
    let info = end.expect_err("an end").get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.reason, reason::GROUP_NOT_FOUND);
}

#[tokio::test]
async fn a_stream_that_breaks_answers_what_was_handed_on_first() {
    let mut client = Client::connect(10);
    client.send("hold a");
    client.until_handed_on(1).await;
    let broken = Err(Status::data_loss("torn"));
    client.requests.as_ref().expect("open").send(broken).expect("the stream is read");
    client.node.open_the_gate();
    let (answers, end) = client.rest().await;
    assert_eq!(answers, expected(&[(1, "hold a")]));
    assert_eq!(end.expect_err("broken").message(), "torn");
}

#[tokio::test]
async fn a_node_that_stops_answers_what_is_in_flight_and_says_so() {
    let mut client = Client::connect(10);
    client.send("hold a");
    client.until_handed_on(1).await;
    client.gate.close();
    client.node.open_the_gate();
    let requests = client.requests.take();
    let (answers, end) = client.rest().await;
    drop(requests);
    assert_eq!(answers, expected(&[(1, "hold a")]));
    let info = end.expect_err("an end").get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.reason, reason::SHUTTING_DOWN);
    assert!(client.gate.empty(Duration::from_secs(60)).await);
    assert!(client.gate.enter().is_err());
}

#[tokio::test]
async fn a_client_that_goes_ends_its_stream() {
    let mut client = Client::connect(10);
    client.send("hold a");
    client.until_handed_on(1).await;
    client.answers.close();
    while client.answers.recv().await.is_some() {}
    let requests = client.requests.take().expect("open");
    poll_fn(|context| {
        let mut closed = Box::pin(requests.closed());
        match closed.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await;
}

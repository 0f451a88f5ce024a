use super::support::{
    Commands, FakeNode, GROUP, applied_in_stream, client, connected, failed_in_stream, nobody, soon,
};
use crate::{Client, ClientError, Pipeline, Submission, Submitted, reason};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::{Code, Status};

/// A pipeline with this many commands on their way, all of which the node has seen.
async fn on_their_way(node: &FakeNode, commands: usize) -> (Pipeline, Vec<Submission>, Commands) {
    let mut streams: mpsc::UnboundedReceiver<Commands> = node.streams();
    let mut pipeline = client([node]).pipeline(GROUP);
    let mut submissions = Vec::new();
    for _ in 0..commands {
        submissions.push(pipeline.submit("x").await.expect("room"));
    }
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    for _ in 0..commands {
        stream.next().await;
    }
    (pipeline, submissions, stream)
}

async fn results(submissions: Vec<Submission>) -> Vec<Result<Submitted, ClientError>> {
    let mut results = Vec::new();
    for submission in submissions {
        results.push(soon("an answer", submission).await);
    }
    results
}

fn reasons(results: &[Result<Submitted, ClientError>]) -> Vec<&str> {
    results
        .iter()
        .map(|result| result.as_ref().map_or_else(|error| error.reason.as_str(), |_| "applied"))
        .collect()
}

async fn assert_ended(mut pipeline: Pipeline) {
    // The end is told to the commands first; what is given meanwhile is told the same by its submission.
    let error = match pipeline.submit("x").await {
        Err(error) => error,
        Ok(submission) => soon("an answer", submission).await.expect_err("ended"),
    };
    assert_eq!(error.reason, reason::BEHIND_FAILURE);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn a_command_that_is_wrong_in_itself_fails_alone() {
    let node = FakeNode::start().await;
    let (mut pipeline, submissions, mut stream) = on_their_way(&node, 3).await;
    stream.answer(applied_in_stream(0, ""));
    stream.answer(failed_in_stream(1, Code::InvalidArgument, reason::COMMAND_TOO_LARGE, None));
    stream.answer(applied_in_stream(2, ""));
    assert_eq!(reasons(&results(submissions).await), ["applied", reason::COMMAND_TOO_LARGE, "applied"]);
    let next = pipeline.submit("y").await.expect("open");
    assert_eq!(stream.next().await.0, 3);
    stream.answer(applied_in_stream(3, ""));
    soon("an answer", next).await.expect("applied");
}

#[tokio::test]
async fn a_failure_for_good_ends_the_pipeline_and_nothing_behind_it_is_submitted() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, mut stream) = on_their_way(&node, 3).await;
    stream.answer(applied_in_stream(0, ""));
    stream.answer(failed_in_stream(1, Code::NotFound, reason::GROUP_NOT_FOUND, None));
    stream.answer(failed_in_stream(2, Code::Aborted, reason::BEHIND_FAILURE, None));
    stream.half_closed().await;
    drop(stream);
    let results = results(submissions).await;
    assert_eq!(reasons(&results), ["applied", reason::GROUP_NOT_FOUND, reason::BEHIND_FAILURE]);
    assert_ended(pipeline).await;
    assert_eq!(node.submit_stream.calls(), 1);
}

#[tokio::test]
async fn what_was_applied_behind_a_failure_is_told_and_the_failed_one_is_not_submitted_again() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, mut stream) = on_their_way(&node, 3).await;
    // Submitting the first again would apply it behind the second.
    stream.answer(failed_in_stream(0, Code::ResourceExhausted, reason::OVERLOADED, None));
    stream.answer(applied_in_stream(1, ""));
    stream.answer(failed_in_stream(2, Code::Aborted, reason::BEHIND_FAILURE, None));
    stream.half_closed().await;
    drop(stream);
    let results = results(submissions).await;
    assert_eq!(reasons(&results), [reason::OVERLOADED, "applied", reason::BEHIND_FAILURE]);
    assert_ended(pipeline).await;
    assert_eq!(node.submit_stream.calls(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_the_outcome_of_what_was_on_its_way_unknown() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, stream) = on_their_way(&node, 3).await;
    stream.answer(applied_in_stream(0, ""));
    let mut submissions = submissions.into_iter();
    soon("an answer", submissions.next().expect("three")).await.expect("applied");
    node.cut();
    let results = results(submissions.collect()).await;
    assert_eq!(reasons(&results), [reason::OUTCOME_UNKNOWN, reason::OUTCOME_UNKNOWN]);
    assert_ended(pipeline).await;
    assert_eq!(node.submit_stream.calls(), 1, "nothing is submitted twice");
}

#[tokio::test]
async fn the_node_of_a_stream_that_broke_is_no_longer_taken_for_the_leader() {
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let client = client([&node]);
    let mut pipeline = client.pipeline(GROUP);
    let applied = pipeline.submit("x").await.expect("room");
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    stream.next().await;
    stream.answer(applied_in_stream(0, ""));
    soon("an answer", applied).await.expect("applied");
    assert!(client.leaders().of(GROUP).is_some());
    let lost = pipeline.submit("x").await.expect("room");
    stream.next().await;
    node.cut();
    soon("an answer", lost).await.expect_err("the stream broke");
    assert_eq!(client.leaders().of(GROUP), None);
}

#[tokio::test]
async fn an_error_that_no_node_explained_leaves_outcomes_unknown() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, stream) = on_their_way(&node, 2).await;
    stream.answers.send(Err(Status::unavailable("a proxy says so"))).expect("open");
    assert_eq!(reasons(&results(submissions).await), [reason::OUTCOME_UNKNOWN, reason::OUTCOME_UNKNOWN]);
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn a_stream_that_ends_without_all_answers_leaves_outcomes_unknown() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, stream) = on_their_way(&node, 2).await;
    stream.answer(applied_in_stream(0, ""));
    drop(stream);
    assert_eq!(reasons(&results(submissions).await), ["applied", reason::OUTCOME_UNKNOWN]);
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn a_command_whose_outcome_the_node_does_not_know_ends_the_pipeline() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, mut stream) = on_their_way(&node, 2).await;
    stream.answer(failed_in_stream(0, Code::Aborted, reason::OUTCOME_UNKNOWN, None));
    stream.answer(failed_in_stream(1, Code::Aborted, reason::BEHIND_FAILURE, None));
    stream.half_closed().await;
    drop(stream);
    assert_eq!(reasons(&results(submissions).await), [reason::OUTCOME_UNKNOWN, reason::BEHIND_FAILURE]);
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn answers_out_of_order_are_not_believed() {
    let node = FakeNode::start().await;
    let (pipeline, submissions, stream) = on_their_way(&node, 2).await;
    stream.answer(applied_in_stream(1, ""));
    assert_eq!(reasons(&results(submissions).await), [reason::OUTCOME_UNKNOWN, reason::OUTCOME_UNKNOWN]);
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn an_answer_to_what_was_not_asked_is_not_believed() {
    let node = FakeNode::start().await;
    let (mut pipeline, submissions, stream) = on_their_way(&node, 1).await;
    stream.answer(applied_in_stream(0, ""));
    results(submissions).await[0].as_ref().expect("applied");
    stream.answer(applied_in_stream(7, ""));
    // Whether the next command comes before or after that: nothing more is believed.
    match pipeline.submit("x").await {
        Err(error) => assert_eq!(error.reason, reason::BEHIND_FAILURE),
        Ok(submission) => {
            soon("an answer", submission).await.expect_err("not believed");
        }
    }
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_fails_the_first_command_and_those_behind_it() {
    let config = super::support::config();
    let client = Client::lazy([nobody().await], config).expect("an address");
    let mut pipeline = client.with_deadline(Duration::from_millis(200)).pipeline(GROUP);
    let mut submissions = Vec::new();
    for _ in 0..3 {
        submissions.push(pipeline.submit("x").await.expect("room"));
    }
    let results = results(submissions).await;
    assert_eq!(reasons(&results), [reason::UNREACHABLE, reason::BEHIND_FAILURE, reason::BEHIND_FAILURE]);
    assert_ended(pipeline).await;
}

#[tokio::test]
async fn a_node_that_never_answers_leaves_the_outcome_unknown_after_the_deadline() {
    let node = FakeNode::start().await;
    // Held here, and never answered.
    let _streams = node.streams();
    let client = connected([&node]).await.with_deadline(Duration::from_millis(300));
    let mut pipeline = client.pipeline(GROUP);
    let submission = pipeline.submit("x").await.expect("room");
    let error = soon("an answer", submission).await.expect_err("no answer");
    assert!(error.outcome_unknown(), "{error:?}");
    assert_ended(pipeline).await;
}

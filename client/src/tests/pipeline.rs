use super::support::{
    FakeNode, GROUP, applied_in_stream, client, client_with, config, failed_in_stream, not_leader, soon, told,
};
use crate::{ClientConfig, Outcome, reason};
use bytes::Bytes;
use futures::FutureExt;
use tonic::Code;

#[tokio::test]
async fn commands_go_in_order_and_each_gets_its_answer() {
    const COMMANDS: u64 = 1000;
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let mut pipeline = client([&node]).pipeline(GROUP);
    let serve = async {
        let mut stream = streams.recv().await.expect("open");
        for number in 0..COMMANDS {
            let (sequence, command) = stream.next().await;
            assert_eq!((sequence, command), (number, Bytes::from(number.to_string())));
            stream.answer(applied_in_stream(sequence, format!("reply {number}")));
        }
        stream.half_closed().await;
    };
    let submit = async {
        let mut submissions = Vec::new();
        for number in 0..COMMANDS {
            submissions.push(pipeline.submit(number.to_string()).await.expect("open"));
        }
        for (number, submission) in (0..).zip(submissions) {
            let submitted = submission.await.expect("applied");
            assert_eq!(submitted.position.index, number);
            assert_eq!(submitted.outcome, Outcome::Reply(format!("reply {number}").into()));
        }
        pipeline.finish().await;
    };
    soon("all is answered", async { tokio::join!(serve, submit) }).await;
    assert_eq!(node.submit_stream.calls(), 1);
}

#[tokio::test]
async fn only_so_many_commands_are_on_their_way_at_once() {
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let limited = ClientConfig { pipeline_commands_max: 3, ..config() };
    let mut pipeline = client_with([&node], limited).pipeline(GROUP);
    let mut submissions = Vec::new();
    for _ in 0..3 {
        submissions.push(pipeline.submit("x").await.expect("room"));
    }
    assert!(pipeline.submit("x").now_or_never().is_none(), "no room");
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    let (sequence, _) = stream.next().await;
    stream.answer(applied_in_stream(sequence, ""));
    submissions.push(soon("room", pipeline.submit("x")).await.expect("room"));
    assert!(pipeline.submit("x").now_or_never().is_none(), "no room again");
}

#[tokio::test]
async fn only_so_many_bytes_are_on_their_way_at_once_and_a_larger_command_goes_alone() {
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let limited = ClientConfig { pipeline_bytes_max: 100, ..config() };
    let mut pipeline = client_with([&node], limited).pipeline(GROUP);
    let first = pipeline.submit(vec![1; 60]).await.expect("room");
    assert!(pipeline.submit(vec![2; 60]).now_or_never().is_none(), "no room");
    let second = pipeline.submit(vec![3; 40]).await.expect("room");
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    for submission in [first, second] {
        let (sequence, _) = stream.next().await;
        stream.answer(applied_in_stream(sequence, ""));
        soon("an answer", submission).await.expect("applied");
    }
    let large = soon("room", pipeline.submit(vec![4; 1000])).await.expect("room");
    assert!(pipeline.submit("x").now_or_never().is_none(), "no room beside it");
    let (sequence, command) = stream.next().await;
    assert_eq!(command.len(), 1000);
    stream.answer(applied_in_stream(sequence, ""));
    soon("an answer", large).await.expect("applied");
}

#[tokio::test]
async fn a_pipeline_goes_to_the_leader_and_takes_everything_along_in_order() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let (mut at_one, mut at_two) = (one.streams(), two.streams());
    let mut pipeline = client([&one, &two]).pipeline(GROUP);
    let mut submissions = Vec::new();
    for command in ["a", "b", "c", "d"] {
        submissions.push(pipeline.submit(command).await.expect("room"));
    }
    let mut stream = soon("a stream comes", at_one.recv()).await.expect("open");
    for _ in 0..4 {
        stream.next().await;
    }
    // It led for the first command only.
    stream.answer(applied_in_stream(0, "a"));
    stream.answer(failed_in_stream(1, Code::Unavailable, reason::NOT_LEADER, Some(&two.address)));
    stream.answer(failed_in_stream(2, Code::Unavailable, reason::NOT_LEADER, Some(&two.address)));
    stream.answer(failed_in_stream(3, Code::Aborted, reason::BEHIND_FAILURE, None));
    stream.half_closed().await;
    drop(stream);
    let mut stream = soon("a stream comes", at_two.recv()).await.expect("open");
    for expected in [(1, "b"), (2, "c"), (3, "d")] {
        let (sequence, command) = stream.next().await;
        assert_eq!((sequence, command.as_ref()), (expected.0, expected.1.as_bytes()));
        stream.answer(applied_in_stream(sequence, command));
    }
    for (submission, command) in submissions.into_iter().zip(["a", "b", "c", "d"]) {
        let submitted = soon("an answer", submission).await.expect("applied");
        assert_eq!(submitted.outcome, Outcome::Reply(command.into()));
    }
    assert_eq!((one.submit_stream.calls(), two.submit_stream.calls()), (1, 1));
}

#[tokio::test]
async fn a_refusal_when_the_stream_is_opened_is_followed_too() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let address = two.address.clone();
    one.submit_stream.answers(move |_| Err(not_leader(Some(&address))));
    let mut at_two = two.streams();
    let mut pipeline = client([&one]).pipeline(GROUP);
    let submission = pipeline.submit("x").await.expect("room");
    let mut stream = soon("a stream comes", at_two.recv()).await.expect("open");
    let (sequence, _) = stream.next().await;
    stream.answer(applied_in_stream(sequence, ""));
    soon("an answer", submission).await.expect("applied");
}

#[tokio::test]
async fn a_node_that_shuts_down_hands_what_it_did_not_take_to_another() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    let (mut at_one, mut at_two) = (one.streams(), two.streams());
    let mut pipeline = client([&one, &two]).pipeline(GROUP);
    let first = pipeline.submit("a").await.expect("room");
    let second = pipeline.submit("b").await.expect("room");
    let mut stream = soon("a stream comes", at_one.recv()).await.expect("open");
    stream.next().await;
    stream.answer(applied_in_stream(0, ""));
    stream.answers.send(Err(told(Code::Unavailable, reason::SHUTTING_DOWN, &[]))).expect("open");
    soon("an answer", first).await.expect("applied");
    let mut stream = soon("a stream comes", at_two.recv()).await.expect("open");
    assert_eq!(stream.next().await, (1, Bytes::from_static(b"b")));
    stream.answer(applied_in_stream(1, ""));
    soon("an answer", second).await.expect("applied");
}

#[tokio::test]
async fn an_idle_stream_that_ended_is_opened_again_for_the_next_command() {
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let mut pipeline = client([&node]).pipeline(GROUP);
    for _ in 0..2 {
        let submission = pipeline.submit("x").await.expect("room");
        let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
        let (sequence, _) = stream.next().await;
        stream.answer(applied_in_stream(sequence, ""));
        soon("an answer", submission).await.expect("applied");
        // The next command may be on its way before the client hears of the end: it is certain all the same that the
        // node did not take it.
        stream.answers.send(Err(told(Code::Unavailable, reason::SHUTTING_DOWN, &[]))).expect("open");
    }
    let last = pipeline.submit("x").await.expect("room");
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    let (sequence, _) = stream.next().await;
    assert_eq!(sequence, 2);
    stream.answer(applied_in_stream(sequence, ""));
    soon("an answer", last).await.expect("applied");
}

#[tokio::test]
async fn a_pipeline_that_is_dropped_still_submits_what_it_was_given() {
    let node = FakeNode::start().await;
    let mut streams = node.streams();
    let mut pipeline = client([&node]).pipeline(GROUP);
    let submission = pipeline.submit("x").await.expect("room");
    drop(pipeline);
    let mut stream = soon("a stream comes", streams.recv()).await.expect("open");
    stream.next().await;
    stream.half_closed().await;
    stream.answer(applied_in_stream(0, ""));
    soon("an answer", submission).await.expect("applied");
}

#[tokio::test]
async fn a_pipeline_without_commands_connects_to_nobody() {
    let node = FakeNode::start().await;
    soon("an end", client([&node]).pipeline(GROUP).finish()).await;
    assert_eq!(node.submit_stream.calls(), 0);
}

use super::support::{FakeNode, Frames, GROUP, client, soon, told};
use crate::{Event, Watched, reason};
use quorate_proto::v1::{EventsMissed, WatchRequest, WatchResponse, WatchStarted, watch_response::Message};
use std::sync::mpsc;
use tonic::{Code, Status};

fn event(topic: &str) -> Event {
    Event { topic: topic.to_owned(), ..Event::default() }
}

fn frames(messages: Vec<Result<Message, Status>>) -> Frames<WatchResponse> {
    let responses =
        messages.into_iter().map(|message| message.map(|message| WatchResponse { message: Some(message) }));
    Box::pin(futures::stream::iter(responses))
}

fn started() -> Result<Message, Status> {
    Ok(Message::Started(WatchStarted {}))
}

#[tokio::test]
async fn events_and_gaps_come_in_order_and_then_the_end_with_its_reason() {
    let node = FakeNode::start().await;
    let (sender, asked) = mpsc::channel();
    node.watch.answers(move |request| {
        sender.send(request).expect("open");
        Ok(frames(vec![
            started(),
            Ok(Message::Event(event("one"))),
            Ok(Message::Missed(EventsMissed { count: 3 })),
            Ok(Message::Event(event("two"))),
            Err(told(Code::Unavailable, reason::SHUTTING_DOWN, &[])),
        ]))
    });
    let mut watch = client([&node]).watch(GROUP, ["one", "two"]).await.expect("begun");
    assert_eq!(
        asked.try_recv(),
        Ok(WatchRequest { group: GROUP.to_owned(), topics: vec!["one".to_owned(), "two".to_owned()] })
    );
    assert_eq!(watch.next().await, Some(Ok(Watched::Event(event("one")))));
    assert_eq!(watch.next().await, Some(Ok(Watched::Missed(3))));
    assert_eq!(watch.next().await, Some(Ok(Watched::Event(event("two")))));
    let error = watch.next().await.expect("an end").expect_err("an end");
    assert_eq!(error.reason, reason::SHUTTING_DOWN);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_begins_at_another_node_when_the_first_is_not_ready() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.watch.answers(|_| Err(told(Code::Unavailable, reason::GROUP_NOT_READY, &[])));
    two.watch.answers(|_| Ok(frames(vec![started(), Ok(Message::Event(event("here")))])));
    let no_topics: [&str; 0] = [];
    let mut watch = soon("begun", client([&one, &two]).watch(GROUP, no_topics)).await.expect("begun");
    assert_eq!(watch.next().await, Some(Ok(Watched::Event(event("here")))));
}

#[tokio::test]
async fn a_watch_that_the_node_ends_without_a_word_ends_with_an_error() {
    let node = FakeNode::start().await;
    node.watch.answers(|_| Ok(frames(vec![started()])));
    let mut watch = client([&node]).watch(GROUP, ["a"]).await.expect("begun");
    let error = watch.next().await.expect("an end").expect_err("an end");
    assert_eq!(error.reason, reason::UNREACHABLE);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_that_does_not_begin_is_tried_elsewhere() {
    let (one, two) = (FakeNode::start().await, FakeNode::start().await);
    one.watch.answers(|_| Ok(frames(vec![Ok(Message::Event(event("too early")))])));
    two.watch.answers(|_| Ok(frames(vec![started()])));
    soon("begun", client([&one, &two]).watch(GROUP, ["a"])).await.expect("begun");
    assert_eq!((one.watch.calls(), two.watch.calls()), (1, 1));
}

#[tokio::test]
async fn a_cut_connection_ends_a_watch() {
    let node = FakeNode::start().await;
    node.watch.answers(|_| {
        let open = futures::StreamExt::chain(frames(vec![started()]), futures::stream::pending());
        let open: Frames<WatchResponse> = Box::pin(open);
        Ok(open)
    });
    let mut watch = client([&node]).watch(GROUP, ["a"]).await.expect("begun");
    node.cut();
    soon("an end", watch.next()).await.expect("an end").expect_err("an end");
    assert_eq!(watch.next().await, None);
}

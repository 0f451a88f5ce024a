//! The whole server over a real connection, with a node that stands in.

use super::fake::FakeNode;
use crate::{
    api::{ApiConfig, ApiServer, MESSAGE_BYTES_MAX, ServeError, bind},
    node::GroupEvent,
};
use bytes::Bytes;
use quorate_proto::{
    reason,
    v1::{self, commands_client::CommandsClient, groups_client::GroupsClient, nodes_client::NodesClient},
};
use quorate_vocabulary::Position;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt;

pub(super) struct Running {
    node: FakeNode,
    pub(super) channel: Channel,
    stop: CancellationToken,
    server: JoinHandle<Result<(), ServeError>>,
}

pub(super) async fn start() -> Running {
    let node = FakeNode::new();
    let server = ApiServer::new(node.clone(), "test".to_owned(), ApiConfig::default());
    let listener = bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let server =
        tokio::spawn(server.serve(listener, stop.clone(), Duration::from_secs(60), std::future::ready(())));
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    Running { node, channel: endpoint.connect().await.expect("it listens"), stop, server }
}

#[tokio::test]
async fn a_command_and_a_query_are_answered() {
    let running = start().await;
    let mut client = CommandsClient::new(running.channel.clone());
    let request = v1::SubmitRequest {
        group: "acme/there".to_owned(),
        command: Bytes::from_static(b"add"),
        ticket: None,
    };
    let answer = client.submit(request).await.expect("an answer").into_inner();
    assert_eq!(answer.position, Some(v1::Position { index: 3, ordinal: 1, time_ms: 9 }));
    let outcome = answer.outcome.expect("an outcome");
    assert_eq!(outcome.fuel, 5);
    assert_eq!(outcome.result, Some(v1::outcome::Result::Reply(Bytes::from_static(b"add"))));

    let request = v1::QueryRequest {
        group: "acme/there".to_owned(),
        request: Bytes::from_static(b"get"),
        consistency: v1::Consistency::Local.into(),
        max_staleness_ms: 0,
    };
    let answer = client.query(request.clone()).await.expect("an answer").into_inner();
    let outcome = answer.outcome.and_then(|outcome| outcome.result);
    assert_eq!(outcome, Some(v1::outcome::Result::Rejection(Bytes::from_static(b"get"))));

    let bounded = v1::Consistency::Bounded.into();
    let request = v1::QueryRequest { consistency: bounded, max_staleness_ms: 250, ..request };
    let answer = client.query(request.clone()).await.expect("an answer").into_inner();
    let outcome = answer.outcome.and_then(|outcome| outcome.result);
    assert_eq!(outcome, Some(v1::outcome::Result::Reply(Bytes::from_static(b"250ms"))));
    for (consistency, max_staleness_ms) in [(bounded, 0), (bounded, 3_600_001), (0, 1)] {
        let wrong = v1::QueryRequest { consistency, max_staleness_ms, ..request.clone() };
        let status = client.query(wrong).await.expect_err("no such staleness");
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    let unknown = v1::QueryRequest { consistency: 99, max_staleness_ms: 0, ..request };
    let status = client.query(unknown).await.expect_err("no such consistency");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_error_comes_with_its_reason_cause_and_cure() {
    let running = start().await;
    let mut client = CommandsClient::new(running.channel.clone());
    let request = v1::SubmitRequest { group: "acme/nowhere".to_owned(), command: Bytes::new(), ticket: None };
    let status = client.submit(request).await.expect_err("no such group");
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("acme/nowhere"));
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.reason, reason::GROUP_NOT_FOUND);
    assert!(info.metadata.contains_key("cause") && info.metadata.contains_key("cure"));

    let request = v1::SubmitRequest { group: "no name".to_owned(), command: Bytes::new(), ticket: None };
    let status = client.submit(request).await.expect_err("no name");
    assert_eq!(status.get_details_error_info().expect("an ErrorInfo").reason, reason::INVALID_NAME);
}

#[tokio::test]
async fn a_message_too_large_for_any_call_is_refused_with_a_reason() {
    let running = start().await;
    let mut client = CommandsClient::new(running.channel.clone());
    let large = Bytes::from(vec![0; MESSAGE_BYTES_MAX]);
    let group = || "acme/there".to_owned();
    let told = |status: &Status| status.get_details_error_info().expect("an ErrorInfo").reason;

    let request = v1::SubmitRequest { group: group(), command: large.clone(), ticket: None };
    let status = client.submit(request).await.expect_err("too large");
    assert_eq!((status.code(), told(&status)), (Code::InvalidArgument, reason::COMMAND_TOO_LARGE.to_owned()));

    let request = v1::QueryRequest { group: group(), request: large.clone(), ..v1::QueryRequest::default() };
    let status = client.query(request).await.expect_err("too large");
    assert_eq!(told(&status), reason::REQUEST_TOO_LARGE);

    let request = |sequence, command| v1::SubmitStreamRequest {
        group: "acme/there".to_owned(),
        sequence,
        command,
        ticket: None,
    };
    let requests = [request(1, Bytes::from_static(b"small")), request(2, large)];
    let mut answers =
        client.submit_stream(tokio_stream::iter(requests)).await.expect("a stream").into_inner();
    let first = answers.message().await.expect("no error").expect("an answer");
    assert_eq!(first.sequence, 1);
    let status = answers.message().await.expect_err("too large");
    assert_eq!(told(&status), reason::COMMAND_TOO_LARGE);
}

#[tokio::test]
async fn groups_are_listed_by_tenant_and_page() {
    let running = start().await;
    let mut client = GroupsClient::new(running.channel.clone());
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListGroupsRequest { tenant: "a".to_owned(), page_size: 2, page_token };
        let page = client.list(request).await.expect("a page").into_inner();
        names.extend(page.groups.into_iter().map(|group| group.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a/1", "a/2", "a/3"]);
}

#[tokio::test]
async fn the_node_says_who_it_is() {
    let running = start().await;
    let mut client = NodesClient::new(running.channel.clone());
    let status = client.status(v1::NodeStatusRequest {}).await.expect("a status").into_inner();
    assert_eq!((status.cluster.as_str(), status.id), ("test", 1));
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn health_is_told_for_the_whole_and_each_service() {
    let running = start().await;
    let mut client = HealthClient::new(running.channel.clone());
    for service in ["", "quorate.v1.Plugins", "quorate.v1.Groups", "quorate.v1.Commands", "quorate.v1.Nodes"]
    {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = client.check(request).await.expect(service).into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let request = HealthCheckRequest { service: "quorate.v1.Nothing".to_owned() };
    assert_eq!(client.check(request).await.expect_err("unknown").code(), Code::NotFound);
}

async fn reflect(channel: Channel, request: MessageRequest) -> Result<MessageResponse, Status> {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut client = ServerReflectionClient::new(channel);
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.expect("a stream").into_inner();
    let answer = answers.message().await?;
    Ok(answer.and_then(|answer| answer.message_response).expect("a response"))
}

#[tokio::test]
async fn reflection_shows_clients_every_public_service_and_nothing_of_the_peers() {
    let running = start().await;
    let listed = reflect(running.channel.clone(), MessageRequest::ListServices(String::new())).await;
    let Ok(MessageResponse::ListServicesResponse(listed)) = listed else { panic!("{listed:?}") };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["quorate.v1.Plugins", "quorate.v1.Groups", "quorate.v1.Commands", "quorate.v1.Nodes"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(names.iter().all(|name| !name.contains("peer")), "{names:?}");

    let symbol = MessageRequest::FileContainingSymbol("quorate.v1.Commands.SubmitStream".to_owned());
    let found = reflect(running.channel.clone(), symbol).await;
    let Ok(MessageResponse::FileDescriptorResponse(found)) = found else { panic!("{found:?}") };
    assert!(!found.file_descriptor_proto.is_empty());
    let private = MessageRequest::FileContainingSymbol("quorate.peer.v1.RaftMessage".to_owned());
    let private = reflect(running.channel.clone(), private).await;
    assert_eq!(private.expect_err("not for clients").code(), Code::NotFound);
}

#[tokio::test]
async fn a_watcher_gets_the_events_of_its_topics_and_is_told_what_it_missed() {
    let running = start().await;
    let mut client = CommandsClient::new(running.channel.clone());
    let request = v1::WatchRequest { group: "acme/there".to_owned(), topics: vec!["wanted".to_owned()] };
    let mut messages = client.watch(request).await.expect("a stream").into_inner();
    let mut next = async || {
        messages.message().await.expect("no error").and_then(|response| response.message).expect("a message")
    };
    assert_eq!(next().await, v1::watch_response::Message::Started(v1::WatchStarted {}));
    let emit = |topic: &str, index: u64| {
        let position = Position { index, ordinal: 0, time_ms: 0 };
        let event = GroupEvent { position, topic: topic.to_owned(), payload: Bytes::from_static(b"x") };
        running.node.events.send(event).expect("somebody watches");
    };
    emit("unwanted", 1);
    emit("wanted", 2);
    let v1::watch_response::Message::Event(event) = next().await else { panic!("not an event") };
    assert_eq!((event.topic.as_str(), event.position.expect("a position").index), ("wanted", 2));

    // Eight at once, before anybody can run: more than the channel of four holds.
    for index in 3..11 {
        emit("wanted", index);
    }
    assert_eq!(next().await, v1::watch_response::Message::Missed(v1::EventsMissed { count: 4 }));
}

#[tokio::test]
async fn a_stopping_server_ends_watches_with_the_reason_and_returns() {
    let running = start().await;
    let mut client = CommandsClient::new(running.channel.clone());
    let request = v1::WatchRequest { group: "acme/there".to_owned(), topics: Vec::new() };
    let mut messages = client.watch(request).await.expect("a stream").into_inner();
    messages.message().await.expect("no error").expect("started");
    running.stop.cancel();
    let status = messages.message().await.expect_err("the end");
    assert_eq!(status.get_details_error_info().expect("an ErrorInfo").reason, reason::SHUTTING_DOWN);
    drop((messages, client, running.channel));
    running.server.await.expect("no panic").expect("a good end");
}

#[tokio::test]
async fn a_port_in_use_and_an_address_of_elsewhere_are_said_so() {
    let taken = bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let error = bind(&address).await.expect_err("taken");
    assert_eq!(error.reason(), reason::ADDRESS_IN_USE);
    assert!(error.to_string().contains(&address));
    let error = bind("192.0.2.1:7300").await.expect_err("an address for documentation");
    assert_eq!(error.reason(), reason::ADDRESS_UNAVAILABLE);
}

//! What the tests are made of. Nothing here waits for a time: only for what happens, with [`GUARD`] against hanging.

mod fake;
mod node;

pub(super) use fake::{Commands, Frames};
pub(super) use node::FakeNode;

use crate::{Client, ClientConfig};
use bytes::Bytes;
use quorate_proto::{
    reason,
    v1::{Failure, Outcome, Position, SubmitResponse, SubmitStreamResponse, outcome, submit_stream_response},
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Far longer than anything takes; only there so that a broken test ends.
pub(super) const GUARD: Duration = Duration::from_secs(60);

pub(super) const GROUP: &str = "acme/counter";

/// Patient where a test must not depend on time, impatient where it would only wait.
pub(super) fn config() -> ClientConfig {
    ClientConfig {
        deadline: GUARD,
        upload_deadline: GUARD,
        connect_timeout: GUARD,
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(2),
        leader_wait_max: Duration::from_millis(2),
        keep_alive_timeout: GUARD,
        ..ClientConfig::default()
    }
}

/// Gives up after a few attempts, each of which has all the time it needs: only what lies between them uses the
/// deadline up.
pub(super) fn short_of_time() -> ClientConfig {
    ClientConfig {
        deadline: GUARD,
        attempt_time_min: GUARD - Duration::from_millis(500),
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_millis(100),
        leader_wait_max: Duration::from_millis(100),
        ..config()
    }
}

pub(super) fn client<'a>(nodes: impl IntoIterator<Item = &'a FakeNode>) -> Client {
    client_with(nodes, config())
}

pub(super) fn client_with<'a>(nodes: impl IntoIterator<Item = &'a FakeNode>, config: ClientConfig) -> Client {
    let addresses = nodes.into_iter().map(|node| node.address.as_str());
    Client::lazy(addresses, config).expect("addresses")
}

/// A client that is connected to all nodes already, so that connecting does not use a deadline up.
pub(super) async fn connected<'a>(nodes: impl IntoIterator<Item = &'a FakeNode> + Clone) -> Client {
    let client = client(nodes.clone());
    for node in nodes {
        node.status.answers(|_| Ok(Default::default()));
        client.node_status_at(&node.address).await.expect("connected");
    }
    client
}

/// Waits for something that must happen.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(GUARD, future).await {
        Ok(done) => done,
        Err(_) => panic!("did not happen: {what}"),
    }
}

/// An error as nodes tell it.
pub(super) fn told(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let text = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let mut metadata: HashMap<_, _> = metadata.iter().map(text).collect();
    metadata.insert(reason::metadata::CAUSE.to_owned(), "the cause".to_owned());
    metadata.insert(reason::metadata::CURE.to_owned(), "the cure".to_owned());
    let details = ErrorDetails::with_error_info(reason, reason::DOMAIN, metadata);
    Status::with_error_details(code, format!("it happened: {reason}"), details)
}

pub(super) fn not_leader(leader: Option<&str>) -> Status {
    let metadata: Vec<_> =
        leader.map(|address| (reason::metadata::LEADER_ADDRESS, address)).into_iter().collect();
    told(Code::Unavailable, reason::NOT_LEADER, &metadata)
}

/// An applied command; the index tells answers apart.
pub(super) fn applied(index: u64, reply: impl Into<Bytes>) -> SubmitResponse {
    SubmitResponse {
        position: Some(Position { index, ordinal: 0, time_ms: 1 }),
        outcome: Some(Outcome { result: Some(outcome::Result::Reply(reply.into())), fuel: 7 }),
        repeated: false,
    }
}

pub(super) fn applied_in_stream(sequence: u64, reply: impl Into<Bytes>) -> SubmitStreamResponse {
    let result = submit_stream_response::Result::Applied(applied(sequence, reply));
    SubmitStreamResponse { sequence, result: Some(result) }
}

pub(super) fn failed_in_stream(
    sequence: u64,
    code: Code,
    reason: &str,
    leader: Option<&str>,
) -> SubmitStreamResponse {
    let metadata = leader.map(|address| (reason::metadata::LEADER_ADDRESS.to_owned(), address.to_owned()));
    let failure = Failure {
        code: u32::try_from(i32::from(code)).expect("a code"),
        message: format!("it happened: {reason}"),
        reason: reason.to_owned(),
        metadata: metadata.into_iter().collect(),
    };
    let result = submit_stream_response::Result::Failure(failure);
    SubmitStreamResponse { sequence, result: Some(result) }
}

/// A port at which nobody listens.
pub(super) async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").to_string()
}

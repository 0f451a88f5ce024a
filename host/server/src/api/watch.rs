use super::{ApiError, WATCH_TOPICS_MAX, convert, gate::Gate, validate};
use crate::{RequestError, node::GroupEvent};
use quorate_proto::v1::{self, watch_response::Message};
use quorate_vocabulary::GroupId;
use std::collections::HashSet;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use tonic::Status;

/// Messages that wait for the watcher's connection; beyond, events wait in the group's own bounded buffer.
const WAITING_MESSAGES_MAX: usize = 64;

/// What topics a watcher wants; none: all.
pub(super) fn topics(topics: Vec<String>) -> Result<Option<HashSet<String>>, ApiError> {
    if topics.len() > WATCH_TOPICS_MAX {
        let why = format!("there are {}, and may be at most {WATCH_TOPICS_MAX}", topics.len());
        return Err(validate::invalid("topics", why));
    }
    Ok(if topics.is_empty() { None } else { Some(topics.into_iter().collect()) })
}

/// Passes events on until the watcher goes, the replica is closed or the node stops.
pub(super) fn start(
    group: GroupId,
    mut events: broadcast::Receiver<GroupEvent>,
    topics: Option<HashSet<String>>,
    gate: Gate,
    permit: OwnedSemaphorePermit,
) -> Result<mpsc::Receiver<Result<v1::WatchResponse, Status>>, ApiError> {
    let inside = gate.enter()?;
    let (sender, receiver) = mpsc::channel(WAITING_MESSAGES_MAX);
    tokio::spawn(async move {
        let _held = (permit, inside);
        let mut message = Ok(Message::Started(v1::WatchStarted {}));
        loop {
            let last = message.is_err();
            let response = message
                .map(|message| v1::WatchResponse { message: Some(message) })
                .map_err(|error: ApiError| error.into());
            if sender.send(response).await.is_err() || last {
                return;
            }
            message = tokio::select! {
                next = next(group, &mut events, topics.as_ref()) => next,
                () = gate.closed() => Err(RequestError::ShuttingDown.into()),
                () = sender.closed() => return,
            };
        }
    });
    Ok(receiver)
}

async fn next(
    group: GroupId,
    events: &mut broadcast::Receiver<GroupEvent>,
    topics: Option<&HashSet<String>>,
) -> Result<Message, ApiError> {
    loop {
        match events.recv().await {
            Ok(event) if topics.is_none_or(|topics| topics.contains(&event.topic)) => {
                return Ok(Message::Event(convert::event(event)));
            }
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(count)) => {
                return Ok(Message::Missed(v1::EventsMissed { count }));
            }
            Err(broadcast::error::RecvError::Closed) => {
                let why = "its replica on this node was closed".to_owned();
                return Err(RequestError::GroupNotReady { group, why }.into());
            }
        }
    }
}

use crate::{
    Client, ClientError, Event,
    attempt::{Attempt, Call},
    failed::Failed,
    retry::Repeat,
};
use futures::Stream;
use quorate_proto::v1::{WatchRequest, WatchResponse, watch_response::Message};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Status, Streaming};

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// The plugin emitted an event.
    Event(Event),
    /// The watcher was too slow: this many events, of any topic, were dropped.
    Missed(u64),
}

/// A group's events from when it was opened on, as a stream. It ends with an error when the connection breaks or the
/// node stops; events until it is opened again are missed, so look at the state after opening it again.
#[derive(Debug)]
pub struct Watch {
    messages: Streaming<WatchResponse>,
    ended: bool,
}

impl Client {
    /// Watches the events that a group's plugin emits, of these topics or of all if there are none. Every event that is
    /// applied after this returns will be told, or counted as missed.
    ///
    /// # Errors
    /// When no node could begin the watch in time.
    pub async fn watch(
        &self,
        group: &str,
        topics: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Watch, ClientError> {
        let topics = topics.into_iter().map(Into::into).collect();
        let request = WatchRequest { group: group.to_owned(), topics };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move {
                let mut messages = attempt.commands().watch(request).await?.into_inner();
                match messages.message().await? {
                    Some(WatchResponse { message: Some(Message::Started(_)) }) => Ok(messages),
                    _ => Err(Status::internal("the watch did not begin as it should")),
                }
            }
        };
        let call = Call { leader_only: false, ..self.at_leader(group, Repeat::Harmless) };
        Ok(Watch { messages: self.call(call, run).await?, ended: false })
    }
}

impl Watch {
    /// The next event; after an error there is none.
    pub async fn next(&mut self) -> Option<Result<Watched, ClientError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Watch {
    type Item = Result<Watched, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(Pin::new(&mut self.messages).poll_next(context));
        let watched = match next {
            Some(Ok(WatchResponse { message: Some(Message::Event(event)) })) => Ok(Watched::Event(event)),
            Some(Ok(WatchResponse { message: Some(Message::Missed(missed)) })) => {
                Ok(Watched::Missed(missed.count))
            }
            Some(Ok(_)) => {
                Err(ClientError::unexpected("the node told a watcher what this version does not know"))
            }
            Some(Err(status)) => Err(Failed::of("the watched node", &status).error()),
            None => Err(ClientError::unreachable("the watched node", "it ended the watch")),
        };
        self.ended = watched.is_err();
        Poll::Ready(Some(watched))
    }
}

//! Many commands on one stream: handed on in the order in which they come, answered in that order.

use super::{ApiConfig, ApiError, Node, convert, described, gate::Gate, validate};
use crate::{
    RequestError,
    node::{Deadline, Submitted},
};
use futures::{
    FutureExt, Stream, StreamExt,
    future::{self, BoxFuture},
    stream::FuturesOrdered,
};
use quorate_proto::v1::{self, submit_stream_response};
use quorate_vocabulary::{GroupId, GroupName};
use std::{pin::pin, sync::Arc};
use tokio::sync::mpsc;
use tonic::Status;

/// Answers that wait for the client's connection.
const WAITING_ANSWERS_MAX: usize = 256;

type Answer = (u64, Result<Submitted, ApiError>);
type Answers = mpsc::Sender<Result<v1::SubmitStreamResponse, Status>>;

/// Serves a stream until the client has ended it and all is answered, the client goes, or the node stops.
pub(super) fn start<N: Node>(
    node: N,
    config: Arc<ApiConfig>,
    gate: Gate,
    requests: impl Stream<Item = Result<v1::SubmitStreamRequest, Status>> + Send + 'static,
) -> Result<mpsc::Receiver<Result<v1::SubmitStreamResponse, Status>>, ApiError> {
    let inside = gate.enter()?;
    let (answers, receiver) = mpsc::channel(WAITING_ANSWERS_MAX);
    tokio::spawn(async move {
        let _inside = inside;
        let closed = answers.clone();
        tokio::select! {
            result = serve(node, &config, gate, requests, &answers) => {
                if let Err(status) = result {
                    // The client has gone when nobody takes it.
                    let _ = answers.send(Err(status)).await;
                }
            }
            // What is in flight goes on; nobody is there to be told.
            () = closed.closed() => {}
        }
    });
    Ok(receiver)
}

async fn serve<N: Node>(
    node: N,
    config: &ApiConfig,
    gate: Gate,
    requests: impl Stream<Item = Result<v1::SubmitStreamRequest, Status>>,
    answers: &Answers,
) -> Result<(), Status> {
    let mut requests = pin!(requests);
    let first = tokio::select! {
        first = requests.next() => first.transpose()?,
        () = gate.closed() => return Err(ApiError::from(RequestError::ShuttingDown).into()),
    };
    let Some(first) = first else { return Ok(()) };
    let name: GroupName = validate::name("group", &first.group)?;
    let deadline = Deadline::after(config.request_timeout_default);
    let group = node.resolve(&name, deadline).await.map_err(ApiError::from)?;
    let mut pipeline = Pipeline { node, config, name: name.to_string(), group, broken: false };

    let mut in_flight: FuturesOrdered<BoxFuture<'static, Answer>> = FuturesOrdered::new();
    in_flight.push_back(pipeline.hand_on(first));
    let mut open = true;
    // How the stream ends, once all that was handed on is answered.
    let mut end: Result<(), Status> = Ok(());
    while open || !in_flight.is_empty() {
        tokio::select! {
            biased;
            Some(answer) = in_flight.next(), if !in_flight.is_empty() => {
                pipeline.notice(&answer.1);
                if answers.send(Ok(response(answer))).await.is_err() {
                    return Ok(());
                }
            }
            () = gate.closed(), if open => {
                open = false;
                end = Err(ApiError::from(RequestError::ShuttingDown).into());
            }
            request = requests.next(), if open && in_flight.len() < config.stream_in_flight_max => {
                match request {
                    Some(Ok(request)) => in_flight.push_back(pipeline.hand_on(request)),
                    Some(Err(status)) => {
                        open = false;
                        end = Err(described::too_large(&status, false).map_or(status, Status::from));
                    }
                    None => open = false,
                }
            }
        }
    }
    end
}

struct Pipeline<'a, N> {
    node: N,
    config: &'a ApiConfig,
    name: String,
    group: GroupId,
    /// A command failed: what comes behind it is not handed on, so that order is kept.
    broken: bool,
}

impl<N: Node> Pipeline<'_, N> {
    /// Hands a command on before it returns; what it returns resolves to the answer.
    fn hand_on(&mut self, request: v1::SubmitStreamRequest) -> BoxFuture<'static, Answer> {
        let sequence = request.sequence;
        if self.broken {
            return future::ready((sequence, Err(ApiError::BehindFailure))).boxed();
        }
        if !request.group.is_empty() && request.group != self.name {
            let why = format!("this stream is one of {}, and a stream is of one group", self.name);
            return future::ready((sequence, Err(validate::invalid("group", why)))).boxed();
        }
        let ticket = match validate::ticket(request.ticket) {
            Ok(ticket) => ticket,
            Err(error) => return future::ready((sequence, Err(error))).boxed(),
        };
        let (node, group) = (self.node.clone(), self.group);
        let deadline = Deadline::after(self.config.request_timeout_default);
        let mut submit = async move {
            let submitted = node.submit(group, request.command, ticket, deadline).await;
            submitted.map_err(ApiError::from)
        }
        .boxed();
        // The first poll hands the command on. Its waker does not matter: the stream polls it again.
        match (&mut submit).now_or_never() {
            Some(result) => {
                self.notice(&result);
                future::ready((sequence, result)).boxed()
            }
            None => submit.map(move |result| (sequence, result)).boxed(),
        }
    }

    fn notice(&mut self, result: &Result<Submitted, ApiError>) {
        if result.as_ref().is_err_and(|error| !error.is_the_requests_own()) {
            self.broken = true;
        }
    }
}

fn response((sequence, result): Answer) -> v1::SubmitStreamResponse {
    let result = match result {
        Ok(submitted) => submit_stream_response::Result::Applied(convert::submitted(submitted)),
        Err(error) => submit_stream_response::Result::Failure(error.to_failure()),
    };
    v1::SubmitStreamResponse { sequence, result: Some(result) }
}

use super::{ApiConfig, ApiError, Node, convert, deadline, gate::Gate, submit_stream, validate, watch};
use crate::RequestError;
use quorate_proto::v1;
use quorate_vocabulary::GroupName;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// The time-out of a session that asks for none.
const SESSION_TIMEOUT_MS_DEFAULT: u64 = 60_000;

/// `quorate.v1.Commands`.
pub(super) struct CommandsService<N> {
    node: N,
    config: Arc<ApiConfig>,
    gate: Gate,
    watchers: Arc<Semaphore>,
}

impl<N> CommandsService<N> {
    pub(super) fn new(node: N, config: Arc<ApiConfig>, gate: Gate) -> Self {
        let watchers = Arc::new(Semaphore::new(config.watchers_max));
        Self { node, config, gate, watchers }
    }
}

#[tonic::async_trait]
impl<N: Node> v1::commands_server::Commands for CommandsService<N> {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let ticket = validate::ticket(request.ticket)?;
        let name: GroupName = validate::name("group", &request.group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let submitted = self.node.submit(group, request.command, ticket, deadline).await;
        Ok(Response::new(convert::submitted(submitted.map_err(ApiError::from)?)))
    }

    async fn open_session(
        &self,
        request: Request<v1::OpenSessionRequest>,
    ) -> Result<Response<v1::OpenSessionResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::OpenSessionRequest { group, timeout_ms } = request.into_inner();
        let timeout_ms = if timeout_ms == 0 { SESSION_TIMEOUT_MS_DEFAULT } else { timeout_ms };
        let name: GroupName = validate::name("group", &group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let opened = self.node.open_session(group, timeout_ms, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(convert::opened_session(opened)))
    }

    async fn keep_session(
        &self,
        request: Request<v1::KeepSessionRequest>,
    ) -> Result<Response<v1::KeepSessionResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::KeepSessionRequest { group, session, answered_below } = request.into_inner();
        let session = validate::session(session)?;
        let name: GroupName = validate::name("group", &group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let kept = self.node.keep_session(group, session, answered_below, deadline).await;
        kept.map_err(ApiError::from)?;
        Ok(Response::new(v1::KeepSessionResponse {}))
    }

    async fn close_session(
        &self,
        request: Request<v1::CloseSessionRequest>,
    ) -> Result<Response<v1::CloseSessionResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let v1::CloseSessionRequest { group, session } = request.into_inner();
        let session = validate::session(session)?;
        let name: GroupName = validate::name("group", &group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        self.node.close_session(group, session, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::CloseSessionResponse {}))
    }

    type SubmitStreamStream = ReceiverStream<Result<v1::SubmitStreamResponse, Status>>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let answers = submit_stream::start(
            self.node.clone(),
            self.config.clone(),
            self.gate.clone(),
            request.into_inner(),
        )?;
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let consistency = validate::consistency(request.consistency, request.max_staleness_ms)?;
        let name: GroupName = validate::name("group", &request.group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let queried =
            self.node.query(group, request.request, consistency, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(convert::queried(queried)))
    }

    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let name: GroupName = validate::name("group", &request.group)?;
        let topics = watch::topics(request.topics)?;
        let permit = Arc::clone(&self.watchers)
            .try_acquire_owned()
            .map_err(|_| ApiError::from(RequestError::Overloaded { queue: "the number of watchers" }))?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let events = self.node.watch(group).map_err(ApiError::from)?;
        let messages = watch::start(group, events, topics, self.gate.clone(), permit)?;
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

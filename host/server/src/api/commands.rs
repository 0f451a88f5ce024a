use super::{ApiConfig, ApiError, Node, convert, deadline, gate::Gate, submit_stream, validate, watch};
use crate::RequestError;
use quorate_proto::v1;
use quorate_vocabulary::GroupName;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

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
        let name: GroupName = validate::name("group", &request.group)?;
        let group = self.node.resolve(&name, deadline).await.map_err(ApiError::from)?;
        let submitted = self.node.submit(group, request.command, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(convert::submitted(submitted)))
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

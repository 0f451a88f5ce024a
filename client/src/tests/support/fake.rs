use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use quorate_proto::v1::{
    CancelUpgradeRequest, CancelUpgradeResponse, ChangeMembersRequest, ChangeMembersResponse,
    CloseSessionRequest, CloseSessionResponse, CreateGroupRequest, CreateGroupResponse, DeleteGroupRequest,
    DeleteGroupResponse, DescribeGroupRequest, DescribeGroupResponse, KeepSessionRequest,
    KeepSessionResponse, ListGroupsRequest, ListGroupsResponse, ListNodesRequest, ListNodesResponse,
    ListPluginsRequest, ListPluginsResponse, NodeStatusRequest, NodeStatusResponse, OpenSessionRequest,
    OpenSessionResponse, QueryRequest, QueryResponse, RecoverGroupRequest, RecoverGroupResponse,
    RollbackGroupRequest, RollbackGroupResponse, SetCheckpointsRequest, SetCheckpointsResponse,
    SetNodeUseRequest, SetNodeUseResponse, SetPoisonPolicyRequest, SetPoisonPolicyResponse,
    SetPriorityRequest, SetPriorityResponse, SnapshotGroupRequest, SnapshotGroupResponse, SubmitRequest,
    SubmitResponse, SubmitStreamRequest, SubmitStreamResponse, TransferGroupRequest, TransferGroupResponse,
    UnfreezeGroupRequest, UnfreezeGroupResponse, UpgradeGroupRequest, UpgradeGroupResponse,
    UploadPluginRequest, UploadPluginResponse, VerifyUpgradeRequest, VerifyUpgradeResponse, WatchRequest,
    WatchResponse, commands_server, groups_server, nodes_server, plugins_server,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

/// What is asked and what is answered over one stream of commands.
pub(in crate::tests) struct Commands {
    pub(in crate::tests) asked: Streaming<SubmitStreamRequest>,
    pub(in crate::tests) answers: mpsc::UnboundedSender<Result<SubmitStreamResponse, Status>>,
}

impl Commands {
    /// The next command and its number.
    pub(in crate::tests) async fn next(&mut self) -> (u64, Bytes) {
        let frame =
            super::soon("a command comes", self.asked.message()).await.expect("a frame").expect("no end");
        (frame.sequence, frame.command)
    }

    /// Waits until the client has half-closed the stream.
    pub(in crate::tests) async fn half_closed(&mut self) {
        let end = super::soon("the client ends the stream", self.asked.message()).await.expect("a frame");
        assert_eq!(end, None);
    }

    pub(in crate::tests) fn answer(&self, answer: SubmitStreamResponse) {
        self.answers.send(Ok(answer)).expect("the client listens");
    }
}

pub(in crate::tests) type Frames<T> = BoxStream<'static, Result<T, Status>>;

type Handler<Asked, Answer> = Box<dyn FnMut(Asked) -> BoxFuture<'static, Result<Answer, Status>> + Send>;

/// A handler that answers at once.
fn handler<Asked, Answer: Send + 'static>(
    mut answer: impl FnMut(Asked) -> Result<Answer, Status> + Send + 'static,
) -> Handler<Asked, Answer> {
    Box::new(move |asked| std::future::ready(answer(asked)).boxed())
}

/// One method of a fake node.
pub(in crate::tests) struct Method<Asked, Answer> {
    handler: Mutex<Option<Handler<Asked, Answer>>>,
    calls: AtomicUsize,
}

impl<Asked, Answer> Default for Method<Asked, Answer> {
    fn default() -> Self {
        Self { handler: Mutex::new(None), calls: AtomicUsize::new(0) }
    }
}

impl<Asked: Send + 'static, Answer: Send + 'static> Method<Asked, Answer> {
    /// From now on calls are answered like this.
    pub(in crate::tests) fn set(&self, handler: Handler<Asked, Answer>) {
        *self.handler.lock().expect("no panic") = Some(handler);
    }

    pub(in crate::tests) fn answers(
        &self,
        answer: impl FnMut(Asked) -> Result<Answer, Status> + Send + 'static,
    ) {
        self.set(handler(answer));
    }

    /// From now on calls wait for ever.
    pub(in crate::tests) fn hangs(&self) {
        self.set(Box::new(|_| std::future::pending().boxed()));
    }

    /// How often it was called.
    pub(in crate::tests) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn call(&self, asked: Asked) -> Result<Response<Answer>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let answer = match &mut *self.handler.lock().expect("no panic") {
            Some(handler) => handler(asked),
            None => return Err(Status::internal("the test did not expect this call")),
        };
        answer.await.map(Response::new)
    }
}

/// What a node is asked, and what it answers.
#[derive(Default)]
pub(in crate::tests) struct Fake {
    /// With the `grpc-timeout` that came along.
    pub(in crate::tests) submit: Method<(SubmitRequest, Option<String>), SubmitResponse>,
    pub(in crate::tests) submit_stream: Method<Streaming<SubmitStreamRequest>, Frames<SubmitStreamResponse>>,
    pub(in crate::tests) open_session: Method<OpenSessionRequest, OpenSessionResponse>,
    pub(in crate::tests) keep_session: Method<KeepSessionRequest, KeepSessionResponse>,
    pub(in crate::tests) close_session: Method<CloseSessionRequest, CloseSessionResponse>,
    pub(in crate::tests) query: Method<QueryRequest, QueryResponse>,
    pub(in crate::tests) watch: Method<WatchRequest, Frames<WatchResponse>>,
    pub(in crate::tests) create: Method<CreateGroupRequest, CreateGroupResponse>,
    pub(in crate::tests) list_groups: Method<ListGroupsRequest, ListGroupsResponse>,
    pub(in crate::tests) describe: Method<DescribeGroupRequest, DescribeGroupResponse>,
    pub(in crate::tests) delete: Method<DeleteGroupRequest, DeleteGroupResponse>,
    pub(in crate::tests) snapshot: Method<SnapshotGroupRequest, SnapshotGroupResponse>,
    pub(in crate::tests) change_members: Method<ChangeMembersRequest, ChangeMembersResponse>,
    pub(in crate::tests) transfer: Method<TransferGroupRequest, TransferGroupResponse>,
    pub(in crate::tests) recover: Method<RecoverGroupRequest, RecoverGroupResponse>,
    pub(in crate::tests) set_priority: Method<SetPriorityRequest, SetPriorityResponse>,
    pub(in crate::tests) upgrade: Method<UpgradeGroupRequest, UpgradeGroupResponse>,
    pub(in crate::tests) verify_upgrade: Method<VerifyUpgradeRequest, VerifyUpgradeResponse>,
    pub(in crate::tests) rollback: Method<RollbackGroupRequest, RollbackGroupResponse>,
    pub(in crate::tests) cancel_upgrade: Method<CancelUpgradeRequest, CancelUpgradeResponse>,
    pub(in crate::tests) unfreeze: Method<UnfreezeGroupRequest, UnfreezeGroupResponse>,
    pub(in crate::tests) set_checkpoints: Method<SetCheckpointsRequest, SetCheckpointsResponse>,
    pub(in crate::tests) set_poison_policy: Method<SetPoisonPolicyRequest, SetPoisonPolicyResponse>,
    pub(in crate::tests) list_nodes: Method<ListNodesRequest, ListNodesResponse>,
    pub(in crate::tests) status: Method<NodeStatusRequest, NodeStatusResponse>,
    pub(in crate::tests) set_use: Method<SetNodeUseRequest, SetNodeUseResponse>,
    pub(in crate::tests) upload: Method<Streaming<UploadPluginRequest>, UploadPluginResponse>,
    pub(in crate::tests) list_plugins: Method<ListPluginsRequest, ListPluginsResponse>,
}

impl Fake {
    /// The streams of commands that come, each to be served by the test.
    pub(in crate::tests) fn streams(&self) -> mpsc::UnboundedReceiver<Commands> {
        let (came, streams) = mpsc::unbounded_channel();
        self.submit_stream.answers(move |asked| {
            let (answers, receiver) = mpsc::unbounded_channel();
            came.send(Commands { asked, answers }).map_err(|_| Status::internal("the test is over"))?;
            let frames: Frames<_> = Box::pin(tokio_stream::wrappers::UnboundedReceiverStream::new(receiver));
            Ok(frames)
        });
        streams
    }
}

/// The services of a fake node.
#[derive(Clone)]
pub(super) struct Services(pub(super) Arc<Fake>);

#[tonic::async_trait]
impl commands_server::Commands for Services {
    type SubmitStreamStream = Frames<SubmitStreamResponse>;
    type WatchStream = Frames<WatchResponse>;

    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok());
        let timeout = timeout.map(str::to_owned);
        self.0.submit.call((request.into_inner(), timeout)).await
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        self.0.submit_stream.call(request.into_inner()).await
    }

    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Result<Response<OpenSessionResponse>, Status> {
        self.0.open_session.call(request.into_inner()).await
    }

    async fn keep_session(
        &self,
        request: Request<KeepSessionRequest>,
    ) -> Result<Response<KeepSessionResponse>, Status> {
        self.0.keep_session.call(request.into_inner()).await
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        self.0.close_session.call(request.into_inner()).await
    }

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<QueryResponse>, Status> {
        self.0.query.call(request.into_inner()).await
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.0.watch.call(request.into_inner()).await
    }
}

macro_rules! unary {
    ($($method:ident => $field:ident: $asked:ty, $answer:ty;)+) => {
        $(
            fn $method<'life0, 'async_trait>(
                &'life0 self,
                request: Request<$asked>,
            ) -> BoxFuture<'async_trait, Result<Response<$answer>, Status>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                self.0.$field.call(request.into_inner()).boxed()
            }
        )+
    };
}

impl groups_server::Groups for Services {
    unary! {
        create => create: CreateGroupRequest, CreateGroupResponse;
        list => list_groups: ListGroupsRequest, ListGroupsResponse;
        describe => describe: DescribeGroupRequest, DescribeGroupResponse;
        delete => delete: DeleteGroupRequest, DeleteGroupResponse;
        snapshot => snapshot: SnapshotGroupRequest, SnapshotGroupResponse;
        change_members => change_members: ChangeMembersRequest, ChangeMembersResponse;
        transfer => transfer: TransferGroupRequest, TransferGroupResponse;
        set_priority => set_priority: SetPriorityRequest, SetPriorityResponse;
        recover => recover: RecoverGroupRequest, RecoverGroupResponse;
        upgrade => upgrade: UpgradeGroupRequest, UpgradeGroupResponse;
        verify_upgrade => verify_upgrade: VerifyUpgradeRequest, VerifyUpgradeResponse;
        rollback => rollback: RollbackGroupRequest, RollbackGroupResponse;
        cancel_upgrade => cancel_upgrade: CancelUpgradeRequest, CancelUpgradeResponse;
        unfreeze => unfreeze: UnfreezeGroupRequest, UnfreezeGroupResponse;
        set_checkpoints => set_checkpoints: SetCheckpointsRequest, SetCheckpointsResponse;
        set_poison_policy => set_poison_policy: SetPoisonPolicyRequest, SetPoisonPolicyResponse;
    }
}

impl nodes_server::Nodes for Services {
    unary! {
        list => list_nodes: ListNodesRequest, ListNodesResponse;
        status => status: NodeStatusRequest, NodeStatusResponse;
        set_use => set_use: SetNodeUseRequest, SetNodeUseResponse;
    }
}

impl plugins_server::Plugins for Services {
    unary! {
        upload => upload: Streaming<UploadPluginRequest>, UploadPluginResponse;
        list => list_plugins: ListPluginsRequest, ListPluginsResponse;
    }
}

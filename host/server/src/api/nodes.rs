use super::{ApiConfig, ApiError, Node, convert, deadline, gate::Gate, validate};
use quorate_proto::v1;
use quorate_vocabulary::{GroupId, NodeId};
use std::{collections::HashMap, sync::Arc, time::Instant};
use tonic::{Request, Response, Status};

/// `quorate.v1.Nodes`.
pub(super) struct NodesService<N> {
    pub(super) node: N,
    pub(super) cluster: String,
    pub(super) config: Arc<ApiConfig>,
    pub(super) gate: Gate,
    pub(super) started: Instant,
}

#[tonic::async_trait]
impl<N: Node> v1::nodes_server::Nodes for NodesService<N> {
    async fn list(
        &self,
        _request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let _inside = self.gate.enter()?;
        let mut nodes: Vec<v1::Node> = self.node.nodes().into_iter().map(convert::node).collect();
        nodes.sort_by_key(|node| node.id);
        Ok(Response::new(v1::ListNodesResponse { cluster: self.cluster.clone(), nodes }))
    }

    async fn set_use(
        &self,
        request: Request<v1::SetNodeUseRequest>,
    ) -> Result<Response<v1::SetNodeUseResponse>, Status> {
        let _inside = self.gate.enter()?;
        let deadline = deadline::of(request.metadata(), &self.config);
        let request = request.into_inner();
        let status = validate::node_use(request.r#use)?;
        self.node.set_node_status(NodeId(request.node), status, deadline).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::SetNodeUseResponse {}))
    }

    async fn status(
        &self,
        _request: Request<v1::NodeStatusRequest>,
    ) -> Result<Response<v1::NodeStatusResponse>, Status> {
        let _inside = self.gate.enter()?;
        let status = self.node.status().await.map_err(ApiError::from)?;
        let mut names: HashMap<GroupId, String> =
            self.node.groups().into_iter().map(|group| (group.id, group.name.to_string())).collect();
        let mut replicas: Vec<v1::ReplicaStatus> = status
            .replicas
            .into_iter()
            .map(|replica| {
                let name = names.remove(&replica.group).unwrap_or_default();
                convert::replica(replica, name)
            })
            .collect();
        replicas.sort_by_key(|replica| replica.group);
        Ok(Response::new(v1::NodeStatusResponse {
            cluster: status.cluster,
            id: status.node.0,
            address: status.address,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            registered: status.registered,
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            replicas,
            catalog_leader_node: convert::node_or_zero(status.catalog_leader),
            failure: convert::failure(status.failure),
        }))
    }
}

use crate::{
    Client, ClientError, ListNodesResponse, NodeStatusResponse, attempt::Attempt, connections::normal,
    retry::Repeat,
};
use quorate_proto::v1::{ListNodesRequest, NodeStatusRequest, NodeUse, SetNodeUseRequest};
use tonic::Status;

impl Client {
    /// The nodes of the cluster.
    ///
    /// # Errors
    /// When no node could answer in time.
    pub async fn list_nodes(&self) -> Result<ListNodesResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(ListNodesRequest {});
            async move { attempt.nodes().list(request).await }
        };
        Ok(self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner())
    }

    /// Says whether a node may be given replicas. Those that it has stay.
    ///
    /// # Errors
    /// When there is no such node, or the catalog could not be changed in time.
    pub async fn set_node_use(&self, node: u64, wanted: NodeUse) -> Result<(), ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(SetNodeUseRequest { node, r#use: wanted.into() });
            async move { attempt.nodes().set_use(request).await }
        };
        self.call(self.anywhere(Repeat::Harmless), run).await?;
        Ok(())
    }

    /// The state of a node that answers first.
    ///
    /// # Errors
    /// When no node could answer in time.
    pub async fn node_status(&self) -> Result<NodeStatusResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(NodeStatusRequest {});
            async move { attempt.nodes().status(request).await }
        };
        Ok(self.call(self.anywhere(Repeat::Harmless), run).await?.into_inner())
    }

    /// The state of the node at this address.
    ///
    /// # Errors
    /// When that node does not answer in time.
    pub async fn node_status_at(&self, address: &str) -> Result<NodeStatusResponse, ClientError> {
        let run = |attempt: Attempt| {
            let request = attempt.request(NodeStatusRequest {});
            async move { attempt.nodes().status(request).await }
        };
        Ok(self.call_at(address, run).await?.into_inner())
    }

    /// A harmless call to one node and no other.
    pub(crate) async fn call_at<T, F: Future<Output = Result<T, Status>>>(
        &self,
        address: &str,
        run: impl Fn(Attempt) -> F,
    ) -> Result<T, ClientError> {
        self.only(&normal(address)?).call(self.anywhere(Repeat::Harmless), run).await
    }
}

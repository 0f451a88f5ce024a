//! Nodes that are to be emptied are given no more replicas.

use super::{core::Core, handle::Deadline};
use crate::RequestError;
use quorate_catalog::{CatalogReply, Change, NodeStatus};
use quorate_vocabulary::NodeId;

impl Core {
    /// Says whether a node may be given replicas, and returns once that is in the catalog. What it holds stays.
    pub(super) async fn set_node_status(
        &self,
        node: NodeId,
        status: NodeStatus,
        deadline: Deadline,
    ) -> Result<(), RequestError> {
        let known = self.find(deadline, |state| state.node(node).map(|_| ())).await?;
        known.ok_or(RequestError::NodeNotFound { node })?;
        match self.change_catalog(Change::SetNodeStatus { node, status }, deadline).await? {
            CatalogReply::Node(_) => Ok(()),
            _ => Err(RequestError::Internal { why: "the catalog answered something else".to_owned() }),
        }
    }
}

use super::ApiError;
use crate::RequestError;
use std::time::Duration;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// What every request passes, so that a node that is told to stop takes no more and knows when it has answered all.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    closed: CancellationToken,
    inside: TaskTracker,
}

impl Gate {
    /// Lets a request in. It is inside until what this returns is dropped.
    ///
    /// # Errors
    /// If the node was told to stop.
    pub(super) fn enter(&self) -> Result<TaskTrackerToken, ApiError> {
        // In this order: a request that comes while the gate closes is either refused or waited for.
        let token = self.inside.token();
        if self.closed.is_cancelled() {
            return Err(RequestError::ShuttingDown.into());
        }
        Ok(token)
    }

    /// Resolves once the gate is closed: for streams, which would otherwise never end.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.closed.cancel();
        self.inside.close();
    }

    /// Waits until nobody is inside, but no longer than this. Whether nobody is.
    pub(super) async fn empty(&self, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.inside.wait()).await.is_ok()
    }
}

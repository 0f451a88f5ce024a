use crate::{
    Client, ClientError, RecoverGroupResponse, attempt::Attempt, connections::normal, retry::Repeat,
};
use quorate_proto::v1::RecoverGroupRequest;

impl Client {
    /// Goes on with the replicas on these nodes alone of a group that has lost a majority of its voters for good: **what only
    /// the lost ones had is lost.** The node at this address must be one of them, and the one that has most of the log.
    ///
    /// # Errors
    /// When the group can help itself, another survivor has more, one of them does not answer, or it is not known whether
    /// the group goes on.
    pub async fn recover_group_at(
        &self,
        address: &str,
        name: &str,
        survivor_nodes: &[u64],
    ) -> Result<RecoverGroupResponse, ClientError> {
        let request = RecoverGroupRequest {
            name: name.to_owned(),
            survivor_nodes: survivor_nodes.to_vec(),
            accept_loss: true,
        };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.groups().recover(request).await }
        };
        let only = self.only(&normal(address)?);
        Ok(only.call(self.anywhere(Repeat::Once), run).await?.into_inner())
    }
}

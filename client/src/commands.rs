use crate::{
    Client, ClientError, Consistency, Queried, Submitted,
    attempt::{Attempt, Call},
    retry::Repeat,
};
use bytes::Bytes;
use quorate_proto::v1::{QueryRequest, SubmitRequest};

impl Client {
    /// Submits a command to a group (`tenant/name`) and waits until it is applied.
    ///
    /// # Errors
    /// When it was not applied; or when its answer is lost, which [`ClientError::outcome_unknown`] tells.
    pub async fn submit(&self, group: &str, command: impl Into<Bytes>) -> Result<Submitted, ClientError> {
        let request = SubmitRequest { group: group.to_owned(), command: command.into(), ticket: None };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.commands().submit(request).await }
        };
        self.call(self.at_leader(group, Repeat::Once), run).await?.into_inner().try_into()
    }

    /// Asks a group's machine, without changing it.
    ///
    /// # Errors
    /// When no node could answer in time.
    pub async fn query(
        &self,
        group: &str,
        request: impl Into<Bytes>,
        consistency: Consistency,
    ) -> Result<Queried, ClientError> {
        let (consistency, max_staleness_ms) = consistency.to_wire();
        let request = QueryRequest {
            group: group.to_owned(),
            request: request.into(),
            consistency: consistency.into(),
            max_staleness_ms,
        };
        let run = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { attempt.commands().query(request).await }
        };
        let call = Call { leader_only: false, ..self.at_leader(group, Repeat::Harmless) };
        self.call(call, run).await?.into_inner().try_into()
    }

    pub(crate) fn at_leader<'a>(&self, group: &'a str, repeat: Repeat) -> Call<'a> {
        Call { group: Some(group), leader_only: true, repeat, deadline: self.config().deadline }
    }

    pub(crate) fn anywhere(&self, repeat: Repeat) -> Call<'static> {
        Call { group: None, leader_only: false, repeat, deadline: self.config().deadline }
    }
}

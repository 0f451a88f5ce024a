//! Changes of the catalog on their way to the node that leads the system group.

use crate::{CallError, CatalogAnswer, PeersHandle, connection::Target};
use bytes::Bytes;
use quorate_proto::peer::v1::{
    CatalogChanged, CatalogRefused, ChangeCatalogReply, ChangeCatalogRequest, NotCatalogLeader,
    change_catalog_reply::Reply,
};
use quorate_vocabulary::NodeId;
use std::time::Duration;

impl PeersHandle {
    /// Asks a node to make a change of the catalog. It is sent once: see [`CallError::outcome_unknown`].
    ///
    /// # Errors
    /// When the node cannot be reached or does not answer in time.
    pub async fn change_catalog(
        &self,
        node: NodeId,
        command: Bytes,
        deadline: Duration,
    ) -> Result<CatalogAnswer, CallError> {
        let bytes_max = self.inner.config.catalog_change_bytes_max;
        if command.len() > bytes_max {
            return Err(CallError::TooLarge { bytes: command.len(), bytes_max });
        }
        let target = self.inner.target(node)?;
        tokio::select! {
            biased;
            () = self.inner.shutdown.cancelled() => Err(CallError::Closed),
            () = tokio::time::sleep(deadline) => Err(CallError::TimedOut { node, waited: deadline }),
            answer = self.change_at(target, command, deadline) => answer,
        }
    }

    async fn change_at(
        &self,
        target: Target,
        command: Bytes,
        deadline: Duration,
    ) -> Result<CatalogAnswer, CallError> {
        let mut client = target.connect(&self.inner.config).await?;
        let request = ChangeCatalogRequest {
            hello: Some(self.inner.identity.hello(target.node)),
            command,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let reply = client.change_catalog(request).await.map_err(|status| target.ended(&status))?;
        let empty = || CallError::Answer { node: target.node, cause: "an empty answer".to_owned() };
        reply.into_inner().reply.map(from_wire).ok_or_else(empty)
    }
}

fn from_wire(reply: Reply) -> CatalogAnswer {
    match reply {
        Reply::Changed(changed) => CatalogAnswer::Changed(changed.outcome),
        Reply::NotLeader(NotCatalogLeader { node: 0, .. }) => CatalogAnswer::NotLeader { leader: None },
        Reply::NotLeader(NotCatalogLeader { node, address }) => {
            CatalogAnswer::NotLeader { leader: Some((NodeId(node), address)) }
        }
        Reply::Refused(CatalogRefused { reason, message, outcome_unknown }) => {
            CatalogAnswer::Refused { reason, message, outcome_unknown }
        }
    }
}

pub(crate) fn to_wire(answer: CatalogAnswer) -> ChangeCatalogReply {
    let reply = match answer {
        CatalogAnswer::Changed(outcome) => Reply::Changed(CatalogChanged { outcome }),
        CatalogAnswer::NotLeader { leader } => {
            let (node, address) = leader.unwrap_or((NodeId(0), String::new()));
            Reply::NotLeader(NotCatalogLeader { node: node.0, address })
        }
        CatalogAnswer::Refused { reason, message, outcome_unknown } => {
            Reply::Refused(CatalogRefused { reason, message, outcome_unknown })
        }
    };
    ChangeCatalogReply { reply: Some(reply) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_survives_the_wire() {
        let refused = |outcome_unknown| CatalogAnswer::Refused {
            reason: "OVERLOADED".to_owned(),
            message: "later".to_owned(),
            outcome_unknown,
        };
        for answer in [
            CatalogAnswer::Changed(Bytes::from_static(b"outcome")),
            CatalogAnswer::NotLeader { leader: None },
            CatalogAnswer::NotLeader { leader: Some((NodeId(3), "c:1".to_owned())) },
            refused(true),
            refused(false),
        ] {
            assert_eq!(to_wire(answer.clone()).reply.map(from_wire), Some(answer));
        }
    }
}

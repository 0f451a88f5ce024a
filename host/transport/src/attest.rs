//! What replicas have noted of their states, on its way to those who lead their groups.

use crate::{CallError, PeersHandle};
use quorate_proto::peer::v1::{self, AttestRequest};
use quorate_vocabulary::{GroupId, NodeId, ReplicaId};
use std::time::Duration;

/// What a replica has noted at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Its group.
    pub group: GroupId,
    /// The replica.
    pub replica: ReplicaId,
    /// The entry.
    pub index: u64,
    /// The digest of everything before it.
    pub digest: [u8; 32],
}

impl PeersHandle {
    /// Tells a node what replicas of this one have noted. It is sent once.
    ///
    /// # Errors
    /// When the node cannot be reached or does not answer in time.
    pub async fn attest(
        &self,
        node: NodeId,
        attestations: &[Attestation],
        deadline: Duration,
    ) -> Result<(), CallError> {
        let target = self.inner.target(node)?;
        let call = async {
            let mut client = target.connect(&self.inner.config).await?;
            let request = AttestRequest {
                hello: Some(self.inner.identity.hello(target.node)),
                attestations: attestations.iter().map(to_wire).collect(),
            };
            client.attest(request).await.map_err(|status| target.ended(&status))?;
            Ok(())
        };
        tokio::select! {
            biased;
            () = self.inner.shutdown.cancelled() => Err(CallError::Closed),
            () = tokio::time::sleep(deadline) => Err(CallError::TimedOut { node, waited: deadline }),
            answer = call => answer,
        }
    }
}

fn to_wire(attestation: &Attestation) -> v1::Attestation {
    let Attestation { group, replica, index, digest } = *attestation;
    v1::Attestation { group: group.0, replica: replica.0, index, digest: digest.to_vec().into() }
}

/// What came; none when its digest is none.
pub(crate) fn from_wire(attestation: &v1::Attestation) -> Option<Attestation> {
    Some(Attestation {
        group: GroupId(attestation.group),
        replica: ReplicaId(attestation.replica),
        index: attestation.index,
        digest: attestation.digest.as_ref().try_into().ok()?,
    })
}

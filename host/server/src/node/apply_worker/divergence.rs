//! Replicas are compared: each notes its digest where an entry asks for it, their leader collects, and a verdict stops the one
//! that most do not agree with.

use super::ApplyWorker;
use crate::node::healing::Broken;
use quorate_consensus::Input;
use quorate_replica::{
    EntryBody, Finding, Replica, ReplicaFault,
    ports::{Attested, StateDigest},
};
use quorate_transport::Attestation;
use quorate_vocabulary::{MemberRole, ReplicaId};

impl ApplyWorker {
    /// The leader asks all replicas for their digests, when so many entries have asked something of the machine since the last
    /// time.
    pub(super) fn attest_if(&self, entries_min: u64) {
        let enough = |replica: &Replica| replica.unattested_entries() >= entries_min.max(1);
        // The catalog has no machine of somebody else's, and its members stay what they are.
        if self.life.leading().is_some()
            && !self.group().is_catalog()
            && self.replica.as_ref().is_some_and(enough)
        {
            let body = EntryBody::Attest { time_ms: 0 };
            self.feedback(Input::ProposeEntry { group: self.group(), body });
        }
    }

    /// This replica has noted its digest: its leader is told.
    pub(super) fn noted(&mut self) {
        let Some(attested) = self.replica.as_ref().and_then(|replica| replica.applied().attested) else {
            return;
        };
        let Attested { index, digest } = attested;
        let (group, replica) = (self.group(), self.shared.replica);
        if self.life.leading().is_some() {
            return self.take_attestation(replica, attested);
        }
        let Some(leader) = self.shared.lead().leader else { return };
        let attestation = Attestation { group, replica, index, digest: digest.0 };
        // What is too much is lost: the next time shows the same.
        let _ = self.shared.services.attesting.try_send((leader.node, attestation));
    }

    /// A replica on another node has noted its digest.
    pub(super) fn attested(&mut self, attestation: &Attestation) {
        let attested = Attested { index: attestation.index, digest: StateDigest(attestation.digest) };
        self.take_attestation(attestation.replica, attested);
    }

    fn take_attestation(&mut self, from: ReplicaId, attested: Attested) {
        let Some(replica) = &self.replica else { return };
        let configuration = &replica.applied().configuration;
        if self.life.leading().is_none() || configuration.member(from).is_none() {
            return;
        }
        let voters = configuration.members.iter().filter(|member| member.role == MemberRole::Voter);
        let voters: Vec<ReplicaId> = voters.map(|member| member.replica).collect();
        let group = &self.shared.info.name;
        match self.attestations.take(from, attested, &voters) {
            Finding::Nothing => {}
            Finding::Agreed => tracing::debug!(%group, index = attested.index, "all replicas agree"),
            Finding::Verdict { attested: Attested { index, digest }, agreed } => {
                tracing::error!(%group, index, agreed, "a replica has diverged from most of its group");
                let body = EntryBody::Verdict { time_ms: 0, index, digest: digest.0, agreed };
                self.feedback(Input::ProposeEntry { group: self.group(), body });
            }
            Finding::Undecided { index, agreed } => {
                tracing::error!(
                    %group, index, agreed,
                    "the replicas have diverged, and no majority of them agrees: nobody can tell who is right"
                );
            }
        }
    }

    /// Whether the replica is of no use for good because of this fault: then a new one is to take its place.
    pub(super) fn is_broken(fault: &ReplicaFault) -> bool {
        matches!(fault, ReplicaFault::Outvoted { .. } | ReplicaFault::Diverged { .. })
    }

    /// Keeps what the replica had, and has it replaced.
    pub(super) fn give_up(&mut self, replica: Option<Replica>, why: String) {
        let shared = self.shared.clone();
        let broken = Broken { group: self.group(), replica: shared.replica, why, keeps_evidence: true };
        self.shared.services.runtime.clone().spawn_blocking(move || {
            if let Some(Err(fault)) = replica.map(Replica::write_evidence) {
                tracing::warn!(group = %shared.info.name, %fault, "the state of a diverged replica cannot be kept");
            }
            shared.services.healing.report(broken);
        });
    }
}

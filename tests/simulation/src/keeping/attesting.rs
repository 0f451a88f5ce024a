//! Replicas are compared: each notes its digest where an entry asks for it, their leader collects, and a verdict stops the one
//! that most do not agree with.

use super::Simulation;
use crate::{actions::VOTERS_MIN, checks::Invariant, events::Event, network::arrivals, planted::Bug};
use quorate_consensus::{EntryBody, Input};
use quorate_replica::{Finding, ports::Attested};
use quorate_vocabulary::{GroupId, MemberRole, NodeId, ReplicaId};

impl Simulation {
    /// The leader asks all replicas for their digests, when so many entries have asked something of the machine.
    pub(crate) fn attest_if(&mut self, id: NodeId, group: GroupId, entries_min: u64) {
        let Some(local) = self.local(id, group).filter(|_| !group.is_catalog()) else { return };
        if local.leading.is_some() && local.replica.unattested_entries() >= entries_min {
            self.tell(id, [Input::ProposeEntry { group, body: EntryBody::Attest { time_ms: 0 } }]);
        }
    }

    /// All replicas that this node leads are compared, if there is anything to compare.
    pub(crate) fn attest_all(&mut self, id: NodeId) {
        for group in self.led_groups(id) {
            self.attest_if(id, group, 1);
        }
    }

    /// A replica has noted its digest: its leader is told.
    pub(crate) fn noted(&mut self, id: NodeId, group: GroupId) {
        let Some(local) = self.local(id, group) else { return };
        let Some(mut attested) = local.replica.applied().attested else { return };
        if self.settings.bug == Some(Bug::OwnDigest)
            && let Some(first) = attested.digest.0.first_mut()
        {
            *first ^= id.0.to_le_bytes()[0];
        }
        let Some(local) = self.local(id, group) else { return };
        let (replica, leads) = (local.replica_id, local.leading.is_some());
        if leads {
            return self.take_attestation(id, group, replica, attested);
        }
        let leader = local.following.map(|(leader, _)| leader);
        let configuration = &local.replica.applied().configuration;
        let Some(leader) = leader.and_then(|leader| configuration.member(leader)).copied() else { return };
        let to = leader.node;
        for after in arrivals(&mut self.random.network, &self.faults) {
            self.push(after, Event::Attested { from: id, to, group, replica, attested });
        }
    }

    /// What a replica on another node has noted.
    pub(crate) fn attested(
        &mut self,
        (from, to): (NodeId, NodeId),
        group: GroupId,
        replica: ReplicaId,
        attested: Attested,
    ) {
        if self.network.hears(from, to) {
            self.take_attestation(to, group, replica, attested);
        }
    }

    fn take_attestation(&mut self, id: NodeId, group: GroupId, from: ReplicaId, attested: Attested) {
        let Some(local) = self.local(id, group).filter(|local| local.leading.is_some()) else { return };
        let configuration = &local.replica.applied().configuration;
        if configuration.member(from).is_none() {
            return;
        }
        let voters = configuration.members.iter().filter(|member| member.role == MemberRole::Voter);
        let voters: Vec<ReplicaId> = voters.map(|member| member.replica).collect();
        match local.attestations.take(from, attested, &voters) {
            Finding::Nothing => {}
            Finding::Agreed => self.coverage.agreements += 1,
            Finding::Verdict { .. } if self.settings.bug == Some(Bug::VerdictUnheard) => {}
            Finding::Verdict { attested: Attested { index, digest }, agreed } => {
                self.coverage.verdicts += 1;
                self.check_alarm(id, group, index);
                let body = EntryBody::Verdict { time_ms: 0, index, digest: digest.0, agreed };
                self.tell(id, [Input::ProposeEntry { group, body }]);
            }
            Finding::Undecided { index, .. } => {
                self.coverage.undecided += 1;
                self.check_alarm(id, group, index);
                self.checks.undecided(group);
                if voters.len() >= VOTERS_MIN {
                    // One at a time is corrupted: the others agree.
                    let what = format!(
                        "node {id}, group {group}: {voters:?} are said to have no majority at {index}"
                    );
                    self.checks.violate(Invariant::FalseAlarm, what);
                }
            }
        }
    }

    fn check_alarm(&mut self, id: NodeId, group: GroupId, index: u64) {
        if !self.checks.was_corrupted(group) {
            let what = format!(
                "node {id}, group {group}: replicas are said to differ at entry {index}, and none was corrupted"
            );
            self.checks.violate(Invariant::FalseAlarm, what);
        }
    }
}

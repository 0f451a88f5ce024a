//! Changes of the members.

use super::{Replica, ReplicaFault};
use crate::{Configuration, EntryBody, Refusal, RequestId, configuration};
use quorate_vocabulary::{Member, ReplicaId};
use std::collections::BTreeMap;

impl Replica {
    /// Whether the configuration may be changed by a new request.
    pub(super) fn may_change(&self) -> Result<(), Refusal> {
        if self.promotion.is_some() {
            return Err(Refusal::Unavailable {
                cause: "another change of its members waits for some to catch up",
            });
        }
        self.check_change()
    }

    /// Whether the configuration may be changed now.
    pub(super) fn check_change(&self) -> Result<(), Refusal> {
        let unavailable = |cause| Err(Refusal::Unavailable { cause });
        let raft = &self.raw.raft;
        if !raft.commit_to_current_term() {
            return unavailable("its leader is new and has not committed anything yet");
        }
        if raft.has_pending_conf() || self.configuration.is_joint() || self.proposals.changing.is_some() {
            return unavailable("another change of its members is under way");
        }
        if raft.lead_transferee.is_some() {
            return unavailable("its leadership is being handed over");
        }
        Ok(())
    }

    pub(super) fn propose_priorities(
        &mut self,
        request: RequestId,
        priorities: &BTreeMap<ReplicaId, u32>,
    ) -> Result<(), Refusal> {
        self.may_change()?;
        let next = configuration::with_priorities(&self.configuration, priorities)
            .map_err(|cause| Refusal::Configuration { cause })?;
        self.append_configuration(&next, Some(request))
    }

    pub(super) fn next_configuration(&self, members: &[Member]) -> Result<Configuration, Refusal> {
        configuration::next(&self.configuration, members).map_err(|cause| Refusal::Configuration { cause })
    }

    pub(super) fn propose_configuration(
        &mut self,
        request: RequestId,
        next: &Configuration,
    ) -> Result<(), Refusal> {
        if next.is_joint() {
            // Done only when the joint configuration is left again.
            self.append_configuration(next, None)?;
            self.proposals.changing = Some(request);
            return Ok(());
        }
        self.append_configuration(next, Some(request))
    }

    pub(super) fn append_configuration(
        &mut self,
        next: &Configuration,
        request: Option<RequestId>,
    ) -> Result<(), Refusal> {
        let change = configuration::change(&self.configuration, next);
        let body = EntryBody::Configuration(next.clone()).encode();
        self.raw
            .propose_conf_change(body.to_vec(), change)
            .map_err(|_| Refusal::Unavailable { cause: "its leader cannot append now" })?;
        if let Some(request) = request {
            let raft = &self.raw.raft;
            self.proposals.configuration_appended(raft.raft_log.last_index(), raft.term, request);
        }
        Ok(())
    }

    /// Whoever leads when a joint configuration is in force leaves it. Whether there was anything to do.
    pub(super) fn leave_joint(&mut self) -> bool {
        let raft = &self.raw.raft;
        if !self.configuration.is_joint()
            || !self.is_leader()
            || raft.has_pending_conf()
            || raft.lead_transferee.is_some()
            || !raft.commit_to_current_term()
        {
            return false;
        }
        let next = Configuration { outgoing: Vec::new(), ..self.configuration.clone() };
        let request = self.proposals.changing.take();
        if self.append_configuration(&next, request).is_err() {
            self.proposals.changing = request;
            return false;
        }
        true
    }

    /// A configuration is handed to apply: from here on it is in force.
    pub(super) fn enter(&mut self, next: &Configuration) -> Result<(), ReplicaFault> {
        if next.epoch != self.configuration.epoch {
            // A recovery, or a change before it that this replica need not make any more.
            if next.epoch > self.configuration.epoch {
                self.force(next)?;
            }
            return Ok(());
        }
        self.recovered(next.epoch);
        self.contacts.retain(|replica| next.member(replica).is_some());
        self.check_own_role(next)?;
        let change = configuration::change(&self.configuration, next);
        let state = self.raw.apply_conf_change(&change).map_err(|error| {
            ReplicaFault(format!("a committed change of its members cannot be made: {error}"))
        })?;
        if !configuration::is_in(&state, next) {
            return Err(ReplicaFault(format!(
                "a committed change of its members leads to {state:?} instead of {next:?}"
            )));
        }
        self.configuration = next.clone();
        self.addresses.retain(|replica, _| next.member(*replica).is_none());
        // A leader that is no voter any longer and goes on panics.
        if self.is_leader() && !self.raw.raft.promotable() {
            self.stop_leading();
        }
        Ok(())
    }

    /// Hands the leadership to the voter that is most up to date, and follows.
    fn stop_leading(&mut self) {
        let raft = &mut self.raw.raft;
        let matched = |replica: &ReplicaId| raft.prs().get(replica.0).map(|progress| progress.matched);
        let may_lead = |replica: &ReplicaId| self.configuration.priority(*replica) > 0;
        let voters = self.configuration.voters();
        if let Some(successor) = voters.max_by_key(|voter| (may_lead(voter), matched(voter))) {
            raft.send_timeout_now(successor.0);
        }
        let term = raft.term;
        raft.become_follower(term, raft::INVALID_ID);
    }
}

//! Recovery of a group that has lost a majority of its voters for good: an operator's act, at the price of what only the
//! lost ones had.
//!
//! One survivor takes the others it is told of for the whole group, is elected by **all** of them (so that no survivor
//! has more than it), and commits a configuration of them with the next epoch. Until that is committed nothing is
//! promised, and a crash leaves the group as it was. From then on members that know only an earlier epoch, and are not
//! in the configuration, are not listened to but told so, and stop.

use super::{Replica, ReplicaFault, election_ticks, proposals::refuse};
use crate::{
    Configuration, Effect, RaftMessage, RaftMessageType, Refusal, RequestId, configuration, liveness::Peers,
};
use quorate_vocabulary::{Member, MemberRole, ReplicaId};
use raft::{
    StateRole,
    eraftpb::{ConfChangeV2, Message, MessageType},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

/// So many terms are left out: more than lost members can have gone through without the survivors hearing of it. Else one
/// of them could have led in a term in which a survivor leads, and entries of both that are still on their way would pass
/// for the same.
pub(crate) const TERMS_SKIPPED: u64 = 1 << 24;
/// How many election timeouts the survivors have to elect this replica.
const ELECTIONS_MAX: usize = 6;

/// A recovery that is under way.
pub(super) struct Recovery {
    request: RequestId,
    next: Configuration,
    /// What to go back to if it comes to nothing.
    before: Configuration,
    ticks_left: usize,
    /// Votes, until all are there.
    votes: Vec<Message>,
    is_proposed: bool,
}

fn refused<T>(cause: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::NotRecovered { cause: cause.into() })
}

impl Replica {
    /// Begins a recovery with these survivors.
    pub(crate) fn recover(
        &mut self,
        request: RequestId,
        survivors: &[ReplicaId],
        peers: &Peers,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ReplicaFault> {
        let next = match self.recovered_by(survivors, peers) {
            Ok(next) => next,
            Err(reason) => {
                refuse(self.group, [request], &reason, effects);
                return Ok(());
            }
        };
        tracing::warn!(group = %self.group, replica = %self.replica, ?survivors, epoch = next.epoch, "recovering");
        let before = self.configuration.clone();
        self.force(&next)?;
        let term = self.raw.raft.term.saturating_add(TERMS_SKIPPED);
        self.raw.raft.become_follower(term, raft::INVALID_ID);
        let ticks_left = ELECTIONS_MAX * election_ticks(&self.config);
        let votes = Vec::new();
        self.recovery = Some(Recovery { request, next, before, ticks_left, votes, is_proposed: false });
        self.campaigns_now = true;
        Ok(())
    }

    fn recovered_by(&self, survivors: &[ReplicaId], peers: &Peers) -> Result<Configuration, Refusal> {
        if self.recovery.is_some() {
            return refused("it is being recovered already");
        }
        if self.is_leader() || self.lease.forbids_vote(self.now) {
            return refused("it has, or had a moment ago, a leader");
        }
        if self.must_wait() {
            return refused("this replica is loading a snapshot");
        }
        if self.is_witness {
            return refused("this replica is a witness, which holds no state to go on with");
        }
        if !survivors.contains(&self.replica) {
            return refused("this replica is not among the survivors named");
        }
        if survivors.iter().collect::<BTreeSet<_>>().len() != survivors.len() {
            return refused("a survivor is named twice");
        }
        let mut members = Vec::new();
        for survivor in survivors {
            match self.configuration.member(*survivor) {
                Some(member) if member.role.is_witness() => {
                    members.push(Member { role: MemberRole::Witness, ..*member });
                }
                Some(member) => members.push(Member { role: MemberRole::Voter, ..*member }),
                None => return refused(format!("replica {survivor} is no member")),
            }
        }
        if self.majority_lives(peers) {
            return refused("a majority of its voters is alive, as far as this node knows");
        }
        let mut next = Configuration::new(members);
        next.epoch = self.configuration.epoch + 1;
        next.priorities = self.configuration.priorities.clone();
        next.priorities.retain(|replica, _| survivors.contains(replica));
        Ok(next)
    }

    /// Whether the group could help itself, as far as can be told from beats and from what members have said. One that has
    /// stopped, and said so, is no help though its node lives. Witnesses
    /// do not count: with them alone there is nothing to go on with, and where those that live elect a leader there is no
    /// need to ask.
    fn majority_lives(&self, peers: &Peers) -> bool {
        let since = self.now.saturating_sub(self.config.election_timeout * 2);
        let lives = |member: &Member| match self.contacts.get(&member.replica) {
            _ if member.replica == self.replica => true,
            Some(Contact::Stopped) => false,
            Some(Contact::Heard(heard)) => *heard > since || peers.is_alive(member.node),
            None => peers.is_alive(member.node),
        };
        let majority = |voters: Vec<&Member>| {
            let living = voters.iter().filter(|member| !member.role.is_witness() && lives(member)).count();
            living > voters.len() / 2 || voters.is_empty()
        };
        let voters = self.configuration.members.iter().filter(|member| member.role.votes());
        majority(voters.collect()) && majority(self.configuration.outgoing.iter().collect())
    }

    /// Takes on this configuration, whatever the one before was.
    pub(super) fn force(&mut self, next: &Configuration) -> Result<(), ReplicaFault> {
        let fault = |error| ReplicaFault(format!("its members cannot be forced: {error}"));
        if self.configuration.is_joint() {
            self.raw.apply_conf_change(&ConfChangeV2::default()).map_err(fault)?;
            self.configuration.outgoing.clear();
        }
        if !next.is_joint() {
            let joint = Configuration { outgoing: self.configuration.members.clone(), ..next.clone() };
            self.raw.apply_conf_change(&configuration::change(&self.configuration, &joint)).map_err(fault)?;
            self.raw.apply_conf_change(&ConfChangeV2::default()).map_err(fault)?;
        } else {
            // By way of the voters that are being left.
            let base = Configuration { members: next.outgoing.clone(), ..Configuration::default() };
            self.force(&base)?;
            self.raw.apply_conf_change(&configuration::change(&base, next)).map_err(fault)?;
        }
        self.configuration = next.clone();
        if !configuration::is_in(&self.raw.raft.prs().conf().to_conf_state(), next) {
            return Err(ReplicaFault(format!("forcing its members did not lead to {next:?}")));
        }
        Ok(())
    }

    /// Votes for a replica that recovers its group count once all survivors have given theirs.
    pub(super) fn hold_vote(&mut self, message: Message) -> Option<Vec<Message>> {
        let raft = &self.raw.raft;
        let counts = message.get_msg_type() == MessageType::MsgRequestVoteResponse
            && !message.reject
            && raft.state == StateRole::Candidate
            && message.term == raft.term;
        let Some(recovery) = self.recovery.as_mut().filter(|_| counts) else { return Some(vec![message]) };
        recovery.votes.retain(|vote| vote.term == message.term && vote.from != message.from);
        recovery.votes.push(message);
        let others = recovery.next.members.len() - 1;
        (recovery.votes.len() >= others).then(|| mem::take(&mut recovery.votes))
    }

    /// Proposes the configuration of the survivors once this replica leads them. Whether there was anything to do.
    pub(super) fn propose_recovered(&mut self) -> bool {
        let is_due = self.recovery.as_ref().is_some_and(|recovery| !recovery.is_proposed);
        let raft = &self.raw.raft;
        if !is_due || !self.is_leader() || !raft.commit_to_current_term() || raft.has_pending_conf() {
            return false;
        }
        let Some(recovery) = &mut self.recovery else { return false };
        recovery.is_proposed = true;
        let (next, request) = (recovery.next.clone(), recovery.request);
        self.append_configuration(&next, Some(request)).is_ok()
    }

    /// A configuration of a later epoch is committed.
    pub(super) fn recovered(&mut self, epoch: u64) {
        if self.recovery.as_ref().is_some_and(|recovery| recovery.next.epoch <= epoch) {
            self.recovery = None;
        }
    }

    /// Time passes: survivors that do not elect this replica have more than it, or are no survivors.
    pub(super) fn tick_recovery(&mut self, effects: &mut Vec<Effect>) -> Result<(), ReplicaFault> {
        let Some(recovery) = &mut self.recovery else { return Ok(()) };
        recovery.ticks_left = recovery.ticks_left.saturating_sub(1);
        if recovery.ticks_left > 0 || recovery.is_proposed {
            return Ok(());
        }
        let Some(Recovery { request, before, .. }) = self.recovery.take() else { return Ok(()) };
        let term = self.raw.raft.term;
        self.raw.raft.become_follower(term, raft::INVALID_ID);
        self.force(&before)?;
        let cause = "not all survivors elected this replica: one is gone, or has more of the log. If it is a witness \
                     that has more, name the survivors without it"
            .to_owned();
        refuse(self.group, [request], &Refusal::NotRecovered { cause }, effects);
        Ok(())
    }

    pub(super) fn end_recovery(&mut self, effects: &mut Vec<Effect>) {
        let recovery = self.recovery.take().filter(|recovery| !recovery.is_proposed);
        let request = recovery.map(|recovery| recovery.request);
        refuse(self.group, request, &Refusal::Closed { appended: false }, effects);
    }

    /// Whether to listen to this message. One of an earlier epoch is answered, unless it is of a survivor that has yet to
    /// learn of the recovery.
    ///
    /// # Errors
    /// When the group has been recovered without this replica.
    pub(super) fn is_of_epoch(
        &mut self,
        message: &RaftMessage,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, ReplicaFault> {
        let own = self.configuration.epoch;
        if message.r#type() == RaftMessageType::Superseded {
            // One that has joined and was given nothing yet is of no epoch, and holds nothing that could be of no use. Most
            // likely it belongs to the later one, and whoever says this has not heard of it, or heard that it is to go.
            let holds_nothing = self.configuration.members.is_empty();
            if message.epoch > own && !holds_nothing {
                return Err(ReplicaFault(format!(
                    "its group was recovered without it, in epoch {}: what it holds is of no use any more",
                    message.epoch
                )));
            }
            return Ok(false);
        }
        let from = ReplicaId(message.from_replica);
        let is_member = self.configuration.member(from).is_some();
        if message.r#type() == RaftMessageType::Stopped {
            if is_member {
                self.contacts.insert(from, Contact::Stopped);
            }
            return Ok(false);
        }
        if is_member {
            self.contacts.insert(from, Contact::Heard(self.now));
            return Ok(true);
        }
        if message.epoch >= own {
            return Ok(true);
        }
        if self.recovery.is_some() {
            // Not committed, it may come to nothing: then nobody is lost.
            return Ok(false);
        }
        let answer = RaftMessage { epoch: own, ..answer(message, RaftMessageType::Superseded) };
        effects.push(Effect::Send(answer));
        Ok(false)
    }
}

fn answer(message: &RaftMessage, kind: RaftMessageType) -> RaftMessage {
    let mut answer = RaftMessage {
        group: message.group,
        from_replica: message.to_replica,
        to_replica: message.from_replica,
        from_node: message.to_node,
        to_node: message.from_node,
        ..RaftMessage::default()
    };
    answer.set_type(kind);
    answer
}

/// What to answer for a replica that has stopped for good, though its node runs: without it the others would take it for
/// alive, and the group could not be recovered. None for a message that does not ask for its vote, or for its leader.
#[must_use]
pub fn answer_for_stopped(message: &RaftMessage) -> Option<RaftMessage> {
    matches!(
        message.r#type(),
        RaftMessageType::RequestVote | RaftMessageType::RequestPreVote | RaftMessageType::Wake
    )
    .then(|| answer(message, RaftMessageType::Stopped))
}

/// What was last heard of members.
pub(super) type Contacts = BTreeMap<ReplicaId, Contact>;

/// What was last heard of a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Contact {
    /// Something of its own, then.
    Heard(Duration),
    /// Its node says that it has stopped.
    Stopped,
}

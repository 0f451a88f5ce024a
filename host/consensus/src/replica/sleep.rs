//! Hibernation: a group in which nothing happens is ticked by nobody.
//!
//! A leader that has been idle for a while, and whose members have all there is, says so on its heartbeats. A follower
//! that sees it the same way agrees on its answer and falls asleep; the leader does once all have agreed that are on
//! nodes that live, and a majority with itself. Whatever else comes for a group, request or message, wakes it. That a
//! node lives is shown by the beats between nodes, for all its groups at once.
//!
//! Nothing here can cost safety: who sleeps says and does nothing, terms and votes are as they were, and a leader that
//! wakes has no lease. What it must not cost is that a leader is missed: so a follower that is awake and hears nothing
//! calls its leader before it runs out of patience.

use super::{Replica, election_ticks};
use crate::{Effect, Input, RaftMessage, RaftMessageType, liveness::Peers};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use raft::StateRole;
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Sleep {
    is_asleep: bool,
    /// As leader: the ticks in which nothing happened.
    quiet_ticks: usize,
    /// As leader: whether its heartbeats say so.
    wishes: bool,
    /// As leader: who has agreed.
    agreed: BTreeSet<ReplicaId>,
    /// As follower: whether it agrees with the last heartbeat.
    agrees: bool,
}

/// What the shard must know of a replica that sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nap {
    /// Where its leader is; this node, if it leads itself. None if it knows no leader: then it sleeps only until it is its
    /// turn.
    pub(crate) leader: Option<NodeId>,
    /// Where the others are.
    pub(crate) others: Vec<NodeId>,
    /// As leader: those of them on which a member has not agreed, because its node seemed dead.
    pub(crate) absent: Vec<NodeId>,
}

impl Sleep {
    /// That of a replica as it is opened. One of an old group sleeps until somebody says something to it or its turn has
    /// come: a node that begins anew with thousands of them must neither tick all at once nor campaign for all at once.
    pub(super) fn opened(dozes: bool) -> Self {
        Self { is_asleep: dozes, ..Self::default() }
    }
}

impl Replica {
    pub(crate) fn is_asleep(&self) -> bool {
        self.sleep.is_asleep
    }

    /// Whether this leader sleeps, and that member agreed to it.
    pub(super) fn sleeps_with(&self, member: ReplicaId) -> bool {
        self.sleep.is_asleep && self.sleep.agreed.contains(&member)
    }

    /// What to know of it while it sleeps.
    pub(crate) fn nap(&self) -> Option<Nap> {
        if !self.sleep.is_asleep {
            return None;
        }
        let leader = self.leader().map(|leader| leader.node);
        let others = || self.configuration.members.iter().filter(|member| member.replica != self.replica);
        let has_agreed = |member: &&Member| !self.is_leader() || self.sleep.agreed.contains(&member.replica);
        Some(Nap {
            leader,
            others: others().map(|member| member.node).collect(),
            absent: others().filter(|member| !has_agreed(member)).map(|member| member.node).collect(),
        })
    }

    /// Whether this wakes the group. Neither do the messages by which its members agree to sleep, nor late ones of them,
    /// nor what becomes of this replica's own work.
    pub(crate) fn is_woken_by(&self, input: &Input) -> bool {
        let Input::Message(message) = input else {
            return matches!(
                input,
                Input::Propose { .. }
                    | Input::ProposeInSession { .. }
                    | Input::ProposeCheckpoint { .. }
                    | Input::ProposeTimers { .. }
                    | Input::ProposeOrder { .. }
                    | Input::ProposeEntry { .. }
                    | Input::ProposeConfiguration { .. }
                    | Input::ProposePriorities { .. }
                    | Input::TransferLeader { .. }
                    | Input::Read { .. }
                    | Input::Recover { .. }
            );
        };
        match message.r#type() {
            RaftMessageType::Heartbeat | RaftMessageType::HeartbeatResponse => !message.sleep,
            // A replica that was removed may call for ever.
            RaftMessageType::Wake => {
                self.configuration.member(ReplicaId(message.from_replica)).is_some() && self.is_leader()
            }
            // News of another, which this one may need when it is asked to go on without it.
            RaftMessageType::Stopped => false,
            _ => true,
        }
    }

    /// Something has come for the group, or its leader's node is gone.
    pub(crate) fn wake(&mut self, peers: &Peers) {
        self.stir();
        if !std::mem::take(&mut self.sleep.is_asleep) {
            return;
        }
        self.sleep.agrees = false;
        let leader = self.leader();
        let raft = &mut self.raw.raft;
        if raft.state == StateRole::Leader {
            // A full timeout for the others to answer, beginning with a heartbeat that wakes them.
            raft.election_elapsed = 0;
            raft.ping();
        } else if leader.is_none_or(|leader| peers.is_alive(leader.node)) {
            raft.election_elapsed = 0;
        } else {
            // It has been gone for a timeout: free to vote for others, and to campaign after what is drawn beyond.
            raft.election_elapsed = election_ticks(&self.config);
        }
    }

    /// Something happens: the group is not idle.
    pub(super) fn stir(&mut self) {
        self.sleep.quiet_ticks = 0;
        self.sleep.wishes = false;
        self.sleep.agreed.clear();
    }

    /// Nothing of this replica waits for anything, and all of its log is committed, on disk and with apply.
    fn is_idle(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        let last = log.last_index();
        (log.committed, log.persisted, self.applying.handed) == (last, last, last)
            && self.restoring.is_none()
            && self.recovery.is_none()
            && self.reads.is_empty()
            && self.proposals.is_empty()
            && self.disk.is_empty()
            && !self.configuration.is_joint()
            && !self.raw.raft.has_pending_conf()
    }

    /// Whether this member has all there is, and knows it.
    fn has_all(&self, replica: ReplicaId) -> bool {
        let last = self.raw.raft.raft_log.last_index();
        self.follows(replica)
            .is_some_and(|progress| (progress.matched, progress.committed_index) == (last, last))
    }

    /// Those that must agree before this leader sleeps: all on nodes that live. None if they are too few.
    fn must_agree(&self, peers: &Peers) -> Option<Vec<ReplicaId>> {
        let others = self.configuration.members.iter().filter(|member| member.replica != self.replica);
        let living = others.filter(|member| peers.is_alive(member.node)).map(|member| member.replica);
        let living: Vec<ReplicaId> = living.collect();
        let voters: Vec<ReplicaId> = self.configuration.voters().collect();
        let counted = voters.iter().filter(|voter| **voter == self.replica || living.contains(voter)).count();
        (counted > voters.len() / 2 && living.iter().all(|replica| self.has_all(*replica))).then_some(living)
    }

    /// Time passes: a leader finds that it is idle, a follower that it has not heard of its leader for a while.
    pub(super) fn tick_sleep(&mut self, peers: &Peers, effects: &mut Vec<Effect>) {
        let Some(hibernate_after) = self.config.hibernate_after else { return };
        if !self.is_leader() {
            self.call_leader(effects);
            return;
        }
        let is_quiet = self.announced.established
            && self.transfer.is_none()
            && self.promotion.is_none()
            && self.snapshot_wanted.is_none()
            && self.is_idle()
            && self.better_leader().is_none();
        let must_agree = if is_quiet { self.must_agree(peers) } else { None };
        let Some(must_agree) = must_agree else {
            self.stir();
            return;
        };
        self.sleep.quiet_ticks += 1;
        let quiet = self.config.heartbeat_interval.saturating_mul(saturated(self.sleep.quiet_ticks));
        self.sleep.wishes = quiet >= hibernate_after;
        if self.sleep.wishes && must_agree.iter().all(|replica| self.sleep.agreed.contains(replica)) {
            self.sleep.is_asleep = true;
            self.lease.restart();
            self.raw.raft.maybe_free_inflight_buffers();
        }
    }

    /// A follower that hears nothing may have woken alone: its leader is to wake, too, before it campaigns. One that never
    /// campaigns, since it does not vote, asks all that could lead when a timeout has passed: the group may have fallen
    /// asleep without it, under a leader it does not know.
    fn call_leader(&self, effects: &mut Vec<Effect>) {
        let (raft, ticks) = (&self.raw.raft, election_ticks(&self.config));
        let elapsed = raft.election_elapsed;
        let votes = self.configuration.voters().any(|voter| voter == self.replica);
        let called: Vec<Member> = if votes || elapsed < ticks {
            let is_due = elapsed >= ticks / 2 && elapsed.is_multiple_of(2);
            self.leader().into_iter().filter(|_| is_due).collect()
        } else {
            let is_due = elapsed.is_multiple_of((ticks / 2).max(1));
            let members = self.configuration.members.iter().filter(|member| member.role == MemberRole::Voter);
            members.filter(|_| is_due).copied().collect()
        };
        for member in called {
            let mut call = RaftMessage {
                group: self.group.0,
                from_replica: self.replica.0,
                to_replica: member.replica.0,
                from_node: self.config.node.0,
                to_node: member.node.0,
                term: raft.term,
                ..RaftMessage::default()
            };
            call.set_type(RaftMessageType::Wake);
            effects.push(Effect::Send(call));
        }
    }

    /// What to put on a heartbeat, or on the answer to one: whether this replica would sleep, and where its log ends.
    pub(super) fn sleep_mark(&self) -> (bool, u64) {
        let would = if self.is_leader() { self.sleep.wishes } else { self.sleep.agrees };
        (would, self.raw.raft.raft_log.last_index())
    }

    /// raft has taken in a message with this mark.
    pub(super) fn note_sleep_mark(&mut self, kind: RaftMessageType, from: u64, term: u64, mark: (bool, u64)) {
        let raft = &self.raw.raft;
        let (would, last) = mark;
        let fits = would && term == raft.term && last == raft.raft_log.last_index();
        match kind {
            RaftMessageType::Heartbeat => self.sleep.agrees = fits && raft.leader_id == from,
            RaftMessageType::HeartbeatResponse if self.sleep.is_asleep => {}
            RaftMessageType::HeartbeatResponse if fits && self.sleep.wishes => {
                self.sleep.agreed.insert(ReplicaId(from));
            }
            RaftMessageType::HeartbeatResponse => {
                self.sleep.agreed.remove(&ReplicaId(from));
            }
            _ => {
                self.sleep.agrees = false;
                self.stir();
            }
        }
    }

    /// Before a follower answers: it does not agree to sleep while it has something to do.
    pub(super) fn think_over_sleep(&mut self) {
        if self.is_leader() {
            return;
        }
        self.sleep.agrees &= self.config.hibernate_after.is_some()
            && self.raw.raft.state == StateRole::Follower
            && self.leader().is_some()
            && self.is_idle();
        self.sleep.is_asleep = self.sleep.agrees;
    }
}

fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

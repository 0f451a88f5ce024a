//! One replica: raft's core, and what waits for it.

mod announce;
mod applying;
mod disk;
mod election;
mod lease;
mod membership;
mod open;
mod preference;
mod progress;
mod promotion;
mod proposals;
mod reads;
mod ready;
mod receive;
mod recovery;
mod room;
mod sleep;
mod snapshots;
mod transfer;
mod witness;

use crate::{
    Configuration, Effect, Input, ReadMode, Refusal, ReplicaStatus, RequestId, Role, ShardConfig,
    liveness::Peers, log_window::LogWindow,
};
#[cfg(test)]
pub(crate) use recovery::TERMS_SKIPPED;
pub use recovery::answer_for_stopped;
pub(crate) use sleep::Nap;

use applying::Applying;
use disk::Disk;
use election::Election;
use lease::Lease;
use preference::Preference;
use promotion::Promotion;
use proposals::{Proposals, refuse};
use quorate_vocabulary::{GroupId, Member, NodeId, ReplicaId};
use raft::{RawNode, StateRole, eraftpb::Message};
use reads::Reads;
use recovery::{Contacts, Recovery};
use sleep::Sleep;
use snapshots::{Restoring, brought_snapshot};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use transfer::Transfer;
use witness::Witnesses;

/// Why a replica is driven no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ReplicaFault(pub(crate) String);

/// What was last told of a replica's role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Announced {
    /// As raft has it.
    role: Role,
    /// As the host was told.
    outward_role: Role,
    term: u64,
    leader: Option<Member>,
    /// As leader: its first entry is committed and handed to apply.
    established: bool,
}

/// One replica of a group. Every call may panic where raft finds what cannot be; the shard catches that.
pub(crate) struct Replica {
    group: GroupId,
    replica: ReplicaId,
    is_witness: bool,
    config: Arc<ShardConfig>,
    raw: RawNode<LogWindow>,
    /// As far as entries are handed to apply.
    configuration: Configuration,
    /// Where senders of messages are that the configuration does not know (yet).
    addresses: BTreeMap<ReplicaId, NodeId>,
    election: Election,
    disk: Disk,
    applying: Applying,
    restoring: Option<Restoring>,
    /// A snapshot that came while apply was at work.
    held_snapshot: Option<Box<Message>>,
    transfer: Option<Transfer>,
    promotion: Option<Promotion>,
    witnesses: Witnesses,
    recovery: Option<Recovery>,
    contacts: Contacts,
    lease: Lease,
    preference: Preference,
    sleep: Sleep,
    /// As the host said at this step.
    now: Duration,
    proposals: Proposals,
    reads: Reads,
    announced: Announced,
    /// The least index of a snapshot that was asked for, and the ticks since.
    snapshot_wanted: Option<(u64, usize)>,
    /// Campaign as soon as this step's inputs are taken in.
    campaigns_now: bool,
}

/// The ticks of the shortest election timeout.
pub(crate) fn election_ticks(config: &ShardConfig) -> usize {
    let ticks = config.election_timeout.as_nanos().div_ceil(config.heartbeat_interval.as_nanos().max(1));
    // raft wants more than one heartbeat within an election timeout.
    usize::try_from(ticks).unwrap_or(usize::MAX / 4).clamp(2, usize::MAX / 4)
}

fn role(state: StateRole) -> Role {
    match state {
        StateRole::Follower => Role::Follower,
        StateRole::PreCandidate => Role::PreCandidate,
        StateRole::Candidate => Role::Candidate,
        StateRole::Leader => Role::Leader,
    }
}

impl Replica {
    pub(crate) fn handle(&mut self, input: Input, effects: &mut Vec<Effect>) -> Result<(), ReplicaFault> {
        match input {
            Input::Message(message) => {
                let brought = brought_snapshot(&message);
                self.receive(message, effects)?;
                if let Some(point) = brought {
                    self.tell_unless_taken(point, effects);
                }
            }
            Input::Propose { request, command, .. } => {
                let taken = self.leading().and_then(|()| self.proposals.push(&self.config, request, command));
                self.refuse_unless(request, taken, effects);
            }
            Input::ProposeInSession { request, command, .. } => {
                let taken = self.leading();
                let taken = taken.and_then(|()| self.proposals.push_session(&self.config, request, command));
                self.refuse_unless(request, taken, effects);
            }
            Input::ProposeCheckpoint { .. } => {
                if self.is_leader() {
                    self.proposals.push_checkpoint();
                }
            }
            Input::ProposeTimers { .. } => {
                if self.is_leader() {
                    self.proposals.push_timers();
                }
            }
            Input::ProposeOrder { request, order, .. } => {
                let taken = self.leading().and_then(|()| self.proposals.push_order(request, order));
                self.refuse_unless(request, taken, effects);
            }
            Input::ProposeEntry { body, .. } => {
                if self.is_leader() {
                    self.proposals.push_own(body);
                }
            }
            Input::ProposeConfiguration { request, members, promote_when_caught_up, .. } => {
                let taken = self.leading();
                let taken =
                    taken.and_then(|()| self.change_members(request, &members, promote_when_caught_up));
                self.refuse_unless(request, taken, effects);
            }
            Input::ProposePriorities { request, priorities, .. } => {
                let taken = self.leading().and_then(|()| self.propose_priorities(request, &priorities));
                self.refuse_unless(request, taken, effects);
            }
            Input::TransferLeader { request, to, .. } => {
                let taken = self.transfer_leader(request, to, effects);
                self.refuse_unless(request, taken, effects);
            }
            Input::Read { request, .. } if self.is_witness => {
                self.refuse_unless(request, Err(Refusal::Witness), effects);
            }
            Input::Read { request, mode: ReadMode::Lease, .. } if self.holds_lease() => {
                let index = self.raw.raft.raft_log.committed;
                effects.push(Effect::ReadReady { group: self.group, request, index });
            }
            Input::Read { request, .. } => {
                let taken = self.reads.push(request, self.config.waiting_reads_max);
                self.refuse_unless(request, taken, effects);
            }
            Input::Persisted { number, .. } => self.persisted(number, effects),
            Input::Applied { index, .. } => self.applied(index, effects),
            Input::Restored { index, time_ms, .. } => self.restored(index, time_ms),
            Input::Fetched { first, entries, .. } => self.fetched(first, entries)?,
            Input::SnapshotSent { to, delivered, .. } => self.snapshot_sent(to, delivered),
            Input::SnapshotTaken { index, term, .. } => self.snapshot_taken(index, term, effects),
            Input::SnapshotSendable { index, term, .. } => self.snapshot_sendable(index, term),
            // These are for the shard.
            Input::Tick
            | Input::Open(_)
            | Input::Close { .. }
            | Input::Unreachable { .. }
            | Input::Recover { .. } => {}
        }
        Ok(())
    }

    /// The host has read its clock.
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    fn refuse_unless(&self, request: RequestId, taken: Result<(), Refusal>, effects: &mut Vec<Effect>) {
        if let Err(reason) = taken {
            refuse(self.group, [request], &reason, effects);
        }
    }

    fn is_leader(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    fn leading(&self) -> Result<(), Refusal> {
        if self.recovery.is_some() {
            return Err(Refusal::Unavailable { cause: "it is being recovered" });
        }
        if self.is_leader() { Ok(()) } else { Err(Refusal::NotLeader { leader: self.leader() }) }
    }

    fn leader(&self) -> Option<Member> {
        self.configuration.member(ReplicaId(self.raw.raft.leader_id)).copied()
    }

    /// Whether raft must not be given anything that makes it campaign.
    fn must_wait(&self) -> bool {
        let raft = &self.raw.raft;
        // raft panics when it campaigns before a snapshot is persisted. And it must not lead before its machine has
        // the state of that snapshot.
        self.restoring.is_some()
            // A sole voter is elected the moment it campaigns, and a new leader whose log is not all on disk panics.
            || (!self.is_leader()
                && raft.prs().is_singleton()
                && raft.raft_log.persisted < raft.raft_log.last_index())
    }

    pub(crate) fn tick(&mut self, peers: &Peers, effects: &mut Vec<Effect>) -> Result<(), ReplicaFault> {
        self.tick_recovery(effects)?;
        self.tick_timers(peers, effects);
        Ok(())
    }

    fn tick_timers(&mut self, peers: &Peers, effects: &mut Vec<Effect>) {
        let election_ticks = election_ticks(&self.config);
        let has_leader = self.raw.raft.leader_id != raft::INVALID_ID;
        self.reads.tick(self.group, has_leader, election_ticks, effects);
        self.tick_transfer(effects);
        self.tick_promotion(effects);
        self.tick_witnesses();
        self.prefer_better();
        self.tick_sleep(peers, effects);
        if let Some((_, ticks)) = &mut self.snapshot_wanted {
            *ticks += 1;
            if *ticks > election_ticks {
                self.snapshot_wanted = None;
            }
        }
        if self.must_wait() {
            return;
        }
        // raft draws timeouts of its own from a source without a seed; set before every tick, they never count.
        let timeout = self.election.timeout_ticks(self.raw.raft.term);
        self.raw.raft.set_randomized_election_timeout(timeout);
        let would_campaign = !self.is_leader() && self.raw.raft.election_elapsed + 1 >= timeout;
        if would_campaign && self.lease.forbids_vote(self.now) {
            // By ticks it is time, and by the clock it is not: the shard was kept from running.
            return;
        }
        if has_leader && !would_campaign {
            self.election.expect_priority(self.configuration.highest_priority());
        } else if would_campaign && (self.is_witness || !self.election.may_campaign(self.own_priority())) {
            // raft's own count stands still meanwhile, where this voter grants its vote to others.
            let raft = &mut self.raw.raft;
            raft.election_elapsed = raft.election_elapsed.max(election_ticks);
            return;
        }
        self.raw.tick();
        if !self.is_leader() && self.raw.raft.election_elapsed == 0 {
            self.election.campaigned();
        }
        if self.election.is_early(self.raw.raft.term, has_leader) && !self.lease.forbids_vote(self.now) {
            self.campaign();
        }
    }

    fn campaign(&mut self) {
        if !self.is_leader() && self.raw.raft.promotable() && !self.must_wait() && !self.is_witness {
            // Refused while a configuration is committed and not yet applied; the timeout will try again.
            let _ = self.raw.campaign();
        }
    }

    pub(crate) fn unreachable(&mut self, node: NodeId) {
        if !self.is_leader() {
            return;
        }
        let members = self.configuration.members.iter().chain(&self.configuration.outgoing);
        let gone: Vec<ReplicaId> =
            members.filter(|member| member.node == node).map(|member| member.replica).collect();
        for replica in gone {
            self.raw.report_unreachable(replica.0);
        }
        self.lose_step(node);
    }

    /// Refuses everything that waits. Touches nothing of raft, which may have panicked.
    pub(crate) fn close(&mut self, effects: &mut Vec<Effect>) {
        self.proposals.close(self.group, effects);
        self.reads.close(self.group, effects);
        self.end_transfer(&Refusal::Closed { appended: false }, effects);
        self.end_promotion(&Refusal::Closed { appended: true }, effects);
        self.end_recovery(effects);
    }

    pub(crate) fn status(&self) -> ReplicaStatus {
        let raft = &self.raw.raft;
        let log = self.raw.store();
        ReplicaStatus {
            group: self.group,
            replica: self.replica,
            is_witness: self.is_witness,
            role: self.outward_role(),
            term: raft.term,
            leader: self.outward_leader(),
            configuration: self.configuration.clone(),
            commit: raft.raft_log.committed,
            applied: self.applying.applied,
            last: log.last(),
            truncated: log.truncated(),
            snapshot: log.snapshot_point(),
            waiting_bytes: self.proposals.bytes(),
            progress: self.progress(),
            is_asleep: self.is_asleep(),
            failure: None,
        }
    }
}

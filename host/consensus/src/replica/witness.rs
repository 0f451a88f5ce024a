//! Witnesses: members that vote, and know of the log only where its entries stand and who the members are.
//!
//! A witness is sent configurations whole and of every other entry only the kind; what comes to it in another way it
//! strips itself, so that its disk never holds a command. It applies nothing, asks its host for nothing but its log, and
//! cuts that by itself. A snapshot for it is a place in the log with the members there, which any applied place is.
//!
//! What a witness has acknowledged it must be found to have: it grants no vote to a log that lacks it. An entry that only
//! the leader and the witness have would so keep every other voter from leading once the leader is gone. Therefore the
//! log of a witness **trails**: entries are held back from it until the leader has them on disk, and every other voter
//! with data that keeps step has acknowledged them. Who keeps step is found out tick by tick; one that falls behind is
//! waited for only for a moment, and then the witness makes up the majority. It does so only where it can: while even all
//! witnesses together would not make up a majority with the voters with data that have an entry, they are not told of it. And
//! never does one know of a change of members before one of those that stay has the log up to there.

use super::{Replica, ReplicaFault, election_ticks};
use crate::{Configuration, Effect, EntryBody, LogPoint, Persist, log_window::hard_state};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use raft::eraftpb::{EntryType, Message, MessageType};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A witness cuts its log when so many entries are in it that are committed: it will never be asked for them.
const COMMITTED_ENTRIES_MAX: u64 = 1_024;

/// What a leader keeps for the witnesses of its group.
#[derive(Default)]
pub(super) struct Witnesses {
    /// Appends that are held back, in order.
    held: BTreeMap<ReplicaId, VecDeque<Message>>,
    /// Ticks in which none of them was released.
    held_ticks: usize,
    /// The voters with data that had, at some tick, all that the log had one tick before, and have kept step since.
    in_step: BTreeSet<ReplicaId>,
    /// The end of the log at the last tick.
    last: u64,
}

impl Witnesses {
    /// The term is another, or who leads in it.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }
}

fn last_index(append: &Message) -> u64 {
    append.entries.last().map_or(append.index, |entry| entry.index)
}

impl Replica {
    /// Whether the group takes this replica for what it is.
    ///
    /// # Errors
    /// When it does not: what it has on disk is of no use then.
    pub(super) fn check_own_role(&self, configuration: &Configuration) -> Result<(), ReplicaFault> {
        match configuration.member(self.replica) {
            Some(member) if member.role.is_witness() != self.is_witness => Err(ReplicaFault(format!(
                "its group has it as a {}, and it was made as {}",
                member.role,
                if self.is_witness { "a witness" } else { "a replica that holds data" }
            ))),
            _ => Ok(()),
        }
    }

    /// Takes from the entries of a message what this replica must not have.
    ///
    /// # Errors
    /// When the entries lack what this replica must have, or cannot be read.
    pub(super) fn fit_entries(&self, message: &mut Message) -> Result<(), String> {
        if message.get_msg_type() != MessageType::MsgAppend {
            return Ok(());
        }
        if self.is_witness {
            return withhold(message);
        }
        match message.entries.iter().find(|entry| EntryBody::is_withheld(&entry.data)) {
            Some(entry) => {
                Err(format!("entry {} has no content, and this replica is no witness", entry.index))
            }
            None => Ok(()),
        }
    }

    /// Committed entries of a witness: only the members among them mean anything to it. Whether there were any.
    pub(super) fn witness_committed(&mut self, effects: &mut Vec<Effect>) -> Result<bool, ReplicaFault> {
        if self.applying.handed >= self.applying.committed {
            return Ok(false);
        }
        let before = self.configuration.clone();
        while self.applying.handed < self.applying.committed {
            let index = self.applying.handed + 1;
            self.applying.hand(index, 0);
            let configuration = self.raw.store().configuration_entry(index).cloned();
            if let Some(configuration) = configuration {
                self.enter(&configuration)?;
            }
        }
        self.applying.applied(self.applying.handed);
        self.raw.advance_apply_to(self.applying.handed);
        if self.configuration != before {
            // As of every voter: see `hand_over`.
            let (number, hard_state) = self.disk.write_unasked(hard_state(&self.raw.raft.hard_state()));
            let (group, hard_state) = (self.group, Some(hard_state));
            effects.push(Effect::Persist(Persist {
                group,
                number,
                restored: None,
                entries: vec![],
                hard_state,
            }));
        }
        self.cut_witness_log(effects);
        Ok(true)
    }

    fn cut_witness_log(&mut self, effects: &mut Vec<Effect>) {
        let through = self.applying.handed;
        let log = self.raw.mut_store();
        if through < log.truncated().index + COMMITTED_ENTRIES_MAX {
            return;
        }
        let Some(truncated) = log.cut_through(through) else { return };
        let configuration = log.configuration_at(through).clone();
        effects.push(Effect::CutLog { group: self.group, truncated, configuration });
    }

    /// A witness has begun its log anew where a snapshot stands: it has nothing to load.
    pub(super) fn witness_restored(&mut self) {
        let Some(restoring) = &mut self.restoring else { return };
        if self.raw.raft.raft_log.persisted >= restoring.point.index {
            restoring.is_asked = true;
            let LogPoint { index, .. } = restoring.point;
            self.restored(index, 0);
        }
    }

    /// The other voters with data, of both configurations while there are two.
    fn data_voters(&self) -> impl Iterator<Item = &Member> {
        let all = self.configuration.members.iter().chain(&self.configuration.outgoing);
        all.filter(|member| member.role == MemberRole::Voter && member.replica != self.replica)
    }

    /// Up to where witnesses may know of the log.
    fn witness_limit(&self) -> u64 {
        let raft = &self.raw.raft;
        let in_step = self.data_voters().filter(|voter| self.witnesses.in_step.contains(&voter.replica));
        let matched = in_step.filter_map(|voter| Some(raft.prs().get(voter.replica.0)?.matched));
        let newest = self.raw.store().configuration_at(self.raw.store().last().index);
        let limit = raft.raft_log.persisted.min(self.held_by_data(newest)).min(self.held_by_enough());
        matched.fold(limit, u64::min)
    }

    /// Up to where the log is on the disks of so many voters with data that witnesses can make up a majority with them, by
    /// the configuration in force, and behind a newer one by that as well. What is committed is never behind that.
    fn held_by_enough(&self) -> u64 {
        let log = self.raw.store();
        let enough = |configuration: &Configuration| {
            let halves = [&configuration.members, &configuration.outgoing];
            let halves = halves.into_iter().filter(|half| half.iter().any(|member| member.role.votes()));
            halves.map(|half| self.held_by_enough_of(half)).min().unwrap_or(u64::MAX)
        };
        let in_force = enough(&self.configuration);
        match log.newest_configuration_entry() {
            // Its newcomers get entries once it is in force.
            Some((index, newest)) if index > self.applying.handed => in_force.min(enough(newest).max(index)),
            _ => in_force,
        }
    }

    fn held_by_enough_of(&self, members: &[Member]) -> u64 {
        let voters = members.iter().filter(|member| member.role.votes());
        let (witnesses, data): (Vec<&Member>, Vec<&Member>) =
            voters.partition(|voter| voter.role.is_witness());
        let majority = (witnesses.len() + data.len()) / 2 + 1;
        let mut held: Vec<u64> = data.iter().map(|voter| self.held_by(voter.replica)).collect();
        held.sort_unstable_by(|one, other| other.cmp(one));
        let enough = majority.saturating_sub(witnesses.len()).max(1);
        held.get(enough - 1).copied().unwrap_or(0)
    }

    /// Up to where the log is on the disk of this member, as far as the leader knows.
    fn held_by(&self, replica: ReplicaId) -> u64 {
        let raft = &self.raw.raft;
        if replica == self.replica {
            return raft.raft_log.persisted;
        }
        raft.prs().get(replica.0).map_or(0, |progress| progress.matched)
    }

    /// Up to where the log is on the disk of a voter with data of this configuration. Members that are about to go do not
    /// count: those that stay could not lead without what only they have, once a witness knows of it.
    fn held_by_data(&self, configuration: &Configuration) -> u64 {
        let voters = configuration.members.iter().chain(&configuration.outgoing);
        let held = voters.filter(|voter| voter.role == MemberRole::Voter);
        let held = held.map(|voter| self.held_by(voter.replica));
        held.max().unwrap_or(0)
    }

    /// Of a message to a member: whether to send it now. Of one to a witness the content is taken, and it may be kept.
    pub(super) fn pass(&mut self, mut message: Message) -> Option<Message> {
        let to = ReplicaId(message.to);
        if message.get_msg_type() != MessageType::MsgAppend || !self.configuration.is_witness(to) {
            return Some(message);
        }
        if withhold(&mut message).is_err() {
            // Not an entry that this build has written. It cannot be sent, and the witness lags.
            return None;
        }
        let limit = self.witness_limit();
        let held = self.witnesses.held.entry(to).or_default();
        if held.front().is_some_and(|front| message.index < front.index) {
            // It lacks what comes before those.
            held.clear();
        }
        match held.back_mut() {
            // Nothing but how far the log is committed, or what waits already.
            Some(back) if last_index(&message) <= last_index(back) => {
                if message.commit >= back.commit {
                    (back.commit, back.commit_term) = (message.commit, message.commit_term);
                }
                None
            }
            None if last_index(&message) <= limit => Some(message),
            _ => {
                held.push_back(message);
                None
            }
        }
    }

    /// The appends that need be held back no longer.
    pub(super) fn take_released(&mut self) -> Vec<Message> {
        if self.witnesses.held.is_empty() {
            return Vec::new();
        }
        let limit = self.witness_limit();
        let mut released = Vec::new();
        for held in self.witnesses.held.values_mut() {
            while let Some(message) = held.pop_front_if(|message| last_index(message) <= limit) {
                released.push(message);
            }
        }
        self.witnesses.held.retain(|_, held| !held.is_empty());
        if !released.is_empty() || self.witnesses.held.is_empty() {
            self.witnesses.held_ticks = 0;
        }
        released
    }

    /// Time passes: finds out who keeps step.
    pub(super) fn tick_witnesses(&mut self) {
        let has_witness = self.configuration.members.iter().any(|member| member.role.is_witness());
        if !self.is_leader() || !has_witness {
            self.witnesses.restart();
            return;
        }
        let before = self.witnesses.last;
        self.witnesses.last = self.raw.raft.raft_log.last_index();
        let keeps_step = |voter: &&Member| {
            let heard = self.lease.answers(voter.replica, self.now, self.config.election_timeout);
            let follows = self.follows(voter.replica);
            before > 0 && heard && follows.is_some_and(|progress| progress.matched >= before)
        };
        let keeping: Vec<ReplicaId> =
            self.data_voters().filter(keeps_step).map(|voter| voter.replica).collect();
        self.witnesses.in_step.extend(keeping);
        if self.witnesses.held.is_empty() {
            return;
        }
        self.witnesses.held_ticks += 1;
        if self.witnesses.held_ticks > election_ticks(&self.config) / 2 {
            self.witnesses.held_ticks = 0;
            let first = self.witnesses.held.values().filter_map(|held| held.front()).map(last_index).min();
            let prs = self.raw.raft.prs();
            let lacks = |voter: &ReplicaId| {
                prs.get(voter.0).is_none_or(|progress| first.is_some_and(|first| progress.matched < first))
            };
            self.witnesses.in_step.retain(|voter| !lacks(voter));
        }
    }

    /// Nobody waits for voters on a node that cannot be reached.
    pub(super) fn lose_step(&mut self, node: NodeId) {
        let gone: Vec<ReplicaId> =
            self.data_voters().filter(|voter| voter.node == node).map(|voter| voter.replica).collect();
        self.witnesses.in_step.retain(|voter| !gone.contains(voter));
    }
}

/// Leaves of the entries of an append what a witness may have.
fn withhold(message: &mut Message) -> Result<(), String> {
    for entry in message.mut_entries().iter_mut() {
        if entry.get_entry_type() == EntryType::EntryNormal {
            entry.data = EntryBody::withhold(&entry.data).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

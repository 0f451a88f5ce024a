//! Messages from peers, and entries from disk.

use super::{Replica, ReplicaFault, snapshots::snapshot_point};
use crate::{Effect, LogEntry, RaftMessage, RaftMessageType, message::from_wire};
use quorate_vocabulary::{NodeId, ReplicaId};
use raft::{
    StateRole,
    eraftpb::{Message, MessageType},
};

/// Replicas outside of the configuration that are remembered. They are few: those being added or removed.
const ADDRESSES_MAX: usize = 32;

impl Replica {
    pub(super) fn receive(
        &mut self,
        message: RaftMessage,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ReplicaFault> {
        // A replica that was here before, or will be: its messages are not for this one.
        if message.to_replica != self.replica.0 || !self.is_of_epoch(&message, effects)? {
            return Ok(());
        }
        let (from, node) = (ReplicaId(message.from_replica), NodeId(message.from_node));
        if message.r#type() == RaftMessageType::Wake {
            // It has woken this leader, if it slept.
            self.stir();
            return Ok(());
        }
        let stamp = message.sent_stamp;
        let (wire_kind, mark) = (message.r#type(), (message.sleep, message.index));
        match from_wire(message) {
            Ok(message) if !self.may_vote(&message) => {}
            Ok(mut message) => {
                if let Err(cause) = self.fit_entries(&mut message) {
                    tracing::warn!(group = %self.group, %from, %node, "a message from a peer is ignored: {cause}");
                    return Ok(());
                }
                self.learn_address(from, node);
                let (kind, term) = (message.get_msg_type(), message.term);
                for message in self.hold_vote(message).unwrap_or_default() {
                    self.step(message, effects);
                }
                self.note_contact(kind, from.0, term, stamp);
                self.note_sleep_mark(wire_kind, from.0, term, mark);
            }
            Err(error) => {
                tracing::warn!(group = %self.group, %from, %node, "a message from a peer is ignored: {error}");
            }
        }
        Ok(())
    }

    fn learn_address(&mut self, replica: ReplicaId, node: NodeId) {
        if self.configuration.member(replica).is_some() {
            return;
        }
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&replica) {
            self.addresses.pop_first();
        }
        self.addresses.insert(replica, node);
    }

    pub(super) fn address(&self, replica: ReplicaId) -> Option<NodeId> {
        let member = self.configuration.member(replica).map(|member| member.node);
        member.or_else(|| self.addresses.get(&replica).copied())
    }

    /// The machine has applied the log up to here.
    pub(super) fn applied(&mut self, index: u64, effects: &mut Vec<Effect>) {
        self.applying.applied(index);
        if self.applying.applied >= self.applying.handed
            && let Some(snapshot) = self.held_snapshot.take()
        {
            let point = snapshot_point(&snapshot);
            self.step(*snapshot, effects);
            self.tell_unless_taken(point, effects);
        }
    }

    fn step(&mut self, message: Message, effects: &mut Vec<Effect>) {
        match message.get_msg_type() {
            MessageType::MsgSnapshot if self.restoring.is_some() => return,
            // What apply has yet to do may need entries that the snapshot takes the place of: a memory machine that meets
            // a trap is made again from the log.
            MessageType::MsgSnapshot if self.applying.applied < self.applying.handed => {
                // The newer takes the place of one that waits.
                let point = self.held_snapshot.replace(Box::new(message)).as_deref().map(snapshot_point);
                effects.extend(point.map(|point| Effect::SnapshotUnused { group: self.group, point }));
                return;
            }
            MessageType::MsgTimeoutNow if self.must_wait() || self.is_witness || self.own_priority() == 0 => {
                return;
            }
            // raft drops these without a word until the leader has committed an entry of its term.
            MessageType::MsgReadIndex if self.is_leader() && !self.raw.raft.commit_to_current_term() => {
                self.reads.hold(message);
                return;
            }
            _ => {}
        }
        self.learn_commit(&message);
        // Errors are: from a replica that is no member, or a read that came where nobody leads. Neither is ours.
        let _ = self.raw.step(message);
    }

    /// Votes and their answers tell how far the sender knows the log to be committed. raft does not listen when they are
    /// of an earlier term; but it is as true. A voter that has not heard that a change of members is committed may wait
    /// for votes of the former ones, who have, have longer logs, and refuse them in their earlier term forever.
    fn learn_commit(&mut self, message: &Message) {
        let raft = &mut self.raw.raft;
        let is_about_votes = matches!(
            message.get_msg_type(),
            MessageType::MsgRequestVote
                | MessageType::MsgRequestVoteResponse
                | MessageType::MsgRequestPreVote
                | MessageType::MsgRequestPreVoteResponse
        );
        if !is_about_votes || message.term >= raft.term || raft.state == StateRole::Leader {
            return;
        }
        let learned =
            message.commit_term > 0 && raft.raft_log.maybe_commit(message.commit, message.commit_term);
        if learned && raft.state != StateRole::Follower {
            // Who votes may be different from now on: begin again.
            let term = raft.term;
            raft.become_follower(term, raft::INVALID_ID);
        }
    }

    /// Entries that were read from disk.
    pub(super) fn fetched(&mut self, first: u64, entries: Vec<LogEntry>) -> Result<(), ReplicaFault> {
        let found = !entries.is_empty();
        let entries = self.raw.store().still_in_log(first, entries);
        if self.applying.fetching == Some(first) {
            self.applying.fetching = None;
            if !found {
                return Err(ReplicaFault(format!(
                    "entry {first} is committed and not applied, and could not be read from the log"
                )));
            }
            if first == self.applying.handed + 1 {
                self.applying.fetched = entries.iter().cloned().collect();
            }
        }
        for send in self.raw.mut_store().fetched(first, entries) {
            self.raw.on_entries_fetched(send);
        }
        self.raw.mut_store().fetch_done();
        Ok(())
    }
}

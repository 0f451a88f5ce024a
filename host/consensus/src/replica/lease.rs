//! The leader's lease, by which it answers reads without asking anybody (Raft thesis, section 6.4.1).
//!
//! A follower that answers a heartbeat promises by it to vote for nobody, itself included, until one election timeout has
//! passed since the heartbeat came. So a leader knows that there is no other until one election timeout, less a margin
//! for clocks that do not run alike, after it **sent** the heartbeats that a majority has answered.
//!
//! Promises are kept by the clock and not by counting ticks, for a shard that was kept from running makes up for ticks.
//! A replica that is opened anew may have promised something before: it votes for nobody in its first election timeout.
//! A voter that its leader has told to campaign breaks no promise, so that leader has no lease in that term any more.

use super::{Replica, by_replica::ByReplica};
use quorate_vocabulary::ReplicaId;
use raft::{
    StateRole,
    eraftpb::{Message, MessageType},
};
use std::time::Duration;

/// The mark of a campaign that the leader has asked for.
const CAMPAIGN_TRANSFER: &[u8] = b"CampaignTransfer";

#[derive(Default)]
pub(super) struct Lease {
    /// No vote before this.
    promised_until: Duration,
    /// The stamp of the newest heartbeat, and its term.
    heard: (u64, u64),
    /// As leader: when the newest heartbeat that each has answered was sent.
    answered: ByReplica<Duration>,
    /// In this term a successor was called to campaign.
    forfeited_in: u64,
}

impl Lease {
    /// That of a replica that may have promised not to vote before then.
    pub(super) fn promised(promised_until: Duration) -> Self {
        Self { promised_until, ..Self::default() }
    }

    /// The term is another, or who leads in it.
    pub(super) fn restart(&mut self) {
        self.answered.clear();
    }

    pub(super) fn forfeit(&mut self, term: u64) {
        self.forfeited_in = term;
    }

    /// Whether a vote now would break a promise.
    pub(super) fn forbids_vote(&self, now: Duration) -> bool {
        now < self.promised_until
    }

    /// Whether this voter has answered a heartbeat that was sent less than so long ago.
    pub(super) fn answers(&self, voter: ReplicaId, now: Duration, within: Duration) -> bool {
        self.answered.get(voter).is_some_and(|sent| now < *sent + within)
    }

    /// What to put on a heartbeat that leaves now. 0 stands for none.
    pub(super) fn stamp(now: Duration) -> u64 {
        u64::try_from(now.as_micros()).unwrap_or(u64::MAX - 1) + 1
    }

    /// What to put on the answer to a heartbeat of this term.
    pub(super) fn stamp_heard(&self, term: u64) -> u64 {
        if self.heard.0 == term { self.heard.1 } else { 0 }
    }

    /// When the newest heartbeat was sent that all of a majority of these voters have answered; the leader itself has
    /// answered it now.
    fn since(
        &self,
        voters: impl Iterator<Item = ReplicaId>,
        leader: ReplicaId,
        now: Duration,
    ) -> Option<Duration> {
        let answered =
            |voter: ReplicaId| if voter == leader { Some(now) } else { self.answered.get(voter).copied() };
        let mut sent: Vec<Option<Duration>> = voters.map(answered).collect();
        sent.sort_unstable_by(|one, other| other.cmp(one));
        // One less than a majority have answered a newer one.
        *sent.get(sent.len() / 2)?
    }
}

impl Replica {
    /// Whether this leader can be sure that there is no other.
    pub(super) fn holds_lease(&self) -> bool {
        let raft = &self.raw.raft;
        if !self.is_leader()
            || self.lease.forfeited_in == raft.term
            || !raft.commit_to_current_term()
            // Those who will vote next may be others than those who promised not to.
            || raft.has_pending_conf()
            || self.configuration.is_joint()
        {
            return false;
        }
        let length = self.config.election_timeout.saturating_sub(self.config.lease_margin);
        let since = self.lease.since(self.configuration.voters(), self.replica, self.now);
        since.is_some_and(|since| self.now < since + length)
    }

    /// Whether to listen to this message: not if it asks for a vote that has been promised away.
    pub(super) fn may_vote(&self, message: &Message) -> bool {
        let is_request =
            matches!(message.get_msg_type(), MessageType::MsgRequestVote | MessageType::MsgRequestPreVote);
        // One of an earlier term is refused anyway, and whoever asks learns the term from that.
        !is_request
            || message.term < self.raw.raft.term
            || message.context == CAMPAIGN_TRANSFER
            || !self.lease.forbids_vote(self.now)
    }

    /// raft has taken in a message of this kind, sender, term and stamp.
    pub(super) fn note_contact(&mut self, kind: MessageType, from: u64, term: u64, stamp: u64) {
        let raft = &self.raw.raft;
        if term != raft.term {
            return;
        }
        match kind {
            MessageType::MsgHeartbeat | MessageType::MsgAppend | MessageType::MsgSnapshot
                if raft.leader_id == from && raft.state == StateRole::Follower =>
            {
                self.lease.promised_until = self.now + self.config.election_timeout;
                if kind == MessageType::MsgHeartbeat {
                    self.lease.heard = (term, stamp);
                }
            }
            MessageType::MsgHeartbeatResponse if raft.state == StateRole::Leader && stamp > 0 => {
                let sent = Duration::from_micros(stamp - 1);
                // A stamp from the future is none of this clock.
                if sent <= self.now {
                    let newest = self.lease.answered.get(ReplicaId(from)).copied().unwrap_or_default();
                    self.lease.answered.insert(ReplicaId(from), sent.max(newest));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn since(answered: &[(u64, u64)], voters: u64) -> Option<Duration> {
        let mut lease = Lease::default();
        answered.iter().for_each(|(voter, sent)| lease.answered.insert(ReplicaId(*voter), ms(*sent)));
        lease.since((1..=voters).map(ReplicaId), ReplicaId(1), ms(1_000))
    }

    #[test]
    fn a_lease_begins_with_what_a_majority_has_answered() {
        assert_eq!(since(&[], 1), Some(ms(1_000)), "nobody else could lead");
        assert_eq!(since(&[], 2), None);
        assert_eq!(since(&[(2, 70)], 2), Some(ms(70)));
        assert_eq!(since(&[(2, 70)], 3), Some(ms(70)));
        assert_eq!(since(&[(2, 70), (3, 90)], 3), Some(ms(90)));
        assert_eq!(since(&[(2, 70)], 4), None);
        assert_eq!(since(&[(2, 70), (3, 90)], 4), Some(ms(70)));
        assert_eq!(since(&[(2, 70), (5, 20), (3, 90)], 5), Some(ms(70)));
        assert_eq!(since(&[(9, 500), (2, 70)], 3), Some(ms(70)), "no voter");
    }

    #[test]
    fn the_stamp_of_a_heartbeat_is_never_none() {
        assert_eq!(Lease::stamp(Duration::ZERO), 1);
        assert_eq!(Lease::stamp(ms(5)), 5_001);
    }
}

//! Leaders and votes.

use super::{Checks, Invariant};
use quorate_consensus::{RaftMessage, RaftMessageType};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Leaders {
    by_term: BTreeMap<u64, ReplicaId>,
    /// Of a replica in a term: whom it told that it votes for it.
    votes: BTreeMap<(ReplicaId, u64), u64>,
}

impl Checks {
    /// A replica leads; `term_at` tells the term of an entry of its log.
    pub(crate) fn leads(
        &mut self,
        group: GroupId,
        replica: ReplicaId,
        term: u64,
        term_at: impl Fn(u64) -> Option<u64>,
    ) {
        self.check(group, |checks| {
            let leader = *checks.leaders.by_term.entry(term).or_insert(replica);
            if leader != replica {
                let what = format!("replicas {leader} and {replica} both lead in term {term}");
                return Err((Invariant::OneLeader, what));
            }
            let Some((index, committed)) = checks.committed.known_before(term) else { return Ok(()) };
            match term_at(index) {
                Some(found) if found == committed => Ok(()),
                found => {
                    let what = format!(
                        "replica {replica} leads in term {term}; entry {index} of term {committed} was committed before, and its log has there {found:?}"
                    );
                    Err((Invariant::LeaderComplete, what))
                }
            }
        });
    }

    /// A message leaves a node.
    pub(crate) fn sent(&mut self, message: &RaftMessage) {
        if message.r#type() != RaftMessageType::RequestVoteResponse || message.reject {
            return;
        }
        let (voter, term, candidate) = (ReplicaId(message.from_replica), message.term, message.to_replica);
        self.check(GroupId(message.group), |checks| {
            let first = *checks.leaders.votes.entry((voter, term)).or_insert(candidate);
            if first == candidate {
                return Ok(());
            }
            let what = format!("replica {voter} votes for {first} and for {candidate} in term {term}");
            Err((Invariant::OneVote, what))
        });
    }
}

//! Handing the leadership over to another voter (Raft thesis, section 3.10).

use super::{Replica, proposals::refuse};
use crate::{Effect, Refusal, RequestId};
use quorate_vocabulary::{Member, ReplicaId};
use std::cmp::Reverse;

/// A handover that is under way.
pub(super) struct Transfer {
    /// Who is told what came of it; none when this replica wants it for reasons of its own.
    request: Option<RequestId>,
    to: ReplicaId,
    /// Whether the request names the successor: then nobody else will do.
    is_named: bool,
    ticks_left: usize,
}

fn refused<T>(cause: &'static str) -> Result<T, Refusal> {
    Err(Refusal::NotTransferred { cause })
}

impl Replica {
    /// Begins to hand the leadership over, to this voter or to the one that is most up to date.
    pub(super) fn transfer_leader(
        &mut self,
        request: RequestId,
        to: Option<ReplicaId>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        self.leading()?;
        if self.transfer.is_some() {
            return Err(Refusal::Unavailable { cause: "its leadership is being handed over" });
        }
        let successor = match to {
            Some(to) if to == self.replica => {
                let Some(leader) = self.outward_leader() else {
                    return Err(Refusal::Unavailable {
                        cause: "its leader is new and not yet on disk as such",
                    });
                };
                effects.push(Effect::LeaderTransferred { group: self.group, request, leader });
                return Ok(());
            }
            Some(to) if self.configuration.is_witness(to) => {
                return refused("the replica named is a witness, which never leads");
            }
            Some(to) if self.configuration.priority(to) == 0 => {
                return refused("the replica named has priority 0 and never leads");
            }
            Some(to) if self.configuration.voters().any(|voter| voter == to) => to,
            Some(_) => return refused("the replica named is no voter of the group"),
            None => match self.successor() {
                Some(successor) => successor,
                None => return refused("no other voter could take it"),
            },
        };
        self.begin_transfer(successor, Some(request), to.is_some());
        Ok(())
    }

    pub(super) fn begin_transfer(&mut self, to: ReplicaId, request: Option<RequestId>, is_named: bool) {
        let ticks_left = super::election_ticks(&self.config);
        self.transfer = Some(Transfer { request, to, is_named, ticks_left });
        self.lease.forfeit(self.raw.raft.term);
        self.raw.transfer_leader(to.0);
    }

    /// The voter that can take the leadership soonest: of those that entries are sent to without a break, the one whose
    /// log is longest, and of equals the first.
    pub(super) fn successor(&self) -> Option<ReplicaId> {
        let others = self
            .configuration
            .voters()
            .filter(|voter| *voter != self.replica && self.configuration.priority(*voter) > 0);
        let able = others.filter_map(|voter| {
            let progress = self.follows(voter)?;
            Some((progress.matched, progress.recent_active, Reverse(voter)))
        });
        able.max().map(|(_, _, Reverse(voter))| voter)
    }

    /// Time passes: a handover that takes longer than an election timeout is given up, and the group is served again.
    pub(super) fn tick_transfer(&mut self, effects: &mut Vec<Effect>) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.ticks_left = transfer.ticks_left.saturating_sub(1);
        if transfer.ticks_left > 0 {
            return;
        }
        let cause = if self.is_leader() {
            self.raw.raft.abort_leader_transfer();
            "the successor did not take it within an election timeout"
        } else {
            "it was given up, and nobody has it yet"
        };
        self.end_transfer(&Refusal::NotTransferred { cause }, effects);
    }

    /// Something about who leads is another.
    pub(super) fn transfer_seen(&mut self, leader: Option<Member>, effects: &mut Vec<Effect>) {
        let Some(Transfer { request, to, is_named, .. }) = self.transfer else { return };
        match leader {
            // Still under way.
            Some(leader) if leader.replica == self.replica && self.raw.raft.lead_transferee.is_some() => {}
            None => {}
            Some(leader) if leader.replica == to || (leader.replica != self.replica && !is_named) => {
                self.transfer = None;
                let group = self.group;
                let answer = |request| Effect::LeaderTransferred { group, request, leader };
                effects.extend(request.map(answer));
            }
            Some(leader) => {
                let cause = if leader.replica == self.replica {
                    "the successor did not take it"
                } else {
                    "another replica has taken it"
                };
                self.end_transfer(&Refusal::NotTransferred { cause }, effects);
            }
        }
    }

    /// Whom to ask instead of this replica, as far as a handover tells.
    pub(super) fn transfers_to(&self) -> Option<Member> {
        let transfer = self.transfer.as_ref()?;
        self.configuration.member(transfer.to).copied()
    }

    pub(super) fn end_transfer(&mut self, reason: &Refusal, effects: &mut Vec<Effect>) {
        let transfer = self.transfer.take();
        refuse(self.group, transfer.and_then(|transfer| transfer.request), reason, effects);
    }
}

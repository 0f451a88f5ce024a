//! The leadership of a group, handed to another node because somebody asks for it.

use super::{
    core::Core,
    handle::Deadline,
    local_replica::LocalReplica,
    view::LeadershipMoved,
    waiters::{Failure, Waiter},
};
use crate::RequestError;
use quorate_consensus::{Input, MemberProgress, Refusal, ReplicaStatus};
use quorate_vocabulary::{GroupId, GroupName, Member, MemberRole, NodeId};
use tokio::{sync::oneshot, time::timeout};

/// How many election timeouts a hand-over may take: raft gives up after one, and what waits in the shard's inbox comes
/// first.
const ELECTIONS_MAX: u32 = 2;

impl Core {
    /// Hands the leadership of a group to a node, or to whichever is best, and returns once that leads.
    pub(super) async fn transfer(
        &self,
        name: &GroupName,
        to: Option<NodeId>,
        deadline: Deadline,
    ) -> Result<LeadershipMoved, RequestError> {
        let group = self.find_any(name, deadline).await?;
        let replica = self.replica(group)?;
        let lead = replica.shared.lead();
        if !replica.shared.leads() {
            return Err(RequestError::NotLeader { group, leader: self.leader_hint(lead.leader) });
        }
        let from = self.node();
        if to == Some(from) {
            return Ok(LeadershipMoved { from, to: from, term: lead.term });
        }
        let successor = self.successor(group, name, to, deadline).await?;
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Transfer(reply));
        self.services.inbox.feedback([Input::TransferLeader {
            group,
            request: waiting.request(),
            to: Some(successor.replica),
        }]);
        let taken_over = deadline.at_most(self.config.election_timeout * ELECTIONS_MAX);
        let answer = timeout(taken_over.remaining(), answer).await;
        let moved = self.moved(group, &replica, lead.term);
        match (answer, moved) {
            (Ok(Ok(Ok(leader))), Some(moved)) => Ok(LeadershipMoved { to: leader.node, ..moved }),
            // Nobody was asked for by name, and somebody else was faster.
            (_, Some(moved)) if to.is_none() => Ok(moved),
            (Ok(Ok(Err(Failure::Error(error)))), _) => Err(error),
            (Ok(Ok(Err(Failure::Refused(Refusal::NotTransferred { cause })))), None) => {
                Err(still_leads(name, cause))
            }
            (_, Some(moved)) => Err(still_leads(name, format!("node {} has taken over instead", moved.to))),
            (Ok(Ok(Err(Failure::Refused(refusal)))), None) => Err(self.refused(group, 0, refusal)),
            (Ok(Ok(Ok(_))), None) => Err(RequestError::Internal {
                why: "the leadership was handed over and is here still".to_owned(),
            }),
            (Ok(Err(_)), None) => Err(RequestError::ShuttingDown),
            (Err(_), None) => {
                let why =
                    format!("node {} did not take over within {:?}", successor.node, taken_over.waited());
                Err(still_leads(name, why))
            }
        }
    }

    /// Who is to take over. Raft forgets once in an election timeout who was active, and hears it again with the next
    /// heartbeats, of which there are none while the group sleeps: whom this node hears of is waited for.
    async fn successor(
        &self,
        group: GroupId,
        name: &GroupName,
        to: Option<NodeId>,
        deadline: Deadline,
    ) -> Result<Member, RequestError> {
        let patience = deadline.at_most(self.config.election_timeout);
        loop {
            let mut statuses = self.shard_statuses().await?;
            let mut status =
                statuses.remove(&group).ok_or_else(|| still_leads(name, "its replica was closed"))?;
            let mut will_be_heard = false;
            for progress in &mut status.progress {
                let is_reachable = self.is_reachable(progress.member.node);
                will_be_heard |= is_reachable && !progress.recently_active;
                // Of a node that is gone raft learns nothing while the group sleeps.
                progress.recently_active &= is_reachable;
            }
            let successor = successor(name, &status, to);
            if successor.is_ok() || !will_be_heard || patience.remaining() <= self.config.heartbeat_interval {
                return successor;
            }
            self.keep_awake(group);
            tokio::time::sleep(self.config.heartbeat_interval).await;
        }
    }

    /// Who leads in a later term, once that is known here.
    fn moved(&self, group: GroupId, replica: &LocalReplica, term: u64) -> Option<LeadershipMoved> {
        // The replica may have been opened anew meanwhile.
        let lead = self.registry.get(group).map_or_else(|| replica.shared.lead(), |now| now.shared.lead());
        let leader = lead.leader.filter(|leader| lead.term > term && leader.node != self.node())?;
        Some(LeadershipMoved { from: self.node(), to: leader.node, term: lead.term })
    }
}

fn still_leads(name: &GroupName, why: impl Into<String>) -> RequestError {
    RequestError::TransferFailed { name: name.clone(), why: why.into() }
}

/// Who is to lead: the voter on the wanted node, or of those that live the one that has come furthest.
fn successor(name: &GroupName, status: &ReplicaStatus, to: Option<NodeId>) -> Result<Member, RequestError> {
    let others = || {
        let others = status.progress.iter().filter(|progress| progress.member.replica != status.replica);
        others.filter(|progress| progress.member.role == MemberRole::Voter)
    };
    let Some(node) = to else {
        let best =
            others().filter(|progress| progress.recently_active).max_by_key(|progress| progress.matched);
        return best.map(|progress| progress.member).ok_or_else(|| {
            let is_alone = others().next().is_none();
            let none = if is_alone {
                "it has no other voter"
            } else {
                "none of its other voters was heard of lately"
            };
            still_leads(name, none)
        });
    };
    let is_witness =
        |progress: &&MemberProgress| progress.member.node == node && progress.member.role.is_witness();
    if status.progress.iter().any(|progress| is_witness(&progress)) {
        return Err(still_leads(name, format!("node {node} holds a witness, which never leads")));
    }
    let wanted = others().find(|progress| progress.member.node == node);
    let wanted = wanted.ok_or_else(|| RequestError::MemberNotFound {
        name: name.clone(),
        node,
        why: "holds no voter",
    })?;
    if !wanted.recently_active {
        return Err(still_leads(name, format!("node {node} was not heard of lately")));
    }
    Ok(wanted.member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_consensus::{Configuration, LogPoint, Role};
    use quorate_vocabulary::ReplicaId;

    /// Replica n on node n; the first leads. `(role, matched, active)` of each.
    fn status(members: &[(MemberRole, u64, bool)]) -> ReplicaStatus {
        let progress = (1..).zip(members).map(|(number, (role, matched, active))| MemberProgress {
            member: Member { replica: ReplicaId(number), node: NodeId(number), role: *role },
            matched: *matched,
            committed: 0,
            recently_active: *active,
            awaits_snapshot: false,
        });
        ReplicaStatus {
            group: GroupId(7),
            replica: ReplicaId(1),
            is_witness: false,
            role: Role::Leader,
            term: 3,
            leader: None,
            configuration: Configuration::default(),
            commit: 9,
            applied: 9,
            last: LogPoint::default(),
            truncated: LogPoint::default(),
            snapshot: None,
            waiting_bytes: 0,
            progress: progress.collect(),
            is_asleep: false,
            failure: None,
        }
    }

    fn chosen(members: &[(MemberRole, u64, bool)], to: Option<u64>) -> Result<u64, String> {
        let name = "acme/a".parse().expect("a name");
        let successor = successor(&name, &status(members), to.map(NodeId));
        successor.map(|member| member.node.0).map_err(|error| error.reason().to_owned())
    }

    #[test]
    fn the_voter_that_lives_and_has_come_furthest_follows() {
        use MemberRole::{Learner, Voter};
        let members =
            [(Voter, 9, true), (Voter, 5, true), (Voter, 7, true), (Voter, 9, false), (Learner, 9, true)];
        assert_eq!(chosen(&members, None), Ok(3));
        assert_eq!(chosen(&members, Some(2)), Ok(2));
        assert_eq!(chosen(&members, Some(4)), Err("TRANSFER_FAILED".to_owned()), "it is gone");
        assert_eq!(chosen(&members, Some(5)), Err("MEMBER_NOT_FOUND".to_owned()), "learners do not lead");
        assert_eq!(chosen(&members, Some(6)), Err("MEMBER_NOT_FOUND".to_owned()));
        assert_eq!(chosen(&members[..1], None), Err("TRANSFER_FAILED".to_owned()), "it is alone");
    }
}

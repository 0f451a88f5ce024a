//! How a group comes from the members it has to those it should have: facts in, the next step out.
//!
//! Newcomers are learners first and become voters when they have caught up; whoever leaves does so in the same change,
//! so that a group never has fewer voters that hold its log than before. A witness comes in the same way, and never leads. Every step is taken from what is so now, so it
//! does not matter who took the one before, or whether anybody saw it done.

use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::fmt;

/// What a group's leader knows of one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// The member, as the group's log has it now.
    pub member: Member,
    /// Whether it was heard of lately.
    pub is_live: bool,
    /// Up to where its log agrees with the leader's.
    pub matched: u64,
    /// Whether it holds nearly all that the leader holds.
    pub is_caught_up: bool,
    /// Whether the group would have it as its leader: its priority is not 0.
    pub may_lead: bool,
}

/// What the leader of a group is to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersStep {
    /// Nothing: the members are those that are wanted.
    Done,
    /// Change the members to these.
    Propose(Vec<Member>),
    /// Hand the leadership to this voter, because the leader is not to be one any more.
    HandOver(ReplicaId),
    /// Nothing before something else happens.
    Wait(MembersWait),
}

/// What a change of members waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersWait {
    /// The group is between two configurations.
    Joint,
    /// These nodes lack what the leader holds.
    CatchUp(Vec<NodeId>),
    /// These nodes, of those that are to vote, were not heard of lately, and without them there would be no majority.
    Majority(Vec<NodeId>),
    /// All that are to vote are on these nodes, and have priority 0: none of them would ever lead.
    Priority(Vec<NodeId>),
}

impl fmt::Display for MembersWait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &[NodeId]| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Joint => formatter.write_str("the old members and the new ones to agree"),
            Self::CatchUp(nodes) => write!(formatter, "node {} to catch up", list(nodes)),
            Self::Majority(nodes) => {
                write!(
                    formatter,
                    "node {} to be heard of: without it the group would have no majority",
                    list(nodes)
                )
            }
            Self::Priority(nodes) => write!(
                formatter,
                "a voter that may lead: those on node {} have priority 0, so give one of them another",
                list(nodes)
            ),
        }
    }
}

fn has(members: &[Member], replica: ReplicaId) -> bool {
    members.iter().any(|member| member.replica == replica)
}

/// Whether these are the same members.
#[must_use]
pub fn same_members(one: &[Member], other: &[Member]) -> bool {
    one.len() == other.len() && one.iter().all(|member| other.contains(member))
}

/// The next step of the replica `leader` towards the wanted members. `now` is what its log has, and `is_joint` whether that
/// is between two configurations.
#[must_use]
pub fn members_step(
    leader: ReplicaId,
    now: &[MemberFacts],
    is_joint: bool,
    wanted: &[Member],
) -> MembersStep {
    if is_joint {
        return MembersStep::Wait(MembersWait::Joint);
    }
    let members: Vec<Member> = now.iter().map(|facts| facts.member).collect();
    if same_members(&members, wanted) {
        return MembersStep::Done;
    }
    let newcomers = wanted.iter().filter(|member| !has(&members, member.replica));
    let newcomers: Vec<Member> =
        newcomers.map(|member| Member { role: member.role.before_it_votes(), ..*member }).collect();
    if !newcomers.is_empty() {
        return MembersStep::Propose(members.into_iter().chain(newcomers).collect());
    }
    let voters: Vec<&MemberFacts> = now
        .iter()
        .filter(|facts| {
            let votes = |member: &&Member| member.role.votes();
            wanted.iter().filter(votes).any(|member| member.replica == facts.member.replica)
        })
        .collect();
    let nodes = |chosen: &dyn Fn(&MemberFacts) -> bool| -> Vec<NodeId> {
        let chosen = voters.iter().filter(|facts| chosen(facts));
        chosen.map(|facts| facts.member.node).collect()
    };
    let behind = nodes(&|facts| !(facts.member.role.votes() || (facts.is_live && facts.is_caught_up)));
    if !behind.is_empty() {
        return MembersStep::Wait(MembersWait::CatchUp(behind));
    }
    let silent = nodes(&|facts| !facts.is_live);
    if (voters.len() - silent.len()) * 2 <= voters.len() {
        return MembersStep::Wait(MembersWait::Majority(silent));
    }
    let may_lead = |facts: &&&MemberFacts| facts.may_lead && facts.member.role != MemberRole::Witness;
    if !voters.iter().any(|facts| may_lead(&facts)) {
        return MembersStep::Wait(MembersWait::Priority(nodes(&|_| true)));
    }
    if !voters.iter().any(|facts| facts.member.replica == leader) {
        let successors = voters
            .iter()
            .filter(|facts| facts.is_live && may_lead(facts) && facts.member.role == MemberRole::Voter);
        if let Some(successor) = successors.max_by_key(|facts| facts.matched) {
            return MembersStep::HandOver(successor.member.replica);
        }
        // Nobody who votes now stays: the change itself is what hands over.
    }
    MembersStep::Propose(wanted.to_vec())
}

#[cfg(test)]
mod tests;

//! The members of a group.

use super::EntryError;
use crate::log::v1 as wire;
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::collections::BTreeMap;

/// Who belongs to a group. While a change is under way the configuration is joint: both the voters among `members`
/// and the `outgoing` ones must agree to everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// The members, in the order of their replicas.
    pub members: Vec<Member>,
    /// The voters of the configuration that is being left; empty unless this one is joint.
    pub outgoing: Vec<Member>,
    /// Who of the voters should lead: the one with the highest that lives, and one with 0 never. Of members that are
    /// not named here it is [`DEFAULT_PRIORITY`](Self::DEFAULT_PRIORITY).
    pub priorities: BTreeMap<ReplicaId, u32>,
    /// How often the group has been recovered after it had lost a majority of its voters.
    pub epoch: u64,
}

impl Configuration {
    /// The priority of a member whose own is not said.
    pub const DEFAULT_PRIORITY: u32 = 100;

    /// A configuration of these members that is not joint.
    #[must_use]
    pub fn new(mut members: Vec<Member>) -> Self {
        members.sort_by_key(|member| member.replica);
        Self { members, ..Self::default() }
    }

    /// Whether a change is under way.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The member that is this replica, also when it is only in the configuration that is being left.
    #[must_use]
    pub fn member(&self, replica: ReplicaId) -> Option<&Member> {
        self.members.iter().chain(&self.outgoing).find(|member| member.replica == replica)
    }

    /// How much the group prefers this replica as its leader. A witness never leads.
    #[must_use]
    pub fn priority(&self, replica: ReplicaId) -> u32 {
        if self.is_witness(replica) {
            return 0;
        }
        self.priorities.get(&replica).copied().unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// Whether this replica is a member that holds no commands and no state.
    #[must_use]
    pub fn is_witness(&self, replica: ReplicaId) -> bool {
        self.member(replica).is_some_and(|member| member.role.is_witness())
    }

    /// The priority of the voter that should lead.
    #[must_use]
    pub fn highest_priority(&self) -> u32 {
        self.voters().map(|voter| self.priority(voter)).max().unwrap_or(Self::DEFAULT_PRIORITY)
    }

    /// The replicas that vote, of the incoming configuration, witnesses among them.
    pub fn voters(&self) -> impl Iterator<Item = ReplicaId> {
        self.members.iter().filter(|member| member.role.votes()).map(|member| member.replica)
    }
}

impl From<&Configuration> for wire::Configuration {
    fn from(configuration: &Configuration) -> Self {
        let member = |member: &Member| {
            // What is said of it, also of a witness, whose priority is 0 whatever is said.
            let priority = configuration.priorities.get(&member.replica).copied();
            let priority = priority.unwrap_or(Configuration::DEFAULT_PRIORITY);
            let priority = (priority != Configuration::DEFAULT_PRIORITY).then_some(priority);
            wire::Member { priority, ..member.into() }
        };
        Self {
            members: configuration.members.iter().map(member).collect(),
            outgoing: configuration.outgoing.iter().map(Into::into).collect(),
            epoch: configuration.epoch,
        }
    }
}

impl TryFrom<wire::Configuration> for Configuration {
    type Error = EntryError;

    fn try_from(message: wire::Configuration) -> Result<Self, EntryError> {
        let read = |members: Vec<wire::Member>| -> Result<Vec<Member>, EntryError> {
            members.into_iter().map(Member::try_from).collect()
        };
        let of_members = message.members.iter();
        let priorities =
            of_members.filter_map(|member| Some((ReplicaId(member.replica), member.priority?))).collect();
        let epoch = message.epoch;
        Ok(Self { members: read(message.members)?, outgoing: read(message.outgoing)?, priorities, epoch })
    }
}

impl From<&Member> for wire::Member {
    fn from(member: &Member) -> Self {
        let role = match member.role {
            MemberRole::Voter => wire::MemberRole::Voter,
            MemberRole::Learner => wire::MemberRole::Learner,
            MemberRole::Witness => wire::MemberRole::Witness,
            MemberRole::WitnessLearner => wire::MemberRole::WitnessLearner,
        };
        Self { replica: member.replica.0, node: member.node.0, role: role.into(), priority: None }
    }
}

impl TryFrom<wire::Member> for Member {
    type Error = EntryError;

    fn try_from(message: wire::Member) -> Result<Self, EntryError> {
        let role = match message.role() {
            wire::MemberRole::Voter => MemberRole::Voter,
            wire::MemberRole::Learner => MemberRole::Learner,
            wire::MemberRole::Witness => MemberRole::Witness,
            wire::MemberRole::WitnessLearner => MemberRole::WitnessLearner,
            wire::MemberRole::Unspecified => {
                return Err(EntryError::Damaged {
                    cause: format!("replica {} has a role that this build does not know", message.replica),
                });
            }
        };
        Ok(Self { replica: ReplicaId(message.replica), node: NodeId(message.node), role })
    }
}

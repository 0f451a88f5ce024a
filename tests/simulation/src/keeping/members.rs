//! Members: what the catalog wants, in steps that placement names.

use super::Simulation;
use quorate_catalog::{CatalogState, Change, Group};
use quorate_consensus::{Input, MemberProgress, ReadMode, ReplicaStatus, Role};
use quorate_placement::{MemberFacts, MembersStep, members_step, same_members};
use quorate_vocabulary::{GroupId, Member, NodeId, ReplicaId};

/// A newcomer may lack so many entries and still be let vote.
const CATCH_UP_LAG_MAX: u64 = 20;

/// A change that a node brings about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeUnderWay {
    /// Which change of the group.
    number: u64,
    /// Everything up to here was committed when the members were found to be those that are wanted.
    done_at: Option<u64>,
}

fn facts(member: Member, progress: &[MemberProgress], last: u64) -> MemberFacts {
    let progress = progress.iter().find(|progress| progress.member.replica == member.replica);
    let matched = progress.map_or(0, |progress| progress.matched);
    MemberFacts {
        member,
        is_live: progress.is_some_and(|progress| progress.recently_active),
        matched,
        is_caught_up: progress.is_some_and(|progress| !progress.awaits_snapshot)
            && matched > 0
            && matched + CATCH_UP_LAG_MAX >= last,
        may_lead: true,
    }
}

/// Whether most voters know everything up to here to be committed.
fn most_know(progress: &[MemberProgress], leader: ReplicaId, index: u64) -> bool {
    let voters = || progress.iter().filter(|progress| progress.member.role.votes());
    let know =
        voters().filter(|progress| progress.member.replica == leader || progress.committed >= index).count();
    know * 2 > voters().count()
}

impl Simulation {
    /// Whether the members of a group that this node leads are not known to be those that are wanted.
    pub(super) fn is_change_pending(&mut self, id: NodeId, group: &Group) -> bool {
        let Some(local) = self.local(id, group.id) else { return false };
        let configuration = &local.replica.applied().configuration;
        let is_settled = !configuration.is_joint() && same_members(&configuration.members, group.wanted());
        group.change.is_some() || !is_settled
    }

    pub(super) fn step_members(&mut self, id: NodeId, group: &Group, status: &ReplicaStatus) {
        if !self.is_change_pending(id, group) {
            return;
        }
        let number = group.changes;
        let is_done = self.step_towards(id, group.id, status, group.wanted());
        let Some(running) = self.running(id) else { return };
        let under_way = running.changes.entry(group.id).or_insert(ChangeUnderWay { number, done_at: None });
        if under_way.number != number || !is_done {
            *under_way = ChangeUnderWay { number, done_at: None };
        }
        if !is_done || group.change.is_none() {
            return;
        }
        let index = *under_way.done_at.get_or_insert(status.commit);
        if most_know(&status.progress, status.replica, index) {
            self.coverage.changes_completed += 1;
            self.change_catalog(Change::CompleteMembersChange { group: group.id, number });
        } else {
            self.keep_awake(id, group.id);
        }
    }

    /// Takes the next step towards these members. Whether there is none left.
    fn step_towards(
        &mut self,
        id: NodeId,
        group: GroupId,
        status: &ReplicaStatus,
        wanted: &[Member],
    ) -> bool {
        let (is_joint, last) = (status.configuration.is_joint(), status.last.index);
        let members = status.configuration.members.iter();
        let may_lead = |member: &Member| status.configuration.priority(member.replica) > 0;
        let facts: Vec<MemberFacts> = members
            .map(|member| MemberFacts {
                may_lead: may_lead(member),
                ..facts(*member, &status.progress, last)
            })
            .collect();
        match members_step(status.replica, &facts, is_joint, wanted) {
            MembersStep::Done => return true,
            MembersStep::Propose(members) => {
                self.coverage.member_steps += 1;
                let request = self.request(id);
                let promote_when_caught_up = false;
                self.tell(
                    id,
                    [Input::ProposeConfiguration { group, request, members, promote_when_caught_up }],
                );
            }
            MembersStep::HandOver(to) => {
                self.coverage.transfers += 1;
                let request = self.request(id);
                self.tell(id, [Input::TransferLeader { group, request, to: Some(to) }]);
            }
            MembersStep::Wait(_) => self.keep_awake(id, group),
        }
        false
    }

    /// While a group sleeps its leader does not learn how far its members are: a read that nobody waits for wakes it.
    fn keep_awake(&mut self, id: NodeId, group: GroupId) {
        let request = self.request(id);
        self.tell(id, [Input::Read { group, request, mode: ReadMode::Linearizable }]);
    }

    /// Whether this node leads the catalog, and its own members are not those that are wanted.
    pub(super) fn is_own_change_pending(&mut self, id: NodeId, state: &CatalogState) -> bool {
        let Some(local) = self.local(id, GroupId::CATALOG).filter(|local| local.established) else {
            return false;
        };
        let now = &local.replica.applied().configuration;
        now.is_joint() || !same_members(&now.members, &state.own_wanted(&now.members))
    }

    pub(super) fn step_own_members(&mut self, id: NodeId, state: &CatalogState) {
        let status = self.status(id, GroupId::CATALOG).filter(|status| status.role == Role::Leader);
        if let Some(status) = status {
            self.step_towards(
                id,
                GroupId::CATALOG,
                &status,
                &state.own_wanted(&status.configuration.members),
            );
        }
    }

    /// What keeps a group's members from being those that the catalog wants.
    pub(crate) fn unsettled(&mut self, group: GroupId) -> Option<String> {
        if !self.plan.members_by_catalog {
            return None;
        }
        let catalog = self.catalog();
        let now = self.checks.configuration(group).cloned();
        if group.is_catalog() {
            let now = now?;
            let wanted = catalog.own_wanted(&now.members);
            return (!same_members(&now.members, &wanted)).then(|| format!("it is to have {wanted:?}"));
        }
        let group = catalog.group(group)?;
        if let Some(change) = &group.change {
            return Some(format!("a change of its members is under way: {change:?}"));
        }
        let now = now.map_or_else(|| group.founders.clone(), |now| now.members);
        (!same_members(&now, &group.members))
            .then(|| format!("its members are {now:?}, the catalog has {:?}", group.members))
    }
}

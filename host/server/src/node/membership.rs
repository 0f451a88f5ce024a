//! Changes of the members of groups. The catalog says which are wanted, and the node that leads a group brings them about,
//! step by step, from what it finds: whoever leads after a crash goes on.

use super::{
    core::Core,
    handle::Deadline,
    local_replica::LocalReplica,
    recovery::{known_epoch, unknown_recovery},
    view::{ChangeMembers, GroupView},
    waiters::{Failure, Waiter},
};
use crate::RequestError;
use quorate_catalog::{
    CatalogCommand, CatalogReply, CatalogState, Change, Group, MembersEdit, catalog_group,
};
use quorate_consensus::{Input, MemberProgress, ReadMode, ReplicaStatus, Role};
use quorate_placement::{MemberFacts, MembersStep, members_step, same_members};
use quorate_vocabulary::{GroupId, GroupName, Member, Position, ReplicaId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// A newcomer may lack so many entries and still be let vote: it gets them in a moment.
const CATCH_UP_LAG_MAX: u64 = 256;
/// How long the catalog may take in one step.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(5);

/// The changes that this node is bringing about.
#[derive(Default)]
pub(super) struct Membership {
    under_way: Mutex<BTreeMap<GroupId, UnderWay>>,
}

#[derive(Default)]
struct UnderWay {
    /// Which change of the group.
    number: u64,
    waits_for: String,
    /// Why raft did not take the last step.
    refused: Option<String>,
    /// Everything up to here was committed when the members were found to be those that are wanted.
    done_at: Option<u64>,
}

/// A change of a group's members, by its number.
#[derive(Clone, Copy)]
pub(super) struct ChangeOf {
    pub(super) group: GroupId,
    pub(super) number: u64,
}

impl From<&Group> for ChangeOf {
    fn from(group: &Group) -> Self {
        Self { group: group.id, number: group.changes }
    }
}

impl Membership {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupId, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the change of a group waits for, in words; empty when this node is not bringing one about.
    pub(super) fn waits_for(&self, group: GroupId) -> String {
        self.lock().get(&group).map(|under_way| under_way.waits_for.clone()).unwrap_or_default()
    }

    fn keep(&self, is_pending: impl Fn(GroupId) -> bool) {
        self.lock().retain(|group, _| is_pending(*group));
    }

    fn with<T>(&self, change: ChangeOf, note: impl FnOnce(&mut UnderWay) -> T) -> T {
        let mut all = self.lock();
        let under_way = all.entry(change.group).or_default();
        if under_way.number != change.number {
            *under_way = UnderWay { number: change.number, ..UnderWay::default() };
        }
        note(under_way)
    }
}

impl Core {
    /// Asks for other members of a group.
    pub(super) async fn change_members(
        &self,
        name: &GroupName,
        change: ChangeMembers,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        if *name == catalog_group().name {
            return self.change_own_members(change, deadline).await;
        }
        self.find_group(name, deadline).await?;
        let edit = match change {
            ChangeMembers::Some { add, remove, promote } => MembersEdit::Some { add, remove, promote },
            ChangeMembers::All(all) => MembersEdit::All(all),
        };
        let change = Change::ChangeMembers { name: name.clone(), edit };
        self.check_majority(&change)?;
        let CatalogReply::Group(group) = self.change_catalog(change, deadline).await? else {
            return Err(RequestError::Internal { why: "the catalog answered something else".to_owned() });
        };
        Ok(self.group_view(&group))
    }

    /// Whether enough of those that are to vote can be reached. What else may be wrong with them the catalog says.
    fn check_majority(&self, change: &Change) -> Result<(), RequestError> {
        let mut tried = self.catalog_state().as_ref().clone();
        let command = CatalogCommand { actor: format!("node {}", self.node()), change: change.clone() };
        let Ok(CatalogReply::Group(group)) = tried.apply(Position::default(), &command) else {
            return Ok(());
        };
        let voters: Vec<_> = group.wanted().iter().filter(|member| member.role.votes()).collect();
        let gone: Vec<String> = voters
            .iter()
            .filter(|member| !self.is_reachable(member.node))
            .map(|member| member.node.to_string())
            .collect();
        let (wanted, available) = (voters.len() / 2 + 1, voters.len() - gone.len());
        if available >= wanted {
            return Ok(());
        }
        let why = format!("node {} cannot be reached, and the group would have no majority", gone.join(", "));
        Err(RequestError::NotEnoughNodes { wanted, available, why })
    }

    /// Brings about what the catalog wants of the groups that this node leads, for as long as it runs.
    pub(super) async fn keep_members(self: Arc<Self>) {
        let Some(mut looks) = self.looks() else { return };
        loop {
            let began = Instant::now();
            let is_busy = self.step_members().await;
            if self.next_look(&mut looks, began, is_busy).await.is_break() {
                return;
            }
        }
    }

    /// Takes the next step of every group that needs one. Whether any does.
    async fn step_members(self: &Arc<Self>) -> bool {
        let state = self.catalog_state();
        let replicas = self.registry.all_that(|replica| {
            replica.shared.leads()
                && (pending_group(&state, replica).is_some()
                    || self.is_own_change_pending(replica)
                    || unknown_recovery(&state, replica).is_some())
        });
        let pending = |group| replicas.iter().any(|replica| replica.shared.group == group);
        self.membership.keep(pending);
        if replicas.is_empty() {
            return false;
        }
        // What this node has applied of the catalog may be old, and what was wanted then be undone by now.
        if self.barrier(GroupId::CATALOG, Deadline::after(CATALOG_TIMEOUT)).await.is_err() {
            return true;
        }
        let Ok(statuses) = self.shard_statuses().await else { return false };
        for replica in replicas {
            // Until the catalog knows who is lost it wants them still.
            if self.note_recovery(&replica, Deadline::after(CATALOG_TIMEOUT)).await {
                continue;
            }
            // Raft knows of a recovery before it is applied.
            let state = self.catalog_state();
            let known = known_epoch(&state, replica.shared.group);
            let status = statuses
                .get(&replica.shared.group)
                .filter(|status| status.role == Role::Leader && Some(status.configuration.epoch) == known);
            match (pending_group(&state, &replica), status) {
                (Some(group), Some(status)) => self.step_group(&group, status).await,
                (None, Some(status)) if self.is_own_change_pending(&replica) => self.step_own_members(status),
                _ => {}
            }
        }
        true
    }

    async fn step_group(self: &Arc<Self>, group: &Group, status: &ReplicaStatus) {
        if self.step_towards(group.into(), &group.name, status, group.wanted()) == Progressed::Done {
            self.complete_change(group, status).await;
        }
    }

    /// Takes the next step towards the members that are wanted of a group that this node leads.
    pub(super) fn step_towards(
        self: &Arc<Self>,
        change: ChangeOf,
        name: &GroupName,
        status: &ReplicaStatus,
        wanted: &[Member],
    ) -> Progressed {
        let (is_joint, last) = (status.configuration.is_joint(), status.last.index);
        let facts: Vec<MemberFacts> = status
            .configuration
            .members
            .iter()
            .map(|member| MemberFacts {
                may_lead: status.configuration.priority(member.replica) > 0,
                ..facts(*member, &status.progress, last, self.is_reachable(member.node))
            })
            .collect();
        let step = members_step(status.replica, &facts, is_joint, wanted);
        if step != MembersStep::Done {
            self.membership.with(change, |under_way| under_way.done_at = None);
        }
        let waits_for = match step {
            MembersStep::Done => return Progressed::Done,
            MembersStep::Propose(members) => self.propose_members(change, name, members),
            MembersStep::HandOver(to) => {
                let request = self.services.waiters.number();
                let transfer = Input::TransferLeader { group: change.group, request, to: Some(to) };
                let _ = self.services.inbox.request(transfer);
                format!("replica {to} to lead in place of node {}", self.node())
            }
            MembersStep::Wait(wait) => {
                self.keep_awake(change.group);
                wait.to_string()
            }
        };
        self.membership.with(change, |under_way| under_way.waits_for = waits_for);
        Progressed::Waits
    }

    /// Has raft make a step. What came of it the next look at the members tells, and whoever asks is told why it was refused.
    fn propose_members(self: &Arc<Self>, change: ChangeOf, name: &GroupName, members: Vec<Member>) -> String {
        const PROPOSED: &str = "a change of its members to be committed";
        let (is_first, refused) = self.membership.with(change, |under_way| {
            (!under_way.waits_for.starts_with(PROPOSED), under_way.refused.clone())
        });
        if is_first {
            tracing::info!(group = %name, ?members, "changing the members");
        }
        let (reply, answer) = oneshot::channel();
        let waiting = self.services.waiters.wait(Waiter::Configuration(reply));
        let request = waiting.request();
        let (group, promote_when_caught_up) = (change.group, false);
        let propose = Input::ProposeConfiguration { group, request, members, promote_when_caught_up };
        let _ = self.services.inbox.request(propose);
        let (core, name) = (self.clone(), name.clone());
        self.tasks.spawn(async move {
            let answered = tokio::time::timeout(CATALOG_TIMEOUT, answer).await;
            drop(waiting);
            let refused = match answered {
                Ok(Ok(Err(Failure::Refused(refusal)))) => Some(refusal.to_string()),
                Ok(Ok(Err(Failure::Error(error)))) => Some(error.to_string()),
                _ => None,
            };
            let is_news = core.membership.with(change, |under_way| {
                let before = std::mem::replace(&mut under_way.refused, refused.clone());
                before != refused
            });
            if let (Some(why), true) = (refused, is_news) {
                tracing::warn!(group = %name, why, "a change of the members was refused; trying again");
            }
        });
        match refused {
            Some(why) => format!("{PROPOSED}, which was refused: {why}"),
            None => PROPOSED.to_owned(),
        }
    }

    /// While a group sleeps its leader does not learn how far its members are: a read, which nobody waits for, wakes it.
    pub(super) fn keep_awake(&self, group: GroupId) {
        let (request, mode) = (self.services.waiters.number(), ReadMode::Linearizable);
        let _ = self.services.inbox.request(Input::Read { group, request, mode });
    }

    /// The members are those that are wanted. Tells the catalog, whereupon the others are destroyed, once most voters know
    /// that the change is committed: until then they may need the vote of one that left.
    async fn complete_change(&self, group: &Group, status: &ReplicaStatus) {
        let Some(change) = &group.change else { return };
        let index = self.membership.with(group.into(), |under_way| {
            under_way.waits_for = "most of its voters to know of the change".to_owned();
            *under_way.done_at.get_or_insert(status.commit)
        });
        if !most_know(&status.progress, status.replica, index) {
            self.keep_awake(group.id);
            return;
        }
        let complete = Change::CompleteMembersChange { group: group.id, number: change.number };
        match self.change_catalog(complete, Deadline::after(CATALOG_TIMEOUT)).await {
            Ok(_) => tracing::info!(group = %group.name, number = change.number, "the members are as wanted"),
            Err(error) => tracing::info!(group = %group.name, %error, "the catalog cannot be told yet"),
        }
    }
}

/// The group of a replica, when its members are not known to be those that are wanted.
fn pending_group(state: &CatalogState, replica: &LocalReplica) -> Option<Group> {
    let group = state.group(replica.shared.group)?;
    let is_settled = || {
        let configuration = &replica.shared.progress().applied.configuration;
        !configuration.is_joint() && same_members(&configuration.members, group.wanted())
    };
    (group.change.is_some() || !is_settled()).then(|| group.clone())
}

/// How far a change of members is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progressed {
    /// The members are those that are wanted.
    Done,
    /// They will be.
    Waits,
}

/// `is_reachable`: whether this node has heard of the member's node, of which raft learns nothing while the group sleeps.
fn facts(member: Member, progress: &[MemberProgress], last: u64, is_reachable: bool) -> MemberFacts {
    let progress = progress.iter().find(|progress| progress.member.replica == member.replica);
    let matched = progress.map_or(0, |progress| progress.matched);
    MemberFacts {
        member,
        is_live: is_reachable && progress.is_some_and(|progress| progress.recently_active),
        matched,
        // At 0 it has not answered yet, however short the log is.
        is_caught_up: progress.is_some_and(|progress| !progress.awaits_snapshot)
            && matched > 0
            && matched.saturating_add(CATCH_UP_LAG_MAX) >= last,
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

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_vocabulary::{MemberRole, NodeId};

    fn member(number: u64, role: MemberRole) -> Member {
        Member { replica: ReplicaId(number), node: NodeId(number), role }
    }

    fn progress(matched: u64, committed: u64) -> MemberProgress {
        MemberProgress {
            member: member(1, MemberRole::Voter),
            matched,
            committed,
            recently_active: true,
            awaits_snapshot: false,
        }
    }

    fn is_caught_up(progress: &MemberProgress, last: u64) -> bool {
        facts(progress.member, std::slice::from_ref(progress), last, true).is_caught_up
    }

    #[test]
    fn a_member_has_caught_up_when_it_has_answered_and_lacks_little() {
        assert!(is_caught_up(&progress(10_000, 0), 10_000 + CATCH_UP_LAG_MAX));
        assert!(!is_caught_up(&progress(10_000, 0), 10_001 + CATCH_UP_LAG_MAX));
        assert!(!is_caught_up(&progress(0, 0), 5), "it has not answered yet");
        assert!(!is_caught_up(&MemberProgress { awaits_snapshot: true, ..progress(9, 0) }, 9));
        let unknown = facts(member(7, MemberRole::Learner), &[progress(9, 9)], 9, true);
        assert!(!unknown.is_live && !unknown.is_caught_up);
    }

    #[test]
    fn a_member_on_a_node_that_is_gone_does_not_live_whatever_raft_has_heard() {
        let heard = [progress(9, 9)];
        assert!(facts(heard[0].member, &heard, 9, true).is_live);
        assert!(!facts(heard[0].member, &heard, 9, false).is_live);
    }

    #[test]
    fn a_change_is_known_when_most_voters_know_it() {
        let known = |committed: [u64; 3]| {
            let voters = (1..).zip(committed).map(|(number, committed)| MemberProgress {
                member: member(number, MemberRole::Voter),
                ..progress(9, committed)
            });
            let learner = MemberProgress { member: member(4, MemberRole::Learner), ..progress(9, 9) };
            most_know(&voters.chain([learner]).collect::<Vec<_>>(), ReplicaId(1), 9)
        };
        assert!(known([0, 9, 0]), "the leader knows what it does");
        assert!(!known([0, 8, 8]), "learners do not count");
    }
}

//! Learners that become voters: only once they have nearly all of the log, so that the group does not wait for them
//! (Raft thesis, section 4.2.1).

use super::{Replica, election_ticks, proposals::refuse};
use crate::{Configuration, Effect, Refusal, RequestId};
use quorate_vocabulary::{Member, ReplicaId};
use raft::ProgressState;

/// A change of members that waits for some of them to catch up.
pub(super) struct Promotion {
    request: RequestId,
    members: Vec<Member>,
    /// How far those it waits for were, together, and the ticks since they came further.
    matched: u64,
    stalled_ticks: usize,
}

/// A change is given up when those it waits for come no further for so many election timeouts.
const STALLED_ELECTIONS_MAX: usize = 30;

impl Replica {
    /// Changes the members at once, if all learners among the voters to be have caught up; or as soon as they have.
    pub(super) fn change_members(
        &mut self,
        request: RequestId,
        members: &[Member],
        promote_when_caught_up: bool,
    ) -> Result<(), Refusal> {
        self.may_change()?;
        let next = self.next_configuration(members)?;
        let behind = self.behind(&next, promote_when_caught_up);
        let Some(first) = behind.first() else { return self.propose_configuration(request, &next) };
        if !promote_when_caught_up {
            return Err(self.not_caught_up(*first));
        }
        // Those that are not members yet become learners first.
        let newcomer = |member: &&Member| self.configuration.member(member.replica).is_none();
        let learners = next.members.iter().filter(newcomer);
        let learners = learners.map(|member| Member { role: member.role.before_it_votes(), ..*member });
        let current = self.configuration.members.iter().copied();
        let before: Vec<Member> = current.chain(learners).collect();
        if before.len() > self.configuration.members.len() {
            let step = self.next_configuration(&before)?;
            self.append_configuration(&step, None)?;
        }
        let members = members.to_vec();
        self.promotion = Some(Promotion { request, members, matched: 0, stalled_ticks: 0 });
        Ok(())
    }

    /// The voters of `next` that are none yet and lack too much of the log. Replicas that are no members yet count only
    /// if they are to catch up first.
    fn behind(&self, next: &Configuration, newcomers: bool) -> Vec<ReplicaId> {
        let votes = |replica: &ReplicaId| self.configuration.voters().any(|voter| voter == *replica);
        let counts = |replica: &ReplicaId| newcomers || self.configuration.member(*replica).is_some();
        let margin = self.config.promotion_lag_entries_max;
        let joining = next.voters().filter(|replica| !votes(replica) && counts(replica));
        joining.filter(|replica| self.lag(*replica).is_none_or(|lag| lag > margin)).collect()
    }

    /// How many entries this member lacks; none where that cannot be told, as before it has answered.
    fn lag(&self, replica: ReplicaId) -> Option<u64> {
        let progress = self.follows(replica)?;
        let answers = progress.state == ProgressState::Replicate || progress.recent_active;
        answers.then(|| self.raw.raft.raft_log.last_index().saturating_sub(progress.matched))
    }

    fn not_caught_up(&self, replica: ReplicaId) -> Refusal {
        let lag_entries_max = self.config.promotion_lag_entries_max;
        Refusal::NotCaughtUp { replica, lag_entries: self.lag(replica), lag_entries_max }
    }

    /// Makes the change that waits, if those it waits for have caught up. Whether there was anything to do.
    pub(super) fn promote(&mut self, effects: &mut Vec<Effect>) -> bool {
        if self.promotion.is_none() || !self.is_leader() || self.check_change().is_err() {
            return false;
        }
        let Some(promotion) = &self.promotion else { return false };
        let next = self.next_configuration(&promotion.members);
        if next.as_ref().is_ok_and(|next| !self.behind(next, true).is_empty()) {
            return false;
        }
        let Some(Promotion { request, .. }) = self.promotion.take() else { return false };
        let changed = next.and_then(|next| self.propose_configuration(request, &next));
        self.refuse_unless(request, changed, effects);
        true
    }

    /// Time passes: a change does not wait for ever for members that come no further.
    pub(super) fn tick_promotion(&mut self, effects: &mut Vec<Effect>) {
        let Some(promotion) = &self.promotion else { return };
        let next = Configuration::new(promotion.members.clone());
        let behind = self.behind(&next, true);
        let matched = |replica: &ReplicaId| {
            self.raw.raft.prs().get(replica.0).map_or(0, |progress| progress.matched.max(1))
        };
        let matched = behind.iter().map(matched).sum();
        let Some(promotion) = &mut self.promotion else { return };
        promotion.stalled_ticks = if matched == promotion.matched { promotion.stalled_ticks + 1 } else { 0 };
        promotion.matched = matched;
        if promotion.stalled_ticks > STALLED_ELECTIONS_MAX * election_ticks(&self.config)
            && let Some(first) = behind.first()
        {
            let reason = self.not_caught_up(*first);
            self.end_promotion(&reason, effects);
        }
    }

    pub(super) fn end_promotion(&mut self, reason: &Refusal, effects: &mut Vec<Effect>) {
        let promotion = self.promotion.take();
        refuse(self.group, promotion.map(|promotion| promotion.request), reason, effects);
    }
}

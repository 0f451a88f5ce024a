//! From what raft says of roles to what a plugin is told of its replica's life.

use super::view::TermOfLeader;
use quorate_consensus::Role;
use quorate_replica::ports::LifecycleEvent;
use quorate_vocabulary::{Member, ReplicaId};
use std::collections::VecDeque;

/// Changes of leader that are remembered of each replica.
const LEADERS_SEEN_MAX: usize = 32;

/// What raft last said of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoleChange {
    pub(super) role: Role,
    pub(super) term: u64,
    pub(super) leader: Option<Member>,
}

/// Follows a replica's roles and derives its callbacks: every start has its stop, and a leader starts only once it has
/// applied everything from before its term.
#[derive(Debug, Default)]
pub(super) struct Life {
    leading: Option<u64>,
    following: Option<(ReplicaId, u64)>,
    leaders_seen: VecDeque<TermOfLeader>,
}

impl Life {
    /// The term in which the plugin has been told that it leads.
    pub(super) fn leading(&self) -> Option<u64> {
        self.leading
    }

    /// The changes of leader the plugin was told of, the newest last.
    pub(super) fn leaders_seen(&self) -> Vec<TermOfLeader> {
        self.leaders_seen.iter().copied().collect()
    }

    /// The role, the term or the leader is another.
    pub(super) fn role_changed(&mut self, change: RoleChange) -> Vec<LifecycleEvent> {
        let mut events = Vec::new();
        let RoleChange { role, term, leader } = change;
        if let Some(led) = self.leading
            && (role != Role::Leader || term != led)
        {
            self.leading = None;
            events.push(LifecycleEvent::LeaderStop { term: led });
        }
        let follows = match (role, leader) {
            (Role::Follower, Some(leader)) => Some((leader, term)),
            _ => None,
        };
        let now = follows.map(|(leader, term)| (leader.replica, term));
        if self.following != now {
            if let Some((leader, term)) = self.following.take() {
                events.push(LifecycleEvent::StopFollowing { leader, term });
            }
            if let Some((leader, term)) = follows {
                self.following = now;
                self.remember(TermOfLeader { term, node: leader.node });
                events.push(LifecycleEvent::StartFollowing { leader: leader.replica, term });
            }
        }
        events
    }

    /// The replica leads, and everything from before the term is applied.
    pub(super) fn established(&mut self, term: u64, own: Member) -> Option<LifecycleEvent> {
        if self.leading == Some(term) {
            return None;
        }
        self.leading = Some(term);
        self.remember(TermOfLeader { term, node: own.node });
        Some(LifecycleEvent::LeaderStart { term })
    }

    fn remember(&mut self, seen: TermOfLeader) {
        if self.leaders_seen.len() == LEADERS_SEEN_MAX {
            self.leaders_seen.pop_front();
        }
        self.leaders_seen.push_back(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_vocabulary::{MemberRole, NodeId};

    fn member(number: u64) -> Member {
        Member { replica: ReplicaId(number), node: NodeId(number * 10), role: MemberRole::Voter }
    }

    fn follows(leader: Option<u64>, term: u64) -> RoleChange {
        RoleChange { role: Role::Follower, term, leader: leader.map(member) }
    }

    #[test]
    fn a_new_leader_ends_following_the_old_one_first() {
        let mut life = Life::default();
        assert_eq!(
            life.role_changed(follows(Some(2), 3)),
            [LifecycleEvent::StartFollowing { leader: ReplicaId(2), term: 3 }]
        );
        assert_eq!(life.role_changed(follows(Some(2), 3)), [], "nothing changed");
        assert_eq!(
            life.role_changed(follows(None, 4)),
            [LifecycleEvent::StopFollowing { leader: ReplicaId(2), term: 3 }]
        );
        assert_eq!(
            life.role_changed(follows(Some(3), 4)),
            [LifecycleEvent::StartFollowing { leader: ReplicaId(3), term: 4 }]
        );
        let seen = life.leaders_seen();
        assert_eq!(
            seen,
            [TermOfLeader { term: 3, node: NodeId(20) }, TermOfLeader { term: 4, node: NodeId(30) }]
        );
    }

    #[test]
    fn a_leader_starts_when_it_is_established_and_stops_when_it_no_longer_leads() {
        let mut life = Life::default();
        let elected = RoleChange { role: Role::Leader, term: 5, leader: Some(member(1)) };
        assert_eq!(life.role_changed(elected), []);
        assert_eq!(life.established(5, member(1)), Some(LifecycleEvent::LeaderStart { term: 5 }));
        assert_eq!(life.established(5, member(1)), None, "told once");
        assert_eq!(life.leading(), Some(5));
        assert_eq!(
            life.role_changed(follows(Some(2), 6)),
            [
                LifecycleEvent::LeaderStop { term: 5 },
                LifecycleEvent::StartFollowing { leader: ReplicaId(2), term: 6 }
            ]
        );
        assert_eq!(life.leading(), None);
    }

    #[test]
    fn a_leader_that_lost_the_term_before_it_was_established_was_never_told() {
        let mut life = Life::default();
        life.role_changed(RoleChange { role: Role::Leader, term: 5, leader: Some(member(1)) });
        assert_eq!(life.role_changed(follows(None, 6)), []);
    }

    #[test]
    fn only_the_last_leaders_are_remembered() {
        let mut life = Life::default();
        for term in 1..=100 {
            life.role_changed(follows(Some(1 + term % 2), term));
        }
        assert_eq!(life.leaders_seen().len(), LEADERS_SEEN_MAX);
        assert_eq!(life.leaders_seen().last().map(|seen| seen.term), Some(100));
    }
}

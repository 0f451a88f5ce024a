//! What is done about a replica that is of no use any more.

use crate::Group;
use quorate_vocabulary::{Member, MemberRole, ReplicaId};

/// What is done about a replica that is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Its group goes on without it, and then gets a new one in its place. A change of members that is under way and could not
    /// come about without it is taken back.
    Member,
    /// It was to become a member, and a change of members waits for it: another one is wanted in its place.
    Newcomer,
    /// Nothing before the change of members that is under way has come about, which can do without it.
    Later,
    /// Nothing: without it there is no majority, or nobody that holds the data. An operator is needed.
    Never,
}

/// Whether the voters that are sound are a majority, and one of them holds the data.
fn can_spare(members: &[Member], is_broken: impl Fn(ReplicaId) -> bool) -> bool {
    let voters = || members.iter().filter(|member| member.role.votes());
    let sound = || voters().filter(|voter| !is_broken(voter.replica));
    sound().count() * 2 > voters().count() && sound().any(|voter| voter.role == MemberRole::Voter)
}

impl Group {
    /// Whether this replica is known to be of no use, and its node has no new one yet.
    #[must_use]
    pub fn has_alarm(&self, replica: ReplicaId) -> bool {
        self.alarms.iter().any(|alarm| (alarm.replica, alarm.ended_ms) == (replica, 0))
    }

    /// What is to be done about this replica, which is of no use any more.
    #[must_use]
    pub fn renewal(&self, replica: ReplicaId) -> Renewal {
        let is_broken = |other| other == replica || self.has_alarm(other);
        let has = |members: &[Member]| members.iter().any(|member| member.replica == replica);
        let may_go = can_spare(&self.members, is_broken);
        match &self.change {
            None if may_go => Renewal::Member,
            None => Renewal::Never,
            Some(change) => match (has(&self.members), has(&change.wanted)) {
                (false, true) => Renewal::Newcomer,
                // It goes.
                (_, false) => Renewal::Later,
                (true, true) if can_spare(&change.wanted, is_broken) => Renewal::Later,
                (true, true) if may_go => Renewal::Member,
                (true, true) => Renewal::Never,
            },
        }
    }
}

//! Replicas whose state was made wrong: what they say proves nothing, and no other may be taken for one.

use super::Checks;
use quorate_replica::ports::AppliedPoint;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

/// Those that are corrupted now, and groups that ever had one.
#[derive(Debug, Default)]
pub(super) struct Corruption {
    /// With the entry up to which their groups had come.
    now: BTreeMap<(GroupId, ReplicaId), u64>,
    ever: BTreeSet<GroupId>,
    /// Groups whose leader has said that nobody can tell which of its replicas is right.
    undecided: BTreeSet<GroupId>,
}

impl Checks {
    pub(crate) fn corrupt(&mut self, group: GroupId, replica: ReplicaId) {
        let known = self.committed_up_to(group);
        self.corruption.now.insert((group, replica), known);
        self.corruption.undecided.remove(&group);
        self.corruption.ever.insert(group);
    }

    /// The leader of a group says that its replicas differ and nobody can tell which is right.
    pub(crate) fn undecided(&mut self, group: GroupId) {
        self.corruption.undecided.insert(group);
    }

    pub(crate) fn is_undecided(&self, group: GroupId) -> bool {
        self.corruption.undecided.contains(&group)
    }

    pub(crate) fn is_corrupted(&self, group: GroupId, replica: ReplicaId) -> bool {
        self.corruption.now.contains_key(&(group, replica))
    }

    pub(crate) fn is_any_corrupted(&self, group: GroupId) -> bool {
        self.corruption.now.keys().any(|(corrupted, _)| *corrupted == group)
    }

    pub(crate) fn was_corrupted(&self, group: GroupId) -> bool {
        self.corruption.ever.contains(&group)
    }

    /// The replica is gone.
    pub(crate) fn forget_corrupted(&mut self, group: GroupId, replica: ReplicaId) {
        self.corruption.now.remove(&(group, replica));
    }

    /// A memory machine that was made again from its checkpoint has lost what was wrong with it: its digest is that of the
    /// others behind a command that has met the number in question.
    pub(crate) fn forgive_if_sound(&mut self, group: GroupId, replica: ReplicaId, point: &AppliedPoint) {
        let Some(since) = self.corruption.now.get(&(group, replica)) else { return };
        let law = self.groups.get(&group).map(|checks| &checks.law);
        let is_sound = law.is_some_and(|law| {
            law.probed_behind(*since) && law.at(point.index).is_some_and(|known| known.point == *point)
        });
        let has_met = law.and_then(|law| law.probed).is_some_and(|probed| probed <= point.index);
        if is_sound && has_met {
            self.corruption.now.remove(&(group, replica));
        }
    }
}

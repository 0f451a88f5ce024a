//! What a recovery may undo: a group that goes on with its survivors alone has the history that they have, and no other.

use super::{Checks, committed::FIRST};
use quorate_vocabulary::{GroupId, ReplicaId};

impl Checks {
    /// A group goes on from this log, whose first entry stands behind `begins`: what is committed and not in it is lost, and
    /// nobody is blamed for that. How many entries that are.
    pub(crate) fn recovered(
        &mut self,
        group: GroupId,
        term_at: impl Fn(u64) -> Option<u64>,
        begins: u64,
    ) -> u64 {
        let mut lost = 0;
        self.check(group, |checks| {
            let end = checks.committed.first_missing(&term_at, begins);
            lost = checks.committed.cut(end);
            checks.law.cut(end, checks.committed.bodies())?;
            checks.finished = checks.finished.min(end - 1);
            Ok(())
        });
        debug_assert!(begins == 0 || begins >= FIRST - 1);
        lost
    }

    /// The group has gone on without this replica: what it holds says nothing, and it may not lead or answer.
    pub(crate) fn fence(&mut self, group: GroupId, replica: ReplicaId) {
        self.fenced.insert((group, replica));
    }

    pub(crate) fn is_fenced(&self, group: GroupId, replica: ReplicaId) -> bool {
        self.fenced.contains(&(group, replica))
    }
}

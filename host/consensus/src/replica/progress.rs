use super::Replica;
use crate::MemberProgress;
use raft::ProgressState;

impl Replica {
    /// How far each member is, if this replica leads.
    pub(super) fn progress(&self) -> Vec<MemberProgress> {
        if !self.is_leader() {
            return Vec::new();
        }
        let members = self.configuration.members.iter();
        let leaving = self.configuration.outgoing.iter().filter(|member| {
            !self.configuration.members.iter().any(|staying| staying.replica == member.replica)
        });
        let progress = members.chain(leaving).filter_map(|member| {
            let progress = self.raw.raft.prs().get(member.replica.0)?;
            Some(MemberProgress {
                member: *member,
                matched: progress.matched,
                committed: progress.committed_index,
                recently_active: progress.recent_active
                    || member.replica == self.replica
                    || self.sleeps_with(member.replica),
                awaits_snapshot: progress.state == ProgressState::Snapshot,
            })
        });
        progress.collect()
    }
}

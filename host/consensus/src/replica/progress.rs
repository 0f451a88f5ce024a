//! How far the members of a group are.

use super::Replica;
use crate::MemberProgress;
use quorate_vocabulary::ReplicaId;
use raft::{Progress, ProgressState};

impl Replica {
    /// What this leader knows of a replica that has all entries, or gets them without a break. raft goes on probing one that
    /// it once did not reach until there is an entry which that one lacks.
    pub(super) fn follows(&self, replica: ReplicaId) -> Option<&Progress> {
        let raft = &self.raw.raft;
        raft.prs().get(replica.0).filter(|progress| match progress.state {
            ProgressState::Replicate => true,
            ProgressState::Probe => progress.matched == raft.raft_log.last_index(),
            ProgressState::Snapshot => false,
        })
    }

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

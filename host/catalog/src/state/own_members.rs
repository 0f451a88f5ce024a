//! Who votes in the catalog's own group. Every registered node follows it; the catalog says which of them vote, and its
//! leader brings that about.

use super::{CatalogState, apply::Changed, members::unfit};
use crate::{CatalogError, CatalogReply, OwnMembers, limits::GROUP_REPLICAS_MAX};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use std::{collections::BTreeSet, sync::Arc};

impl CatalogState {
    /// Says who is to vote. Refused when another change came first: `changes` is how many there were.
    pub(super) fn change_own_voters(&mut self, voters: &[NodeId], changes: u64) -> Changed {
        if changes != self.own.changes {
            return Err(unfit("the members of the catalog were changed by somebody else just now"));
        }
        let mut wanted = voters.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() || wanted.len() != voters.len() {
            return Err(unfit("the catalog has at least one voter, and names each once"));
        }
        if wanted.len() > GROUP_REPLICAS_MAX {
            let count = wanted.len();
            return Err(unfit(format!("a group has at most {GROUP_REPLICAS_MAX} voters, not {count}")));
        }
        for id in &wanted {
            self.node(*id).ok_or(CatalogError::NodeUnknown { node: *id })?;
            if self.own.lost.contains(id) {
                return Err(unfit(format!(
                    "node {id} was lost when the catalog was recovered, and cannot come back"
                )));
            }
        }
        if wanted == self.own.voters {
            return Ok((CatalogReply::OwnMembers(self.own.as_ref().clone()), None));
        }
        let own = Arc::make_mut(&mut self.own);
        own.voters = wanted;
        own.changes = own.changes.saturating_add(1);
        let nodes: Vec<String> = own.voters.iter().map(NodeId::to_string).collect();
        let text = format!("the catalog is to have voters on {}", nodes.join(", "));
        Ok((CatalogReply::OwnMembers(self.own.as_ref().clone()), Some(text)))
    }

    /// The catalog goes on with these alone: whoever else was registered is lost for it.
    pub(super) fn keep_own_survivors(&mut self, survivors: &[Member]) {
        let mut kept: Vec<NodeId> = survivors.iter().map(|member| member.node).collect();
        kept.sort_unstable();
        let lost: Vec<NodeId> = self.nodes().map(|node| node.id).filter(|id| !kept.contains(id)).collect();
        let own = Arc::make_mut(&mut self.own);
        own.lost.extend(lost);
        own.lost.sort_unstable();
        own.lost.dedup();
        own.voters = kept;
        own.changes = own.changes.saturating_add(1);
    }

    /// Who is to vote in the catalog's own group, and which nodes are lost for it.
    #[must_use]
    pub fn own_members(&self) -> &OwnMembers {
        &self.own
    }

    /// The members that the catalog's own group is to have, where these are the ones it has: its replicas carry the numbers of
    /// their nodes, none of which is ever given to another data folder.
    #[must_use]
    pub fn own_wanted(&self, now: &[Member]) -> Vec<Member> {
        let OwnMembers { voters, lost, .. } = self.own_members();
        // Founders that have not registered yet are members all the same.
        let founding = now.iter().filter(|member| voters.is_empty() && member.role.votes());
        let founding = founding.map(|member| member.node);
        let voters: BTreeSet<NodeId> = voters.iter().copied().chain(founding).collect();
        let registered = self.nodes().map(|node| node.id).filter(|id| !lost.contains(id));
        let nodes: BTreeSet<NodeId> = registered.chain(voters.iter().copied()).collect();
        let member = |node: NodeId| {
            let role = if voters.contains(&node) { MemberRole::Voter } else { MemberRole::Learner };
            Member { replica: ReplicaId(node.0), node, role }
        };
        nodes.into_iter().map(member).collect()
    }
}

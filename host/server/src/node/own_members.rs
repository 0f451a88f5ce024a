//! The members of the catalog's own group. Every registered node follows it, so that each knows the cluster; which of them
//! vote the catalog says, and the node that leads it brings that about.

use super::{
    core::Core,
    handle::Deadline,
    local_replica::LocalReplica,
    membership::ChangeOf,
    view::{ChangeMembers, GroupView, MembersChangeView},
};
use crate::RequestError;
use quorate_catalog::{CatalogReply, Change, catalog_digest, catalog_group};
use quorate_consensus::{Configuration, ReplicaStatus};
use quorate_placement::same_members;
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{CheckpointMode, GroupId, MachineKind, MemberRole, NodeId};
use std::{collections::BTreeSet, sync::Arc};

/// What stands for the plugin of the catalog, which is native.
const CATALOG_PLUGIN: &str = "quorate/catalog@1";

fn invalid<T>(why: impl Into<String>) -> Result<T, RequestError> {
    Err(RequestError::InvalidArgument { what: "the choice of nodes", why: why.into() })
}

impl Core {
    /// The configuration of the catalog's group, as this node has applied it.
    fn own_configuration(&self) -> Configuration {
        let catalog = self.registry.get(GroupId::CATALOG);
        catalog.map(|catalog| catalog.shared.progress().applied.configuration.clone()).unwrap_or_default()
    }

    /// Whether this node's replica of the catalog has yet to be told who its members are: it is to join.
    pub(super) fn is_joining(&self) -> bool {
        self.own_configuration().members.is_empty()
    }

    /// The catalog's own group, as other groups are shown.
    pub(super) fn own_view(&self) -> Result<GroupView, RequestError> {
        let internal = |why: &str| RequestError::Internal { why: why.to_owned() };
        let (state, now) = (self.catalog_state(), self.own_configuration());
        let info = catalog_group();
        let wanted = state.own_wanted(&now.members);
        let is_settled = !now.is_joint() && same_members(&now.members, &wanted);
        let lead = self.registry.lead(GroupId::CATALOG).and_then(|lead| lead.leader);
        Ok(GroupView {
            id: info.id,
            name: info.name,
            plugin: CATALOG_PLUGIN.parse().map_err(|_| internal("the catalog's name is none"))?,
            digest: catalog_digest(),
            kind: MachineKind::Memory,
            limits: GroupLimits::default(),
            checkpoints: CheckpointMode::default(),
            upgrades: Vec::new(),
            upgrades_asked: 0,
            alarms: Vec::new(),
            members: now.members,
            changes: state.own_members().changes,
            change: (!is_settled).then_some(MembersChangeView { wanted, began_ms: 0 }),
            leader: lead.map(|leader| leader.node),
            local: None,
        })
    }

    /// Asks for other voters of the catalog's own group.
    pub(super) async fn change_own_members(
        &self,
        change: ChangeMembers,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        // What this node has applied may be old.
        self.barrier(GroupId::CATALOG, deadline).await?;
        let (state, now) = (self.catalog_state(), self.own_configuration());
        let before: BTreeSet<NodeId> = state
            .own_wanted(&now.members)
            .iter()
            .filter(|member| member.role.votes())
            .map(|member| member.node)
            .collect();
        let after = own_voters(&before, change)?;
        self.check_own_majority(&after)?;
        let (voters, changes) = (after.iter().copied().collect(), state.own_members().changes);
        if after != before {
            tracing::warn!(?voters, "other nodes are to vote in the catalog");
            let change = Change::ChangeOwnVoters { voters, changes };
            let CatalogReply::OwnMembers(_) = self.change_catalog(change, deadline).await? else {
                return Err(RequestError::Internal { why: "the catalog answered something else".to_owned() });
            };
        }
        self.own_view()
    }

    fn check_own_majority(&self, voters: &BTreeSet<NodeId>) -> Result<(), RequestError> {
        let gone: Vec<String> =
            voters.iter().filter(|node| !self.is_reachable(**node)).map(NodeId::to_string).collect();
        let (wanted, available) = (voters.len() / 2 + 1, voters.len() - gone.len());
        if available >= wanted || voters.is_empty() {
            return Ok(());
        }
        let why =
            format!("node {} cannot be reached, and the catalog would have no majority", gone.join(", "));
        Err(RequestError::NotEnoughNodes { wanted, available, why })
    }

    /// Whether this node leads the catalog, and its members are not those that are wanted.
    pub(super) fn is_own_change_pending(&self, replica: &LocalReplica) -> bool {
        if !replica.shared.group.is_catalog() || !replica.shared.leads() {
            return false;
        }
        let now = replica.shared.progress().applied.configuration.clone();
        // Learners cost an entry each, and may wait until there is a leader that serves.
        now.is_joint() || !same_members(&now.members, &self.catalog_state().own_wanted(&now.members))
    }

    /// Takes the next step towards the members that are wanted.
    pub(super) fn step_own_members(self: &Arc<Self>, status: &ReplicaStatus) {
        let state = self.catalog_state();
        let wanted = state.own_wanted(&status.configuration.members);
        let change = ChangeOf { group: GroupId::CATALOG, number: state.own_members().changes };
        self.step_towards(change, &catalog_group().name, status, &wanted);
    }
}

/// Who is to vote, with what is to be different.
fn own_voters(before: &BTreeSet<NodeId>, change: ChangeMembers) -> Result<BTreeSet<NodeId>, RequestError> {
    let only_voters = |all: Vec<(NodeId, MemberRole)>| {
        let others = all.iter().find(|(_, role)| *role != MemberRole::Voter);
        if let Some((node, role)) = others {
            return invalid(format!(
                "node {node} cannot be a {role} of the catalog: every node follows it, and those that are named vote"
            ));
        }
        Ok(all.into_iter().map(|(node, _)| node).collect::<Vec<_>>())
    };
    let after: BTreeSet<NodeId> = match change {
        // Who only follows does so without being named.
        ChangeMembers::All(all) => only_voters(all)?.into_iter().collect(),
        ChangeMembers::Some { add, remove, promote } => {
            if let Some(stranger) = remove.iter().find(|node| !before.contains(node)) {
                return Err(RequestError::MemberNotFound {
                    name: catalog_group().name,
                    node: *stranger,
                    why: "holds no voter",
                });
            }
            let mut after = before.clone();
            after.extend(only_voters(add)?);
            after.extend(promote);
            after.retain(|node| !remove.contains(node));
            after
        }
    };
    if after.is_empty() { invalid("the catalog has at least one voter") } else { Ok(after) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(numbers: &[u64]) -> BTreeSet<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    fn some(add: &[u64], remove: &[u64], promote: &[u64]) -> ChangeMembers {
        let ids = |numbers: &[u64]| numbers.iter().copied().map(NodeId).collect();
        ChangeMembers::Some {
            add: add.iter().map(|node| (NodeId(*node), MemberRole::Voter)).collect(),
            remove: ids(remove),
            promote: ids(promote),
        }
    }

    #[test]
    fn voters_are_added_and_removed_together() {
        let before = nodes(&[1, 2, 3]);
        assert_eq!(own_voters(&before, some(&[4], &[1], &[])).expect("fits"), nodes(&[2, 3, 4]));
        assert_eq!(own_voters(&before, some(&[], &[], &[5])).expect("fits"), nodes(&[1, 2, 3, 5]));
        let set = ChangeMembers::All(vec![(NodeId(2), MemberRole::Voter)]);
        assert_eq!(own_voters(&before, set).expect("fits"), nodes(&[2]));
    }

    #[test]
    fn what_the_catalog_cannot_have_is_refused() {
        let before = nodes(&[1]);
        assert!(own_voters(&before, some(&[], &[1], &[])).is_err());
        assert!(own_voters(&before, some(&[], &[9], &[])).is_err());
        let set = ChangeMembers::All(vec![(NodeId(1), MemberRole::Voter), (NodeId(2), MemberRole::Witness)]);
        assert!(own_voters(&before, set).is_err());
    }
}

//! How this node and its replicas are, for those who ask.

use super::{
    core::Core,
    handle::Deadline,
    local_replica::LocalReplica,
    shard_thread::raft_failed,
    view::{GroupView, MemberView, NodeStatus, NodeView, ReplicaRole, ReplicaState, ReplicaView},
    witness::LocalWitness,
};
use crate::RequestError;
use bytes::Bytes;
use quorate_catalog::{Group, catalog_group};
use quorate_consensus::{MemberProgress, ReplicaStatus, Role};
use quorate_replica::ports::Poison;
use quorate_vocabulary::{GroupId, GroupName, MemberRole, NodeId, ReplicaId};
use std::collections::BTreeMap;

impl Core {
    pub(super) async fn shard_statuses(&self) -> Result<BTreeMap<GroupId, ReplicaStatus>, RequestError> {
        let statuses = self.services.inbox.statuses().await.map_err(|_| RequestError::ShuttingDown)?;
        Ok(statuses.into_iter().map(|status| (status.group, status)).collect())
    }

    /// This node and every replica it holds, those that do not run among them.
    pub(super) async fn status(&self) -> Result<NodeStatus, RequestError> {
        let statuses = self.shard_statuses().await?;
        let mut replicas: BTreeMap<GroupId, ReplicaView> = self
            .registry
            .all()
            .into_iter()
            .map(|replica| {
                let group = replica.shared.group;
                (group, self.replica_view(&replica, statuses.get(&group)))
            })
            .collect();
        for witness in self.registry.witnesses() {
            replicas.insert(witness.group, self.witness_view(&witness, statuses.get(&witness.group)));
        }
        for (group, replica, state) in self.not_running() {
            replicas.entry(group).or_insert_with(|| idle_view(group, replica, self.node(), state));
        }
        let failure = self.health.check(self.node()).err();
        if let Some(failure) = &failure {
            // None of them works then, whatever it was doing when that came out.
            for replica in replicas.values_mut() {
                if replica.state == ReplicaState::Running {
                    replica.state = ReplicaState::Failed { why: failure.to_string() };
                }
            }
        }
        Ok(NodeStatus {
            cluster: self.config.cluster.clone(),
            node: self.node(),
            address: self.config.address.clone(),
            registered: self.is_registered(),
            failure,
            catalog_leader: self.catalog_leader(),
            replicas: replicas.into_values().collect(),
        })
    }

    /// One group with the replica this node holds of it.
    pub(super) async fn describe_group(
        &self,
        name: &GroupName,
        deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        if *name == catalog_group().name {
            let statuses = self.shard_statuses().await?;
            let local = self.registry.get(GroupId::CATALOG);
            let local = local.map(|replica| self.replica_view(&replica, statuses.get(&GroupId::CATALOG)));
            return Ok(GroupView { local, ..self.own_view()? });
        }
        let group = self.find_group(name, deadline).await?;
        let statuses = self.shard_statuses().await?;
        let mut view = self.group_view(&group);
        let status = statuses.get(&group.id);
        let witness = self.registry.witness(group.id).map(|witness| self.witness_view(&witness, status));
        view.local = match self.registry.get(group.id) {
            Some(replica) => Some(self.replica_view(&replica, status)),
            None if witness.is_some() => witness,
            None => group
                .replica_on(self.node())
                .map(|replica| idle_view(group.id, replica, self.node(), self.hosting.state_of(group.id))),
        };
        if let Some(local) = &mut view.local {
            local.log_bytes = self.log_bytes(group.id).await;
            local.evidence = self.folder.evidence(group.id);
        }
        Ok(view)
    }

    /// None when it cannot be read; what is wrong with it is told elsewhere.
    async fn log_bytes(&self, group: GroupId) -> Option<u64> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.log_bytes(group)).await.ok()?.ok()
    }

    /// Replicas that this node is to hold, or holds, and that do not run.
    fn not_running(&self) -> Vec<(GroupId, ReplicaId, ReplicaState)> {
        let state = self.catalog_state();
        let mine = |group: &Group| group.replica_on(self.node()).map(|replica| (group.id, replica));
        let mut idle: BTreeMap<GroupId, ReplicaId> = state.groups().filter_map(mine).collect();
        idle.extend(self.hosting.held());
        idle.into_iter()
            .filter(|(group, _)| self.registry.number(*group).is_none())
            .map(|(group, replica)| (group, replica, self.hosting.state_of(group)))
            .collect()
    }

    fn replica_view(&self, replica: &LocalReplica, status: Option<&ReplicaStatus>) -> ReplicaView {
        let shared = &replica.shared;
        let lead = shared.lead();
        let own_role = shared.member().role;
        let progress = shared.progress().clone();
        let role = match lead.role {
            Role::Leader => ReplicaRole::Leader,
            Role::Candidate | Role::PreCandidate => ReplicaRole::Candidate,
            Role::Follower if own_role == MemberRole::Learner => ReplicaRole::Learner,
            Role::Follower => ReplicaRole::Follower,
        };
        let state = match status.and_then(|status| status.failure.clone()) {
            Some(cause) if progress.state == ReplicaState::Running => {
                ReplicaState::Failed { why: raft_failed(&cause) }
            }
            _ => progress.state,
        };
        ReplicaView {
            group: shared.group,
            replica: shared.replica,
            node: self.node(),
            state,
            asleep: status.is_some_and(|status| status.is_asleep),
            role,
            term: lead.term,
            leader: lead.leader,
            commit: status.map_or(progress.applied.index, |status| status.commit),
            applied: progress.applied.index,
            log_first: status.map_or(0, |status| status.truncated.index + 1),
            log_last: status.map_or(0, |status| status.last.index),
            log_bytes: None,
            log_lines_dropped: shared.log.dropped(),
            evidence: Vec::new(),
            snapshot_index: progress.snapshot.as_ref().map_or(0, |info| info.header.point.index),
            snapshot_bytes: progress.snapshot.as_ref().map_or(0, |info| info.bytes),
            digest: Bytes::copy_from_slice(&progress.applied.digest.0),
            leaders_seen: progress.leaders_seen,
            sessions: progress.applied.sessions.len(),
            sessions_reply_bytes: progress.applied.sessions.reply_bytes(),
            timers_pending: u64::try_from(progress.applied.timers.len()).unwrap_or(u64::MAX),
            timer_next_ms: progress.applied.timers.next_ms(),
            members: status.map(|status| self.member_views(status)).unwrap_or_default(),
            change_waits_for: self.membership.waits_for(shared.group),
            plugin: Some(progress.plugin),
            state_version: progress.state_version,
            upgrade_waits_for: self.upgrading.waits_for(shared.group),
            poison: progress.applied.poison,
        }
    }

    fn witness_view(&self, witness: &LocalWitness, status: Option<&ReplicaStatus>) -> ReplicaView {
        let state = match witness.failure().or_else(|| status.and_then(|status| status.failure.clone())) {
            Some(why) => ReplicaState::Failed { why },
            None => ReplicaState::Running,
        };
        let lead = witness.lead();
        ReplicaView {
            role: ReplicaRole::Witness,
            term: lead.term,
            leader: lead.leader,
            asleep: status.is_some_and(|status| status.is_asleep),
            commit: status.map_or(0, |status| status.commit),
            log_first: status.map_or(0, |status| status.truncated.index + 1),
            log_last: status.map_or(0, |status| status.last.index),
            ..idle_view(witness.group, witness.replica, self.node(), state)
        }
    }

    /// The members as the shard knows them: none unless it leads. A node that is gone holds none that live, whatever raft has
    /// heard: it hears nothing while the group sleeps.
    fn member_views(&self, status: &ReplicaStatus) -> Vec<MemberView> {
        let view = |progress: &MemberProgress| MemberView {
            member: progress.member,
            alive: progress.recently_active && self.is_reachable(progress.member.node),
            matched: progress.matched,
            lag: status.last.index.saturating_sub(progress.matched),
            awaits_snapshot: progress.awaits_snapshot,
            priority: status.configuration.priority(progress.member.replica),
        };
        status.progress.iter().map(view).collect()
    }

    /// Every registered node, and this one when it takes no part: its catalog may hold nobody then.
    pub(super) fn node_views(&self) -> Vec<NodeView> {
        let state = self.catalog_state();
        let replicas = state.replicas_by_node();
        let own_failure = self.health.check(self.node()).err();
        let views = state.nodes().map(|node| NodeView {
            id: node.id,
            address: node.address.clone(),
            engine_fingerprint: node.engine_fingerprint.clone(),
            replicas: replicas.get(&node.id).copied().unwrap_or_default(),
            reachable: self.is_reachable(node.id),
            status: node.status,
            failure: if node.id == self.node() { own_failure.clone() } else { self.failure_of(node.id) },
        });
        let mut views: Vec<NodeView> = views.collect();
        if own_failure.is_some() && state.node(self.node()).is_none() {
            views.push(NodeView {
                id: self.node(),
                address: self.config.address.clone(),
                engine_fingerprint: self.engine.fingerprint().as_str().to_owned(),
                replicas: 0,
                reachable: true,
                status: quorate_catalog::NodeStatus::Active,
                failure: own_failure,
            });
        }
        views
    }

    /// Why another node takes no part, when this one has met it and knows.
    fn failure_of(&self, node: NodeId) -> Option<RequestError> {
        let peers = self.peers.get()?.status();
        let lost = peers.iter().any(|peer| peer.node == node && peer.other_folder);
        lost.then(|| RequestError::FolderLost { node, by: self.node() })
    }
}

fn idle_view(group: GroupId, replica: ReplicaId, node: NodeId, state: ReplicaState) -> ReplicaView {
    ReplicaView {
        group,
        replica,
        node,
        state,
        asleep: false,
        role: ReplicaRole::Follower,
        term: 0,
        leader: None,
        commit: 0,
        applied: 0,
        log_first: 0,
        log_last: 0,
        log_bytes: None,
        log_lines_dropped: 0,
        evidence: Vec::new(),
        snapshot_index: 0,
        snapshot_bytes: 0,
        digest: Bytes::new(),
        leaders_seen: Vec::new(),
        sessions: 0,
        sessions_reply_bytes: 0,
        timers_pending: 0,
        timer_next_ms: None,
        members: Vec::new(),
        change_waits_for: String::new(),
        plugin: None,
        state_version: 0,
        upgrade_waits_for: String::new(),
        poison: Poison::default(),
    }
}

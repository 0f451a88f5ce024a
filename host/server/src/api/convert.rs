//! The host's own words, as the wire has them.

use super::ApiError;
use crate::{
    RequestError,
    node::{
        GroupEvent, GroupView, MemberView, NodeView, PluginView, Queried, ReplicaRole, ReplicaState,
        ReplicaView, Submitted, Upgrade,
    },
};
use bytes::Bytes;
use quorate_catalog::{Alarm, NodeStatus};
use quorate_proto::v1;
use quorate_replica::{
    ports::{GroupLimits, OpenedSession, Outcome, TrapKind},
    shadow::{ShadowDifference, ShadowReport},
};
use quorate_vocabulary::{CheckpointMode, MachineKind, Member, MemberRole, NodeId, Position, SessionId};

/// What is shown of a command, and of what came of it, where versions differ.
const SHOWN_BYTES_MAX: usize = 256;

/// 0 stands for "none" where a node may be missing.
pub(super) fn node_or_zero(node: Option<NodeId>) -> u64 {
    node.map_or(0, |node| node.0)
}

fn position(position: Position) -> v1::Position {
    v1::Position { index: position.index, ordinal: position.ordinal, time_ms: position.time_ms }
}

fn kind(kind: MachineKind) -> v1::MachineKind {
    match kind {
        MachineKind::Memory => v1::MachineKind::Memory,
        MachineKind::Store => v1::MachineKind::Store,
    }
}

fn trap_kind(kind: TrapKind) -> v1::TrapKind {
    match kind {
        TrapKind::OutOfFuel => v1::TrapKind::OutOfFuel,
        TrapKind::OutOfMemory => v1::TrapKind::OutOfMemory,
        TrapKind::StackOverflow => v1::TrapKind::StackOverflow,
        TrapKind::LimitExceeded => v1::TrapKind::LimitExceeded,
        TrapKind::NotAllowed => v1::TrapKind::NotAllowed,
        TrapKind::Instruction => v1::TrapKind::Instruction,
        TrapKind::Watchdog => v1::TrapKind::Watchdog,
        TrapKind::EntryFull => v1::TrapKind::EntryFull,
    }
}

/// What a shadow run came to.
pub(super) fn shadow_report(report: ShadowReport) -> v1::VerifyUpgradeResponse {
    v1::VerifyUpgradeResponse {
        from_index: report.from,
        through_index: report.through,
        entries: report.entries,
        commands: report.commands,
        differing: report.differing,
        differences: report.differences.into_iter().map(shadow_difference).collect(),
        activation_failure: report.activation_failure,
        stopped: report.stopped.map(str::to_owned),
    }
}

fn shadow_difference(difference: ShadowDifference) -> v1::UpgradeDifference {
    let cut = |bytes: Bytes| bytes.slice(..bytes.len().min(SHOWN_BYTES_MAX));
    let ended = |ended: Outcome| {
        let ended = match ended {
            Outcome::Reply(reply) => Outcome::Reply(cut(reply)),
            Outcome::Rejection(why) => Outcome::Rejection(cut(why)),
            other => other,
        };
        outcome(ended, 0)
    };
    v1::UpgradeDifference {
        index: difference.index,
        ordinal: difference.ordinal,
        command: difference.command.map(cut),
        before: difference.before.map(ended),
        after: difference.after.map(ended),
    }
}

fn outcome(outcome: Outcome, fuel: u64) -> v1::Outcome {
    use v1::outcome::Result;
    let result = match outcome {
        // Of a command that is answered now it is told as an error before it comes here.
        Outcome::Frozen | Outcome::Session(_) => return v1::Outcome { result: None, fuel },
        Outcome::Reply(bytes) => Result::Reply(bytes),
        Outcome::Rejection(bytes) => Result::Rejection(bytes),
        Outcome::Trapped(trap) => {
            Result::Trapped(v1::Trapped { kind: trap_kind(trap.kind).into(), message: trap.message })
        }
    };
    v1::Outcome { result: Some(result), fuel }
}

pub(super) fn submitted(submitted: Submitted) -> v1::SubmitResponse {
    v1::SubmitResponse {
        position: Some(position(submitted.position)),
        outcome: Some(outcome(submitted.outcome, submitted.fuel)),
        repeated: submitted.repeated,
    }
}

pub(super) fn session(id: SessionId) -> v1::SessionId {
    v1::SessionId { term: id.term, number: id.number }
}

pub(super) fn opened_session(opened: OpenedSession) -> v1::OpenSessionResponse {
    let OpenedSession { session: id, timeout_ms, commands_max } = opened;
    v1::OpenSessionResponse { session: Some(session(id)), timeout_ms, commands_max }
}

pub(super) fn queried(queried: Queried) -> v1::QueryResponse {
    v1::QueryResponse { applied: queried.applied, outcome: Some(outcome(queried.outcome, queried.fuel)) }
}

pub(super) fn event(event: GroupEvent) -> v1::Event {
    v1::Event { position: Some(position(event.position)), topic: event.topic, payload: event.payload }
}

pub(super) fn plugin(plugin: &PluginView) -> v1::Plugin {
    v1::Plugin {
        reference: plugin.reference.to_string(),
        digest: Bytes::copy_from_slice(plugin.digest.as_bytes()),
        kind: kind(plugin.kind).into(),
        size_bytes: plugin.bytes,
        has_lifecycle: plugin.has_lifecycle,
        has_timers: plugin.has_timers,
    }
}

pub(super) fn member(member: &Member) -> v1::Member {
    let role = match member.role {
        MemberRole::Voter => v1::MemberRole::Voter,
        MemberRole::Learner => v1::MemberRole::Learner,
        MemberRole::Witness => v1::MemberRole::Witness,
        MemberRole::WitnessLearner => v1::MemberRole::WitnessLearner,
    };
    v1::Member { replica: member.replica.0, node: member.node.0, role: role.into() }
}

fn member_status(view: &MemberView) -> v1::MemberStatus {
    v1::MemberStatus {
        member: Some(member(&view.member)),
        alive: view.alive,
        matched: view.matched,
        lag: view.lag,
        awaits_snapshot: view.awaits_snapshot,
        priority: view.priority,
    }
}

fn limits(limits: &GroupLimits) -> v1::GroupLimits {
    macro_rules! all {
        ($($name:ident),*) => {
            v1::GroupLimits { $($name: Some(limits.$name)),* }
        };
    }
    quorate_replica::with_group_limits!(all)
}

pub(super) fn group(group: &GroupView) -> v1::Group {
    v1::Group {
        name: group.name.to_string(),
        id: group.id.0,
        plugin: group.plugin.to_string(),
        plugin_digest: Bytes::copy_from_slice(group.digest.as_bytes()),
        kind: kind(group.kind).into(),
        members: group.members.iter().map(member).collect(),
        changes: group.changes,
        change: group.change.as_ref().map(|change| v1::MembersChange {
            wanted: change.wanted.iter().map(member).collect(),
            began_ms: change.began_ms,
        }),
        limits: Some(limits(&group.limits)),
        upgrades_asked: group.upgrades_asked,
        alarms: group.alarms.iter().map(alarm).collect(),
        checkpoints: match group.checkpoints {
            CheckpointMode::Inline => v1::CheckpointMode::Inline,
            CheckpointMode::Background => v1::CheckpointMode::Background,
        }
        .into(),
        leader_node: node_or_zero(group.leader),
    }
}

/// A change of the version that a group runs.
pub(super) fn upgrade(upgrade: &Upgrade) -> v1::Upgrade {
    v1::Upgrade {
        number: upgrade.number,
        from: upgrade.from.to_string(),
        to: upgrade.to.to_string(),
        digest: Bytes::copy_from_slice(upgrade.digest.as_bytes()),
        rollback: upgrade.is_rollback,
        actor: upgrade.actor.clone(),
        asked_ms: upgrade.asked_ms,
        prepared_nodes: upgrade.prepared.iter().map(|node| node.0).collect(),
        outcome: upgrade.outcome.as_ref().map(|outcome| v1::UpgradeOutcome {
            index: outcome.index.unwrap_or_default(),
            time_ms: outcome.time_ms,
            failure: outcome.failure.clone().unwrap_or_default(),
        }),
    }
}

fn alarm(alarm: &Alarm) -> v1::Alarm {
    v1::Alarm {
        node: alarm.node.0,
        replica: alarm.replica.0,
        what: alarm.what.clone(),
        raised_ms: alarm.raised_ms,
        ended_ms: alarm.ended_ms,
    }
}

/// Why a node takes no part.
pub(super) fn failure(error: Option<RequestError>) -> Option<v1::Failure> {
    error.map(|error| ApiError::from(error).to_failure())
}

pub(super) fn node(node: NodeView) -> v1::Node {
    v1::Node {
        id: node.id.0,
        address: node.address,
        engine: node.engine_fingerprint,
        replicas: u64::try_from(node.replicas).unwrap_or(u64::MAX),
        reachable: node.reachable,
        failure: failure(node.failure),
        r#use: match node.status {
            NodeStatus::Active => v1::NodeUse::Active,
            NodeStatus::Draining => v1::NodeUse::Draining,
        }
        .into(),
    }
}

/// `group_name` is empty for the catalog.
pub(super) fn replica(replica: ReplicaView, group_name: String) -> v1::ReplicaStatus {
    let role = match replica.role {
        ReplicaRole::Leader => v1::ReplicaRole::Leader,
        ReplicaRole::Follower => v1::ReplicaRole::Follower,
        ReplicaRole::Candidate => v1::ReplicaRole::Candidate,
        ReplicaRole::Learner => v1::ReplicaRole::Learner,
        ReplicaRole::Witness => v1::ReplicaRole::Witness,
    };
    let (state, state_reason) = match replica.state {
        ReplicaState::Starting { why } => (v1::ReplicaState::Starting, why),
        ReplicaState::Running => (v1::ReplicaState::Running, String::new()),
        ReplicaState::Failed { why } => (v1::ReplicaState::Failed, why),
    };
    v1::ReplicaStatus {
        group: replica.group.0,
        group_name,
        replica: replica.replica.0,
        node: replica.node.0,
        state: state.into(),
        state_reason,
        role: role.into(),
        term: replica.term,
        leader_node: node_or_zero(replica.leader.map(|leader| leader.node)),
        committed: replica.commit,
        applied: replica.applied,
        log_first: replica.log_first,
        log_last: replica.log_last,
        log_bytes: replica.log_bytes,
        log_lines_dropped: replica.log_lines_dropped,
        evidence: replica.evidence.iter().map(|path| path.display().to_string()).collect(),
        snapshot_index: replica.snapshot_index,
        snapshot_bytes: replica.snapshot_bytes,
        digest: replica.digest,
        leaders_seen: replica
            .leaders_seen
            .iter()
            .map(|seen| v1::LeaderSeen { term: seen.term, node: seen.node.0 })
            .collect(),
        members: replica.members.iter().map(member_status).collect(),
        change_waits_for: replica.change_waits_for,
        asleep: replica.asleep,
        sessions: replica.sessions,
        sessions_reply_bytes: replica.sessions_reply_bytes,
        timers_pending: replica.timers_pending,
        timer_next_ms: replica.timer_next_ms,
        plugin_digest: replica
            .plugin
            .map(|digest| Bytes::copy_from_slice(digest.as_bytes()))
            .unwrap_or_default(),
        state_version: replica.state_version,
        upgrade_waits_for: replica.upgrade_waits_for,
        freeze_after_traps: replica.poison.freeze_after,
        traps_in_a_row: replica.poison.traps_in_a_row,
        frozen_at: replica.poison.frozen_at.unwrap_or_default(),
    }
}

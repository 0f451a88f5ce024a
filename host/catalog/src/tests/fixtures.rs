//! A catalog to change, and short words for changes.

use crate::{
    CatalogCommand, CatalogError, CatalogReply, CatalogState, Change, Group, MembersEdit, NodeStatus,
    PluginToPublish,
};
use quorate_replica::ports::{ActivationRecord, GroupLimits};
use quorate_vocabulary::{
    CheckpointMode, FolderId, GroupId, MachineKind, Member, MemberRole, NodeId, PluginDigest, Position,
    ReplicaId,
};

pub(super) const ENGINE: &str = "wasmtime 48 x86_64";

pub(super) fn ids(numbers: &[u64]) -> Vec<NodeId> {
    numbers.iter().map(|number| NodeId(*number)).collect()
}

pub(super) fn register(node: u64) -> Change {
    register_as(node, &format!("10.0.0.{node}:7600"), ENGINE)
}

pub(super) fn register_as(node: u64, address: &str, engine: &str) -> Change {
    Change::RegisterNode {
        node: NodeId(node),
        address: address.into(),
        engine_fingerprint: engine.into(),
        folder: FolderId(node + 100),
    }
}

pub(super) fn drain(node: u64) -> Change {
    Change::SetNodeStatus { node: NodeId(node), status: NodeStatus::Draining }
}

pub(super) fn to_publish(reference: &str, bytes: &[u8]) -> PluginToPublish {
    PluginToPublish {
        reference: reference.parse().expect("a reference"),
        digest: PluginDigest::of(bytes),
        bytes: u64::try_from(bytes.len()).expect("small"),
        kind: MachineKind::Store,
        has_lifecycle: true,
        has_timers: true,
        contract_version: "0.1.0".into(),
        held_by: ids(&[2, 1]),
    }
}

pub(super) fn publish(reference: &str, bytes: &[u8]) -> Change {
    Change::PublishPlugin(to_publish(reference, bytes))
}

pub(super) fn remove_plugin(reference: &str) -> Change {
    Change::RemovePlugin { reference: reference.parse().expect("a reference") }
}

pub(super) fn create(name: &str, plugin: &str, nodes: &[u64]) -> Change {
    Change::CreateGroup {
        name: name.parse().expect("a name"),
        plugin: plugin.parse().expect("a reference"),
        nodes: ids(nodes),
        witnesses: Vec::new(),
        limits: GroupLimits::default(),
        freeze_after_traps: 0,
        checkpoints: CheckpointMode::Background,
    }
}

pub(super) fn delete(name: &str) -> Change {
    Change::DeleteGroup { name: name.parse().expect("a name") }
}

pub(super) fn voters(nodes: &[u64]) -> Vec<(NodeId, MemberRole)> {
    nodes.iter().map(|node| (NodeId(*node), MemberRole::Voter)).collect()
}

pub(super) fn witnesses(nodes: &[u64]) -> Vec<(NodeId, MemberRole)> {
    nodes.iter().map(|node| (NodeId(*node), MemberRole::Witness)).collect()
}

pub(super) fn learners(nodes: &[u64]) -> Vec<(NodeId, MemberRole)> {
    nodes.iter().map(|node| (NodeId(*node), MemberRole::Learner)).collect()
}

pub(super) fn edit(name: &str, add: &[(NodeId, MemberRole)], remove: &[u64], promote: &[u64]) -> Change {
    let edit = MembersEdit::Some { add: add.to_vec(), remove: ids(remove), promote: ids(promote) };
    Change::ChangeMembers { name: name.parse().expect("a name"), edit }
}

pub(super) fn set_members(name: &str, all: Vec<(NodeId, MemberRole)>) -> Change {
    Change::ChangeMembers { name: name.parse().expect("a name"), edit: MembersEdit::All(all) }
}

pub(super) fn complete(group: u64, number: u64) -> Change {
    Change::CompleteMembersChange { group: GroupId(group), number }
}

pub(super) fn note_broken(node: u64, replica: u64, renew: bool) -> Change {
    let what = "it is wrong".to_owned();
    Change::NoteBroken { group: GroupId(1), node: NodeId(node), replica: ReplicaId(replica), what, renew }
}

pub(super) fn note_recovery(group: u64, epoch: u64, survivors: &[Member]) -> Change {
    Change::NoteRecovery { group: GroupId(group), epoch, survivors: survivors.to_vec() }
}

pub(super) fn upgrade(name: &str, plugin: &str) -> Change {
    let plugin = Some(plugin.parse().expect("a reference"));
    Change::UpgradeGroup { name: name.parse().expect("a name"), plugin }
}

pub(super) fn rollback(name: &str) -> Change {
    Change::UpgradeGroup { name: name.parse().expect("a name"), plugin: None }
}

pub(super) fn checkpoints(name: &str, checkpoints: CheckpointMode) -> Change {
    Change::SetCheckpoints { name: name.parse().expect("a name"), checkpoints }
}

pub(super) fn cancel(name: &str) -> Change {
    Change::CancelUpgrade { name: name.parse().expect("a name") }
}

pub(super) fn prepared(group: u64, number: u64, node: u64) -> Change {
    Change::NotePrepared { group: GroupId(group), number, node: NodeId(node), failure: None }
}

/// What came of an activation, at entry 100 and its number.
pub(super) fn activated(group: u64, number: u64, bytes: &[u8], failure: Option<&str>) -> Change {
    let (plugin, failure) = (PluginDigest::of(bytes), failure.map(str::to_owned));
    let record = ActivationRecord { number, plugin, index: 100 + number, time_ms: 5_000, failure };
    Change::NoteActivation { group: GroupId(group), record }
}

/// One change, by somebody, at index 9.
pub(super) fn change(state: &mut CatalogState, change: Change) -> Result<CatalogReply, CatalogError> {
    let position = Position { index: 9, ordinal: 1, time_ms: 1_234 };
    state.apply(position, &CatalogCommand { actor: "ada".into(), change })
}

#[track_caller]
pub(super) fn must(state: &mut CatalogState, changes: impl IntoIterator<Item = Change>) {
    for one in changes {
        change(state, one).expect("it is in order");
    }
}

#[track_caller]
pub(super) fn group(state: &CatalogState, name: &str) -> Group {
    state.group_named(&name.parse().expect("a name")).expect("it was created").clone()
}

/// Four nodes and a plugin.
pub(super) fn furnished() -> CatalogState {
    let mut state = CatalogState::default();
    must(&mut state, [register(1), register(2), register(3), register(4), publish("acme/kv@1", b"kv 1")]);
    state
}

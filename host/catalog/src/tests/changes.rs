use super::fixtures::{
    ENGINE, change, checkpoints, create, delete, drain, furnished, group, ids, must, publish, register,
    register_as, remove_plugin, to_publish,
};
use crate::{
    CatalogError, CatalogReply, CatalogState, Change, NodeStatus,
    limits::{
        ACTOR_BYTES_MAX, ADDRESS_BYTES_MAX, AUDIT_RECORDS_MAX, FINGERPRINT_BYTES_MAX, GROUP_REPLICAS_MAX,
        NODES_MAX, PLUGINS_MAX, TOMBSTONES_MAX,
    },
};
use quorate_replica::ports::GroupLimits;
use quorate_vocabulary::{CheckpointMode, FolderId, GroupId, MachineKind, NodeId, PluginDigest, Position};

/// Makes a change that must be refused, and must not have changed anything.
#[track_caller]
pub(super) fn refused(state: &mut CatalogState, refuse: Change) -> CatalogError {
    let before = state.clone();
    let error = change(state, refuse).expect_err("it must be refused");
    assert_eq!(*state, before, "a refused change changed something");
    error
}

#[test]
fn nodes_register_and_say_what_changed_about_them() {
    let mut state = CatalogState::default();
    must(&mut state, [register(1), register(2)]);
    must(&mut state, [register_as(1, "moved:1", "engine 49")]);
    let node = state.node(NodeId(1)).expect("registered");
    assert_eq!((node.address.as_str(), node.engine_fingerprint.as_str()), ("moved:1", "engine 49"));
    assert_eq!(node.status, NodeStatus::Active);
    assert_eq!(state.nodes().map(|node| node.id).collect::<Vec<_>>(), ids(&[1, 2]));
}

#[test]
fn registering_again_changes_nothing_and_keeps_the_status() {
    let mut state = furnished();
    must(&mut state, [drain(2)]);
    let before = state.clone();
    must(&mut state, [register(2)]);
    assert_eq!(state, before, "not even the audit trail grows at every start of a node");
    must(&mut state, [register_as(2, "moved:2", ENGINE)]);
    assert_eq!(state.node(NodeId(2)).expect("registered").status, NodeStatus::Draining);
}

#[test]
fn an_address_belongs_to_one_node() {
    let mut state = furnished();
    let error = refused(&mut state, register_as(5, "10.0.0.2:7600", ENGINE));
    assert_eq!(error, CatalogError::AddressTaken { address: "10.0.0.2:7600".into(), node: NodeId(2) });
    refused(&mut state, register_as(1, "10.0.0.2:7600", ENGINE));
}

#[test]
fn a_node_that_comes_back_with_another_data_folder_is_refused() {
    let mut state = CatalogState::default();
    change(&mut state, register(1)).expect("a new node");
    let Change::RegisterNode { node, address, engine_fingerprint, .. } = register(1) else {
        panic!("it registers");
    };
    let wiped = Change::RegisterNode { node, address, engine_fingerprint, folder: FolderId(7) };
    assert_eq!(refused(&mut state, wiped), CatalogError::OtherFolder { node: NodeId(1) });
    change(&mut state, register_as(1, "10.0.0.9:7600", ENGINE)).expect("it has moved with its folder");
}

#[test]
fn what_no_node_can_be_is_refused() {
    let mut state = furnished();
    let long_address = "a".repeat(ADDRESS_BYTES_MAX + 1);
    let long_engine = "e".repeat(FINGERPRINT_BYTES_MAX + 1);
    for change in [
        register_as(0, "zero:1", ENGINE),
        register_as(5, "", ENGINE),
        register_as(5, "line\nbreak", ENGINE),
        register_as(5, &long_address, ENGINE),
        register_as(5, "five:1", &long_engine),
        register_as(5, "five:1", ""),
    ] {
        let error = refused(&mut state, change);
        assert!(matches!(error, CatalogError::Malformed { .. }), "{error}");
    }
    assert_eq!(refused(&mut state, drain(5)), CatalogError::NodeUnknown { node: NodeId(5) });
}

#[test]
fn a_plugin_is_published_as_it_was_checked() {
    let mut state = furnished();
    let plugin = state.plugin(&"acme/kv@1".parse().expect("a reference")).expect("published");
    assert_eq!((plugin.digest, plugin.bytes), (PluginDigest::of(b"kv 1"), 4));
    assert_eq!((plugin.kind, plugin.has_lifecycle, plugin.has_timers), (MachineKind::Store, true, true));
    assert_eq!((plugin.held_by.clone(), plugin.published_ms), (ids(&[1, 2]), 1_234));
    assert_eq!(state.plugin_with_digest(PluginDigest::of(b"kv 1")), Some(plugin));
    assert_eq!(state.plugin_with_digest(PluginDigest::of(b"kv 2")), None);
    must(&mut state, [publish("acme/kv@2", b"kv 2"), publish("other/kv@1", b"kv 1")]);
    assert_eq!(state.plugins().count(), 3);
}

#[test]
fn publishing_the_same_bytes_again_is_no_change() {
    let mut state = furnished();
    let before = state.clone();
    let again = change(&mut state, publish("acme/kv@1", b"kv 1")).expect("the same");
    let published = before.plugins().next().expect("one").clone();
    assert_eq!((again, state), (CatalogReply::Plugin(published), before));
}

#[test]
fn a_version_never_changes() {
    let mut state = furnished();
    let reference = "acme/kv@1".parse().expect("a reference");
    let error = refused(&mut state, publish("acme/kv@1", b"other bytes"));
    assert_eq!(error, CatalogError::VersionTaken { reference, digest: PluginDigest::of(b"kv 1") });
}

#[test]
fn a_plugin_held_by_a_node_nobody_knows_is_refused() {
    let mut state = furnished();
    let plugin = crate::PluginToPublish { held_by: ids(&[1, 9]), ..to_publish("acme/kv@2", b"kv 2") };
    let error = refused(&mut state, Change::PublishPlugin(plugin));
    assert_eq!(error, CatalogError::NodeUnknown { node: NodeId(9) });
}

#[test]
fn a_plugin_is_removed_when_no_group_runs_it() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1])]);
    let in_use = CatalogError::PluginInUse {
        reference: "acme/kv@1".parse().expect("a reference"),
        group: "acme/a".parse().expect("a name"),
    };
    assert_eq!(refused(&mut state, remove_plugin("acme/kv@1")), in_use);
    must(&mut state, [delete("acme/a"), remove_plugin("acme/kv@1")]);
    assert_eq!(state.plugins().count(), 0);
    let error = refused(&mut state, remove_plugin("acme/kv@1"));
    assert!(matches!(error, CatalogError::PluginUnknown { .. }), "{error}");
    // Its bytes are not coming back under the same name by accident: they may be published again.
    must(&mut state, [publish("acme/kv@1", b"other bytes")]);
}

#[test]
fn numbers_are_given_out_in_order_and_never_again() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[3, 1, 2]), create("acme/b", "acme/kv@1", &[4])]);
    let (a, b) = (group(&state, "acme/a"), group(&state, "acme/b"));
    assert_eq!((a.id, b.id), (GroupId(1), GroupId(2)));
    let members = |group: &crate::Group| -> Vec<(u64, u64)> {
        group.members.iter().map(|member| (member.replica.0, member.node.0)).collect()
    };
    assert_eq!((members(&a), members(&b)), (vec![(1, 3), (2, 1), (3, 2)], vec![(4, 4)]));
    must(&mut state, [delete("acme/b"), create("acme/b", "acme/kv@1", &[4])]);
    let again = group(&state, "acme/b");
    assert_eq!((again.id, members(&again)), (GroupId(3), vec![(5, 4)]));
    // A refused creation uses up no number.
    refused(&mut state, create("acme/c", "acme/kv@1", &[1, 9]));
    must(&mut state, [create("acme/c", "acme/kv@1", &[1])]);
    assert_eq!((group(&state, "acme/c").id, members(&group(&state, "acme/c"))), (GroupId(4), vec![(6, 1)]));
}

#[test]
fn a_group_has_what_it_was_created_with() {
    let mut state = furnished();
    let limits = GroupLimits { fuel_per_command: 77_777, ..GroupLimits::default() };
    let create = Change::CreateGroup {
        name: "acme/a".parse().expect("a name"),
        plugin: "acme/kv@1".parse().expect("a reference"),
        nodes: ids(&[2, 3]),
        witnesses: Vec::new(),
        limits: limits.clone(),
        freeze_after_traps: 0,
        checkpoints: CheckpointMode::Background,
    };
    let reply = change(&mut state, create).expect("in order");
    let group = group(&state, "acme/a");
    assert_eq!(reply, CatalogReply::Group(group.clone()));
    assert_eq!((&group.limits, group.created_ms), (&limits, 1_234));
    assert_eq!(group.checkpoints, CheckpointMode::Background);
    assert_eq!((group.kind, group.digest), (MachineKind::Store, PluginDigest::of(b"kv 1")));
    assert_eq!(group.engine_fingerprint, ENGINE);
    assert_eq!(group.replica_on(NodeId(3)), Some(2.into()));
    assert_eq!(group.replica_on(NodeId(1)), None);
    assert_eq!(state.group(group.id), Some(&group));
    let by_node = state.replicas_by_node();
    assert_eq!(by_node.into_values().collect::<Vec<_>>(), [0, 1, 1, 0]);
}

#[test]
fn a_group_of_unknown_parts_or_a_taken_name_is_refused() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1])]);
    let taken = CatalogError::NameTaken { name: "acme/a".parse().expect("a name"), id: GroupId(1) };
    assert_eq!(refused(&mut state, create("acme/a", "acme/kv@1", &[1])), taken);
    let error = refused(&mut state, create("acme/b", "acme/kv@2", &[1]));
    assert_eq!(error, CatalogError::PluginUnknown { reference: "acme/kv@2".parse().expect("a reference") });
    let error = refused(&mut state, create("acme/b", "acme/kv@1", &[1, 5]));
    assert_eq!(error, CatalogError::NodeUnknown { node: NodeId(5) });
    let error = refused(&mut state, create("quorate/catalog", "acme/kv@1", &[1]));
    assert!(matches!(error, CatalogError::NameTaken { id: GroupId::CATALOG, .. }), "{error}");
}

#[test]
fn nodes_that_cannot_hold_a_group_together_are_refused() {
    let mut state = furnished();
    must(&mut state, [register_as(5, "five:1", "another engine"), drain(4)]);
    let too_many: Vec<u64> = (1..=u64::try_from(GROUP_REPLICAS_MAX).expect("small") + 1).collect();
    for (nodes, part) in [
        (&[][..], "at least one"),
        (&[1, 2, 1], "twice"),
        (&[1, 5], "different engines"),
        (&too_many, "at most"),
    ] {
        let error = refused(&mut state, create("acme/a", "acme/kv@1", nodes));
        assert!(matches!(&error, CatalogError::NodesUnfit { cause } if cause.contains(part)), "{error}");
    }
    let error = refused(&mut state, create("acme/a", "acme/kv@1", &[1, 4]));
    assert_eq!(error, CatalogError::NodeDraining { node: NodeId(4) });
    must(&mut state, [create("acme/a", "acme/kv@1", &[5])]);
    assert_eq!(group(&state, "acme/a").engine_fingerprint, "another engine");
}

#[test]
fn a_limit_past_the_ceiling_is_refused_by_name() {
    let mut state = furnished();
    let change = Change::CreateGroup {
        name: "acme/a".parse().expect("a name"),
        plugin: "acme/kv@1".parse().expect("a reference"),
        nodes: ids(&[1]),
        witnesses: Vec::new(),
        limits: GroupLimits { memory_bytes_max: u64::MAX, ..GroupLimits::default() },
        freeze_after_traps: 0,
        checkpoints: CheckpointMode::Inline,
    };
    let error = refused(&mut state, change);
    assert!(
        matches!(&error, CatalogError::LimitOutside { name, .. } if name == "memory_bytes_max"),
        "{error}"
    );
}

#[test]
fn a_deleted_group_leaves_a_tombstone_and_frees_its_name() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1])]);
    let reply = change(&mut state, delete("acme/a")).expect("it is there");
    let tombstone = state.tombstones().next().expect("one").clone();
    assert_eq!((tombstone.id, tombstone.deleted_ms), (GroupId(1), 1_234));
    assert_eq!(reply, CatalogReply::GroupDeleted(tombstone));
    assert_eq!((state.groups().count(), state.was_deleted(GroupId(1))), (0, true));
    let error = refused(&mut state, delete("acme/a"));
    assert_eq!(error, CatalogError::GroupUnknown { name: "acme/a".parse().expect("a name") });
}

#[test]
fn a_group_from_the_future_or_the_catalog_itself_was_not_deleted() {
    let state = furnished();
    assert!(!state.was_deleted(GroupId(1)), "not given out yet");
    assert!(!state.was_deleted(GroupId::CATALOG));
}

#[test]
fn the_audit_trail_says_who_changed_what_where() {
    let mut state = CatalogState::default();
    must(&mut state, [register(1), register(2), publish("acme/kv@1", b"kv 1")]);
    refused(&mut state, publish("acme/kv@1", b"other bytes"));
    must(&mut state, [create("acme/a", "acme/kv@1", &[1]), drain(1), drain(1), delete("acme/a")]);
    let changes: Vec<&str> = state.audit().map(|record| record.change.as_str()).collect();
    assert_eq!(changes.len(), 6, "{changes:?}");
    assert!(changes[2].contains("acme/kv@1") && changes[3].contains("acme/a"), "{changes:?}");
    let record = state.audit().next_back().expect("six");
    assert_eq!(
        (record.actor.as_str(), record.position),
        ("ada", Position { index: 9, ordinal: 1, time_ms: 1_234 })
    );
}

#[test]
fn how_checkpoints_are_taken_can_be_changed() {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1])]);
    let mode = |state: &CatalogState| state.groups().next().expect("one").checkpoints;
    assert_eq!(mode(&state), CheckpointMode::Background);
    must(&mut state, [checkpoints("acme/a", CheckpointMode::Inline)]);
    assert_eq!(mode(&state), CheckpointMode::Inline);
    let last = state.audit().next_back().expect("a record").change.clone();
    assert!(last.contains("acme/a") && last.contains("inline"), "{last}");
    let written = state.audit().count();
    must(&mut state, [checkpoints("acme/a", CheckpointMode::Inline)]);
    assert_eq!(state.audit().count(), written, "nothing was changed");
    refused(&mut state, checkpoints("acme/b", CheckpointMode::Background));
}

#[test]
fn an_actor_without_a_name_changes_nothing() {
    let mut state = furnished();
    let before = state.clone();
    for actor in [String::new(), "a".repeat(ACTOR_BYTES_MAX + 1)] {
        let command = crate::CatalogCommand { actor, change: drain(1) };
        assert!(state.apply(Position::default(), &command).is_err());
    }
    assert_eq!(state, before);
}

#[test]
fn the_catalog_holds_only_so_many_nodes_and_plugins() {
    let mut state = CatalogState::default();
    let nodes = u64::try_from(NODES_MAX).expect("small");
    must(&mut state, (1..=nodes).map(|node| register_as(node, &format!("node-{node}:1"), ENGINE)));
    let error = refused(&mut state, register_as(nodes + 1, "one-more:1", ENGINE));
    assert_eq!(error, CatalogError::Full { what: "nodes".into(), max: nodes });
    must(&mut state, [register_as(nodes, "moved:1", ENGINE)]);

    let mut state = furnished();
    must(&mut state, (2..=PLUGINS_MAX).map(|version| publish(&format!("acme/kv@{version}"), b"kv")));
    let error = refused(&mut state, publish("acme/kv@more", b"kv"));
    assert!(matches!(&error, CatalogError::Full { what, .. } if what == "plugins"), "{error}");
    must(&mut state, [publish("acme/kv@1", b"kv 1")]);
}

#[test]
fn tombstones_and_the_audit_trail_forget_the_oldest() {
    let mut state = furnished();
    for _ in 0..TOMBSTONES_MAX.max(AUDIT_RECORDS_MAX) + 1 {
        must(&mut state, [create("acme/a", "acme/kv@1", &[1]), delete("acme/a")]);
    }
    assert_eq!((state.tombstones().count(), state.audit().count()), (TOMBSTONES_MAX, AUDIT_RECORDS_MAX));
    assert_eq!(state.tombstones().next().map(|tombstone| tombstone.id), Some(GroupId(2)));
    assert!(state.was_deleted(GroupId(1)), "known without its tombstone");
}

#[test]
fn a_clone_keeps_what_it_was_given() {
    let mut state = furnished();
    let before = state.clone();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1]), drain(1), publish("acme/kv@2", b"kv 2")]);
    assert_eq!((before.groups().count(), before.plugins().count()), (0, 1));
    assert_eq!(before.node(NodeId(1)).expect("registered").status, NodeStatus::Active);
}

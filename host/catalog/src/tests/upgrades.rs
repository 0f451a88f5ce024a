//! The version that a group is to run.

use super::fixtures::{
    ENGINE, activated, cancel, change, create, furnished, group, must, prepared, publish, remove_plugin,
    rollback, to_publish, upgrade,
};
use crate::{CatalogError, CatalogState, Change, Hosted, Instruction, Upgrade, limits, reconcile};
use quorate_vocabulary::{GroupId, MachineKind, NodeId, PluginDigest, ReplicaId};

/// The group `acme/a`, number 1, on nodes 1, 2, 3, which runs the first of three versions.
fn three_versions() -> CatalogState {
    let mut state = furnished();
    must(&mut state, [publish("acme/kv@2", b"kv 2"), publish("acme/kv@3", b"kv 3")]);
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2, 3])]);
    state
}

fn last(state: &CatalogState) -> Upgrade {
    group(state, "acme/a").upgrades.last().expect("one was asked for").clone()
}

fn runs(state: &CatalogState) -> (String, PluginDigest) {
    let group = group(state, "acme/a");
    (group.plugin.to_string(), group.digest)
}

#[track_caller]
fn refused(state: &mut CatalogState, one: Change) -> CatalogError {
    let before = state.clone();
    let error = change(state, one).expect_err("it is refused");
    assert_eq!(*state, before);
    error
}

#[test]
fn a_group_runs_what_it_is_to_run_once_its_log_says_so() {
    let mut state = three_versions();
    must(
        &mut state,
        [upgrade("acme/a", "acme/kv@2"), prepared(1, 1, 3), prepared(1, 1, 1), prepared(1, 1, 3)],
    );
    let asked = last(&state);
    assert_eq!((asked.number, asked.actor.as_str(), asked.asked_ms), (1, "ada", 1_234));
    assert_eq!(asked.prepared, [NodeId(1), NodeId(3)]);
    assert_eq!(group(&state, "acme/a").upgrade(), Some(&asked));
    assert_eq!(runs(&state), ("acme/kv@1".into(), PluginDigest::of(b"kv 1")), "still");

    must(&mut state, [activated(1, 1, b"kv 2", None)]);
    assert_eq!(runs(&state), ("acme/kv@2".into(), PluginDigest::of(b"kv 2")));
    let after = group(&state, "acme/a");
    assert_eq!((after.founding, after.upgrade()), (PluginDigest::of(b"kv 1"), None));
    let outcome = last(&state).outcome.expect("it is done");
    assert_eq!((outcome.index, outcome.time_ms, outcome.failure), (Some(101), 5_000, None));
    let audit: Vec<_> = state.audit().rev().take(2).map(|record| record.change.clone()).collect();
    assert_eq!(
        audit,
        [
            "group acme/a runs acme/kv@2 from entry 101 on",
            "group acme/a is to run acme/kv@2 in place of acme/kv@1"
        ]
    );
    // Told once more, by the next leader.
    let before = state.clone();
    must(&mut state, [activated(1, 1, b"kv 2", None)]);
    assert_eq!(state, before);
}

#[test]
fn an_activation_that_failed_changes_nothing_and_says_why() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), activated(1, 1, b"kv 2", Some("it trapped"))]);
    assert_eq!(runs(&state).0, "acme/kv@1");
    assert_eq!(last(&state).outcome.expect("it is over").failure.as_deref(), Some("it trapped"));
    assert_eq!(refused(&mut state, rollback("acme/a")), nothing_before());
}

fn nothing_before() -> CatalogError {
    CatalogError::NothingBefore { name: "acme/a".parse().expect("a name") }
}

#[test]
fn rolling_back_goes_back_version_by_version() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), activated(1, 1, b"kv 2", None)]);
    must(&mut state, [upgrade("acme/a", "acme/kv@3"), activated(1, 2, b"kv 3", None)]);
    must(&mut state, [rollback("acme/a")]);
    assert_eq!((last(&state).to.to_string(), last(&state).is_rollback), ("acme/kv@2".into(), true));
    must(&mut state, [activated(1, 3, b"kv 2", None), rollback("acme/a")]);
    assert_eq!(last(&state).to.to_string(), "acme/kv@1");
    must(&mut state, [activated(1, 4, b"kv 1", None)]);
    assert_eq!(runs(&state), ("acme/kv@1".into(), PluginDigest::of(b"kv 1")));
    assert_eq!(refused(&mut state, rollback("acme/a")), nothing_before());
}

#[test]
fn what_is_asked_for_takes_the_place_of_what_is_under_way() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), upgrade("acme/a", "acme/kv@3")]);
    let group = group(&state, "acme/a");
    assert_eq!((group.upgrades.len(), group.upgrades_asked), (2, 2));
    assert!(group.upgrades[0].outcome.as_ref().is_some_and(|outcome| outcome.index.is_none()));
    must(&mut state, [prepared(1, 1, 1)]);
    assert_eq!(last(&state).prepared, [], "that was of the one before");
    // It had been on its way into the log when its place was taken.
    must(&mut state, [activated(1, 1, b"kv 2", None)]);
    assert_eq!(runs(&state).0, "acme/kv@2");
    assert!(last(&state).outcome.is_none(), "the other one is still to come");
    must(&mut state, [activated(1, 2, b"kv 3", None)]);
    assert_eq!(runs(&state).0, "acme/kv@3");
}

#[test]
fn what_is_wanted_already_changes_nothing() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@1")]);
    assert_eq!(group(&state, "acme/a").upgrades, []);
    must(&mut state, [upgrade("acme/a", "acme/kv@2")]);
    let before = state.clone();
    must(&mut state, [upgrade("acme/a", "acme/kv@2")]);
    assert_eq!(state, before);
}

#[test]
fn an_upgrade_is_given_up_by_an_operator_or_where_a_node_cannot_run_it() {
    let mut state = three_versions();
    assert!(matches!(refused(&mut state, cancel("acme/a")), CatalogError::NoUpgrade { .. }));
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), cancel("acme/a")]);
    assert!(last(&state).outcome.is_some());
    assert!(matches!(refused(&mut state, cancel("acme/a")), CatalogError::NoUpgrade { .. }));

    must(&mut state, [upgrade("acme/a", "acme/kv@2")]);
    let cannot = |node| Change::NotePrepared {
        group: GroupId(1),
        number: 2,
        node: NodeId(node),
        failure: Some("it is too large".into()),
    };
    must(&mut state, [cannot(4)]);
    assert!(last(&state).outcome.is_none(), "node 4 holds none of its replicas");
    must(&mut state, [cannot(2)]);
    let why = last(&state).outcome.expect("it is over").failure.expect("it failed");
    assert_eq!(why, "node 2 cannot run it: it is too large");
    must(&mut state, [prepared(1, 2, 3)]);
    assert!(group(&state, "acme/a").upgrade().is_none());
}

#[test]
fn what_no_group_can_run_is_refused() {
    let mut state = three_versions();
    assert!(matches!(refused(&mut state, upgrade("acme/b", "acme/kv@2")), CatalogError::GroupUnknown { .. }));
    assert!(matches!(
        refused(&mut state, upgrade("acme/a", "acme/kv@9")),
        CatalogError::PluginUnknown { .. }
    ));
    let memory =
        crate::PluginToPublish { kind: MachineKind::Memory, ..to_publish("acme/counter@1", b"counter") };
    must(&mut state, [Change::PublishPlugin(memory)]);
    let error = refused(&mut state, upgrade("acme/a", "acme/counter@1"));
    assert!(matches!(error, CatalogError::KindChanged { .. }), "{error}");
}

#[test]
fn a_version_that_a_group_runs_or_may_run_is_not_removed() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@2")]);
    for version in ["acme/kv@1", "acme/kv@2"] {
        let error = refused(&mut state, remove_plugin(version));
        assert!(matches!(error, CatalogError::PluginInUse { .. }), "{error}");
    }
    must(&mut state, [activated(1, 1, b"kv 2", None)]);
    let error = refused(&mut state, remove_plugin("acme/kv@1"));
    assert!(matches!(error, CatalogError::PluginInUse { .. }), "it may be rolled back to: {error}");
    must(&mut state, [remove_plugin("acme/kv@3")]);
}

#[test]
fn the_log_of_a_group_knows_better_than_a_catalog_that_lost_its_last_changes() {
    let mut state = three_versions();
    must(&mut state, [activated(1, 4, b"kv 2", None)]);
    assert_eq!(runs(&state).0, "acme/kv@2");
    assert_eq!(group(&state, "acme/a").upgrades_asked, 4, "numbers go on behind it");
    must(&mut state, [activated(1, 3, b"kv 3", None), activated(1, 5, b"nobody knows", None)]);
    assert_eq!(runs(&state).0, "acme/kv@2");
}

#[test]
fn news_of_an_earlier_activation_that_comes_late_is_only_history() {
    let mut state = three_versions();
    // Given up too late: it was in the group's log by then.
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), cancel("acme/a"), upgrade("acme/a", "acme/kv@3")]);
    must(&mut state, [activated(1, 2, b"kv 3", None), activated(1, 1, b"kv 2", None)]);
    assert_eq!(runs(&state), ("acme/kv@3".into(), PluginDigest::of(b"kv 3")));
    let first = group(&state, "acme/a").upgrades[0].clone();
    assert_eq!(first.outcome.and_then(|outcome| outcome.index), Some(101));
    let audit = state.audit().last().expect("an audit trail").change.clone();
    assert_eq!(audit, "group acme/a ran acme/kv@2 from entry 101 on");
}

#[test]
fn nodes_fetch_and_compile_what_is_to_run() {
    let mut state = three_versions();
    must(&mut state, [upgrade("acme/a", "acme/kv@2"), prepared(1, 1, 2)]);
    let hosted = |plugins: &[&[u8]]| Hosted {
        engine_fingerprint: ENGINE.into(),
        replicas: [(GroupId(1), ReplicaId(3))].into(),
        plugins: plugins.iter().map(|bytes| PluginDigest::of(bytes)).collect(),
    };
    let digest = PluginDigest::of(b"kv 2");
    let prepare = Instruction::Prepare { group: GroupId(1), number: 1, digest };
    let fetch = Instruction::Fetch { digest, from: vec![NodeId(1), NodeId(2)] };
    assert_eq!(reconcile(&state, NodeId(3), &hosted(&[b"kv 1"])), [fetch, prepare.clone()]);
    assert_eq!(reconcile(&state, NodeId(3), &hosted(&[b"kv 1", b"kv 2"])), [prepare]);
    must(&mut state, [prepared(1, 1, 3)]);
    assert_eq!(reconcile(&state, NodeId(3), &hosted(&[b"kv 1", b"kv 2"])), []);
}

#[test]
fn only_the_last_upgrades_are_remembered_and_all_survive_a_snapshot() {
    let mut state = three_versions();
    let rounds = u64::try_from(limits::UPGRADES_MAX).expect("small") + 5;
    for number in 1..=rounds {
        let (version, bytes): (_, &[u8]) =
            if number % 2 == 1 { ("acme/kv@2", b"kv 2") } else { ("acme/kv@1", b"kv 1") };
        must(&mut state, [upgrade("acme/a", version), activated(1, number, bytes, None)]);
    }
    must(&mut state, [upgrade("acme/a", "acme/kv@3"), prepared(1, rounds + 1, 1)]);
    let upgrades = group(&state, "acme/a").upgrades;
    assert_eq!(upgrades.len(), limits::UPGRADES_MAX);
    assert_eq!(upgrades.last().map(|upgrade| upgrade.number), Some(rounds + 1));
    assert_eq!(CatalogState::decode(&state.encode()), Ok(state));
}

//! A version is tried in a copy of a group before the group runs it.

use quorate_end_to_end::{Cluster, Output, component};
use std::fs;

const REFERENCE: &str = "test/next@1";

/// A group whose next version is published.
async fn group(plugin: &str, next: &str) -> Cluster {
    let cluster = Cluster::start().await;
    cluster.upload(plugin).await;
    let bytes = fs::read(component(next)).expect("the component can be read");
    cluster.upload_bytes(2, REFERENCE, &bytes).await.expect("uploaded");
    cluster.create("group", plugin).await;
    cluster
}

fn asked(cluster: &Cluster, more: &[&str]) -> Output {
    let asked = ["group", "upgrade", "test/group", REFERENCE, "--timeout", "60s"];
    cluster.quorate(&[&asked, more].concat())
}

/// What the group runs.
fn runs(cluster: &Cluster) -> String {
    let history = cluster.quorate(&["group", "history", "test/group", "--output", "json"]).json();
    history["plugin"].as_str().expect("a name").to_owned()
}

#[tokio::test]
async fn a_version_that_answers_the_same_is_verified_and_taken() {
    for (plugin, next, commands) in [
        ("kv", "second-kv", ["put a 1", "get a", "put b 2"]),
        ("counter", "second-counter", ["add 1", "subtract 1", "trap"]),
    ] {
        let cluster = group(plugin, next).await;
        cluster.submit("group", commands[0]).await;
        let taken = cluster.quorate(&["group", "snapshot", "test/group"]);
        assert_eq!(taken.code, 0, "{taken:?}");
        for command in commands {
            cluster.submit("group", command).await;
        }
        let only = asked(&cluster, &["--verify-only", "--output", "json"]);
        assert_eq!(only.code, 0, "{only:?}");
        let report = only.json();
        assert_eq!(report["differing"], 0, "{report}");
        assert_eq!(report["activation_failure"], serde_json::Value::Null);
        assert!(report["commands"].as_u64() >= Some(3), "{report}");
        assert!(report["from_index"].as_u64() > Some(1), "from the snapshot: {report}");
        assert_eq!(runs(&cluster), format!("test/{plugin}@1"), "nothing was changed");

        let taken = asked(&cluster, &["--verify"]);
        assert_eq!(taken.code, 0, "{taken:?}");
        assert!(taken.stdout.contains("0 differ"), "{taken:?}");
        assert_eq!(runs(&cluster), REFERENCE);
        cluster.replicas_are_equal("group").await;
        if plugin == "kv" {
            // What it did since its newest snapshot was done by two versions.
            let mixed = asked(&cluster, &["--verify-only"]);
            assert_eq!(mixed.code, 1, "{mixed:?}");
            assert!(mixed.stderr.contains("UPGRADE_UNVERIFIED"), "{mixed:?}");
        }
    }
}

#[tokio::test]
async fn a_version_that_answers_otherwise_is_not_taken_unless_that_is_wanted() {
    let cluster = group("counter", "second-counter").await;
    cluster.submit("group", "add 1").await;
    // The second version rejects it in other words.
    cluster.submit("group", "subtract 5").await;
    let differs = asked(&cluster, &["--verify", "--output", "json"]);
    assert_eq!(differs.code, 1, "{differs:?}");
    assert!(differs.stderr.contains("UPGRADE_DIFFERS"), "{differs:?}");
    let report: serde_json::Value = serde_json::from_str(&differs.stdout).expect("the report");
    assert_eq!(report["differing"], 1, "{report}");
    let first = &report["differences"][0];
    assert_eq!((&first["command"], &first["ordinal"]), (&"subtract 5".into(), &0.into()), "{report}");
    assert_eq!(first["before"]["outcome"], "rejection", "{report}");
    assert_eq!(first["after"]["rejection"], "out of range", "{report}");
    assert_eq!(runs(&cluster), "test/counter@1");
    assert_eq!(cluster.answer("group", "get").await, "1");

    let accepted = asked(&cluster, &["--verify", "--accept-differences"]);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert!(accepted.stdout.contains("subtract 5"), "it is reported: {accepted:?}");
    assert_eq!(runs(&cluster), REFERENCE);
}

#[tokio::test]
async fn a_version_whose_migration_traps_is_found_out() {
    let cluster = group("kv", "second-kv").await;
    cluster.submit("group", "put trap-migrate yes").await;
    let taken = cluster.quorate(&["group", "snapshot", "test/group"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    let failed = asked(&cluster, &["--verify", "--accept-differences"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("UPGRADE_DIFFERS") && failed.stderr.contains("trapped"), "{failed:?}");
    let history = cluster.quorate(&["group", "history", "test/group", "--output", "json"]).json();
    assert_eq!(history["upgrades"].as_array().map(Vec::len), Some(0), "it was not asked for: {history}");
}

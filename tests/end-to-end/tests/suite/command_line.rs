//! What a person types.

use quorate_end_to_end::{Cluster, component};
use std::fs;

fn path(name: &str) -> String {
    component(name).to_str().expect("UTF-8").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_from_upload_to_delete() {
    let cluster = Cluster::start().await;
    let uploaded =
        cluster.quorate(&["plugin", "upload", "test/kv@1", &path("kv"), "--output", "json"]).json();
    assert_eq!(uploaded["reference"], "test/kv@1", "{uploaded}");
    let created = cluster.quorate(&["group", "create", "test/pairs", "--plugin", "test/kv@1"]);
    assert_eq!(created.code, 0, "{created:?}");

    let done = cluster.quorate(&["submit", "test/pairs", "put greeting \"good morning\""]);
    assert_eq!((done.code, done.stdout.trim()), (0, "ok"), "{done:?}");
    let found = cluster.quorate(&["query", "test/pairs", "get greeting"]);
    assert_eq!((found.code, found.stdout.trim()), (0, "good morning"), "{found:?}");
    let rejected = cluster.quorate(&["submit", "test/pairs", "create greeting again"]);
    assert_eq!(rejected.code, 3, "a rejection has an exit code of its own: {rejected:?}");
    let raw = cluster.quorate(&["query", "test/pairs", "get greeting", "--raw"]);
    assert_eq!((raw.code, raw.stdout.as_str()), (0, "good morning"), "no newline");
    let rejected = cluster.quorate(&["submit", "test/pairs", "create greeting again", "--raw"]);
    assert_eq!((rejected.code, rejected.stdout.as_str()), (3, ""));
    assert!(rejected.stderr.starts_with("rejected: "), "{rejected:?}");
    let failed = cluster.quorate(&["submit", "test/nothing", "put a b"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("GROUP_NOT_FOUND"), "{failed:?}");
    let usage = cluster.quorate(&["submit", "not-a-name", "put a b"]);
    assert_eq!(usage.code, 2, "{usage:?}");

    let nodes = cluster.quorate(&["node", "list"]);
    assert!(cluster.addresses().iter().all(|address| nodes.stdout.contains(address)), "{nodes:?}");
    let described = cluster.quorate(&["group", "describe", "test/pairs"]);
    assert!(described.code == 0 && described.stdout.contains("leader"), "{described:?}");
    let deleted = cluster.quorate(&["group", "delete", "test/pairs"]);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    let listed = cluster.quorate(&["group", "list", "--output", "json"]).json();
    assert!(!listed.to_string().contains("test/pairs"), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_submitted_in_order_and_counted() {
    const LINES: usize = 1000;
    let cluster = Cluster::start().await;
    cluster.upload("kv").await;
    cluster.create("pairs", "kv").await;
    let mut lines: String = (0..LINES).map(|line| format!("put last {line}\n")).collect();
    lines.push_str("create last twice\n");
    let piped = cluster.quorate_with_input(&["submit", "test/pairs", "--lines", "-"], &lines);
    assert_eq!(piped.code, 3, "one line is rejected: {piped:?}");
    let said = format!("{}{}", piped.stdout, piped.stderr);
    assert!(said.contains("1000") || said.contains("1,000"), "{said}");
    assert!(!said.contains('\r'), "no progress bar where no person watches: {said:?}");
    assert_eq!(cluster.answer("pairs", "get last").await, (LINES - 1).to_string());

    let file = cluster.folder().join("lines");
    fs::write(&file, "put a 1\nput b 2\n").expect("a file of the test's own");
    let arguments = ["submit", "test/pairs", "--lines", file.to_str().expect("UTF-8"), "--output", "json"];
    let counted = cluster.quorate(&arguments).json();
    assert_eq!(counted["replies"], 2, "{counted}");
}

#[test]
fn a_component_is_checked_without_a_cluster() {
    let good = quorate_end_to_end::quorate("", &["plugin", "check", &path("counter")], "");
    assert_eq!(good.code, 0, "{good:?}");
    let bad = quorate_end_to_end::quorate("", &["plugin", "check", env!("CARGO_MANIFEST_DIR")], "");
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.stderr.contains("FILE_FAILED"), "{bad:?}");
}

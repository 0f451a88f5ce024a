//! From nothing to a reply of one's own plugin, as the book has it.

use quorate_end_to_end::{Cluster, Output, quorate_in};
use std::path::Path;

const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/rust");

fn done(output: &Output) -> &str {
    assert_eq!(output.code, 0, "{output:?}");
    output.stdout.trim()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plugin_of_either_kind_is_built_checked_uploaded_and_replies() {
    let cluster = Cluster::start().await;
    let servers = cluster.addresses().join(",");
    let folder = cluster.folder();
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        quorate_in(folder, &servers, &arguments, "")
    };
    for (name, kind, replies) in
        [("words", "store", [("tea", "1"), ("tea", "2")]), ("sum", "memory", [("5", "5"), ("7", "12")])]
    {
        done(&run(&format!("plugin new {name} --kind {kind} --sdk {SDK}")));
        done(&run(&format!("plugin build {name}")));
        let checked = run(&format!("plugin check {name}.wasm --output json")).json();
        assert_eq!(checked["kind"], kind, "{checked}");
        done(&run(&format!("plugin upload me/{name}@1 {name}.wasm")));
        done(&run(&format!("group create me/{name} --plugin me/{name}@1")));
        for (command, expected) in replies {
            assert_eq!(done(&run(&format!("submit me/{name} {command}"))), expected);
        }
        let (last, expected) = replies[1];
        assert_eq!(done(&run(&format!("query me/{name} {last}"))), expected);
    }
    let again = run("plugin new words");
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.contains("--sdk"), "{again:?}");
    let again = run(&format!("plugin new words --sdk {SDK}"));
    assert!(again.code == 1 && again.stderr.contains("is there already"), "{again:?}");
    let manifest = folder.join(Path::new("words/Cargo.toml"));
    assert!(manifest.exists(), "what was there is left alone");
}

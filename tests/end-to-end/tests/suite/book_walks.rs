//! The pages of the book on a first plugin, done as they are written: from an empty folder to a reply of a group of three.

use quorate_end_to_end::{Cluster, Output, Walk};

async fn walk(language: &str, page: &str) {
    let cluster = Cluster::start().await;
    let Some(walk) = Walk::of(language, page, &cluster) else { return };
    let outputs = tokio::task::spawn_blocking(move || walk.done()).await.expect("the walk does not panic");
    let answers: Vec<&Output> = outputs.iter().filter(|output| output.stdout.trim() == "tea: 2").collect();
    assert_eq!(answers.len(), 1, "{outputs:?}");
    let group = cluster.quorate(&["group", "describe", "me/drinks", "--output", "json"]).json();
    assert_eq!(group["replicas"].as_array().map(Vec::len), Some(3), "{group}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_plugin_in_rust() {
    walk("rust", "plugin-in-rust.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_plugin_in_c() {
    walk("c", "plugin-in-c.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_plugin_in_javascript() {
    walk("js", "plugin-in-javascript.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_plugin_in_python() {
    walk("python", "plugin-in-python.md").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_plugin_in_go() {
    walk("go", "plugin-in-go.md").await;
}

//! Starts that are refused.

use quorate_end_to_end::{Cluster, Node, Settings, wait};
use std::fs;

fn settings() -> Settings {
    Settings { nodes: 1, ..Settings::default() }
}

/// Starts a node that is expected to end by itself with this code, and returns what it said.
fn refused(node: &mut Node, code: i32) -> String {
    node.start();
    let (status, log) = node.ended();
    assert_eq!(status.code(), Some(code), "{log}");
    log
}

fn reconfigure(node: &Node, from: &str, to: &str) {
    let before = fs::read_to_string(node.configuration()).expect("the configuration");
    let after = before.replace(from, to);
    assert_ne!(before, after, "nothing was replaced");
    fs::write(node.configuration(), after).expect("the configuration");
}

#[tokio::test]
async fn the_folder_of_another_node_or_cluster_is_refused() {
    let mut cluster = Cluster::start_with(settings()).await;
    let node = cluster.node_mut(1);
    assert!(node.terminate().success());
    reconfigure(node, "node = 1", "node = 7");
    reconfigure(node, "id = 1", "id = 7");
    let log = refused(node, 1);
    assert!(log.contains("FOLDER_OF_OTHER_NODE"), "{log}");
    reconfigure(node, "node = 7", "node = 1");
    reconfigure(node, "id = 7", "id = 1");
    reconfigure(node, "cluster = \"end-to-end\"", "cluster = \"another\"");
    let log = refused(node, 1);
    assert!(log.contains("FOLDER_OF_OTHER_NODE") && log.contains("another"), "{log}");
    reconfigure(node, "cluster = \"another\"", "cluster = \"end-to-end\"");
    node.start();
    cluster.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_folder_is_shown_as_taking_no_part() {
    let mut cluster = Cluster::start().await;
    let node = cluster.node_mut(3);
    assert!(node.terminate().success());
    fs::remove_dir_all(node.data()).expect("its data are gone");
    node.start();
    let told = wait::until("it is shown", async || {
        let status = cluster.quorate(&["node", "status", "3"]);
        if status.stdout.contains("FOLDER_LOST") { Ok(status) } else { Err(format!("{status:?}")) }
    })
    .await;
    assert!(told.code == 1 && told.stdout.contains("cure:"), "{told:?}");
    assert!(!told.stdout.contains("running") && !told.stdout.contains("not in the catalog"), "{told:?}");
    // The others notice when they next try to reach it.
    wait::until("it is listed so", async || {
        let list = cluster.quorate(&["node", "list"]);
        let said = list.stdout.contains("node 3 takes no part (FOLDER_LOST)");
        if said { Ok(()) } else { Err(format!("{list:?}")) }
    })
    .await;
}

#[tokio::test]
async fn an_address_or_a_folder_in_use_is_refused() {
    let mut cluster = Cluster::start_with(settings()).await;
    let other = cluster.folder().join("other");
    let configuration = fs::read_to_string(cluster.node(1).configuration()).expect("the configuration");
    let elsewhere = configuration.replace(&format!("{:?}", cluster.node(1).data()), &format!("{other:?}"));
    assert_ne!(configuration, elsewhere);
    let file = cluster.folder().join("other.toml");
    fs::write(&file, elsewhere).expect("a file of the test's own");
    let serve = ["serve", "--config", file.to_str().expect("UTF-8")];
    let refused = cluster.quorate(&serve);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("ADDRESS_IN_USE"), "{refused:?}");

    fs::write(&file, format!("listen = \"127.0.0.1:0\"\n{configuration}")).expect("a file of the test's own");
    let refused = cluster.quorate(&serve);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("FOLDER_IN_USE"), "{refused:?}");
    assert!(cluster.node_mut(1).terminate().success(), "the node went on");
}

#[tokio::test]
async fn a_malformed_configuration_is_refused_with_its_line() {
    let mut cluster = Cluster::prepare(&settings());
    let node = cluster.node_mut(1);
    fs::write(node.configuration(), "cluster = \"c\"\nnode = 1\nfoldre = \"data\"\n")
        .expect("the configuration");
    let log = refused(node, 2);
    assert!(log.contains("CONFIG_INVALID") && log.contains("foldre") && log.contains('3'), "{log}");
}

#[tokio::test]
async fn more_instances_than_the_system_has_memory_maps_for_are_refused() {
    let Ok(limit) = fs::read_to_string("/proc/sys/vm/max_map_count") else { return };
    let limit: u64 = limit.trim().parse().expect("a number");
    // The most that can be configured fits where the system was told to allow more.
    if limit > 4 * 30_000 {
        return;
    }
    let mut cluster = Cluster::prepare(&settings());
    let node = cluster.node_mut(1);
    let configuration = fs::read_to_string(node.configuration()).expect("the configuration");
    fs::write(node.configuration(), format!("{configuration}\n[limits]\nplugin_instances_max = 30_000\n"))
        .expect("the configuration");
    let log = refused(node, 2);
    assert!(log.contains("CONFIG_INVALID") && log.contains("sysctl -w vm.max_map_count=128192"), "{log}");
}

#[tokio::test]
async fn a_folder_of_another_format_version_is_refused() {
    let mut cluster = Cluster::start_with(settings()).await;
    let node = cluster.node_mut(1);
    assert!(node.terminate().success());
    let identity = node.data().join("identity");
    let before = fs::read_to_string(&identity).expect("a file that says whose the folder is");
    let after = before.replace("format = 1\n", "format = 99\n");
    assert_ne!(before, after, "nothing was replaced");
    fs::write(&identity, after).expect("the file");
    let log = refused(node, 1);
    assert!(log.contains("FOLDER_OF_OTHER_VERSION") && log.contains("99"), "{log}");
}

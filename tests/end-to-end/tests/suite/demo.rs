//! `quorate demo`, which starts processes of its own.

use quorate_end_to_end::{binary, component, wait};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// Two packages, one of them with two versions.
const LOCK_FILE: &str = "version = 4\n\
    [[package]]\nname = \"one\"\nversion = \"1.0.0\"\n\
    [[package]]\nname = \"two\"\nversion = \"0.2.0\"\n\
    [[package]]\nname = \"two\"\nversion = \"0.1.0\"\n";

/// A demo with a folder for temporary files of its own.
struct Demo {
    folder: TempDir,
}

impl Demo {
    fn new() -> Self {
        let folder = TempDir::with_prefix("quorate-end-to-end-").expect("a temporary folder");
        fs::create_dir(folder.path().join("temporary")).expect("a folder of the test's own");
        fs::write(folder.path().join("Cargo.lock"), LOCK_FILE).expect("a file of the test's own");
        Self { folder }
    }

    fn start(&self, plugins: &Path, arguments: &[&str]) -> Child {
        Command::new(binary())
            .arg("demo")
            .arg("--plugins")
            .arg(plugins)
            .arg("--input")
            .arg(self.folder.path().join("Cargo.lock"))
            .args(arguments)
            .env("TMPDIR", self.folder.path().join("temporary"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started")
    }

    /// With the plugins of the repository.
    fn start_well(&self, arguments: &[&str]) -> Child {
        let counter = component("counter");
        self.start(counter.parent().expect("it is in a folder"), arguments)
    }

    /// The processes of nodes, whose command lines name their folder.
    fn nodes(&self) -> Vec<String> {
        let folder = self.folder.path().join("temporary").display().to_string();
        let processes = fs::read_dir("/proc").expect("processes can be listed");
        processes
            .filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&folder))
            .collect()
    }

    /// What it left in the folder for temporary files.
    fn left(&self) -> Vec<String> {
        let left = fs::read_dir(self.folder.path().join("temporary")).expect("a folder of the test's own");
        left.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    async fn runs(&self) {
        wait::until("the nodes of the demo run", || async {
            let nodes = self.nodes();
            if nodes.len() == 3 { Ok(()) } else { Err(format!("{nodes:?}")) }
        })
        .await;
    }
}

fn ended(child: Child) -> (i32, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} could not be sent");
}

#[test]
fn it_shows_in_json_that_nothing_is_lost_with_a_leader() {
    let demo = Demo::new();
    let (code, stdout, stderr) = ended(demo.start_well(&["--increments", "2000", "--output", "json"]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    assert_eq!(report["held"], true, "{report}");
    let (kv, counter) = (&report["groups"][0], &report["groups"][1]);
    assert_eq!((&kv["name"], kv["commands"].as_u64()), (&"demo/kv".into(), Some(2)), "{report}");
    assert_eq!(counter["commands"], 2000, "{report}");
    let told = counter["acknowledged"].as_u64().zip(counter["unknown"].as_u64());
    assert_eq!(told.map(|(acknowledged, unknown)| acknowledged + unknown), Some(2000), "{report}");
    assert!(counter["failover_ms"].as_u64().is_some_and(|pause| pause > 0), "{report}");
    assert!(kv["snapshot_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{report}");
    let checks = report["checks"].as_array().expect("checks");
    assert!(checks.len() > 5 && checks.iter().all(|check| check["held"] == true), "{report}");
    let killed = &report["killed"];
    let leaders = report["leaders"].as_array().expect("leaders");
    let of_counter: Vec<_> = leaders.iter().filter(|leader| leader["group"] == "demo/counter").collect();
    assert!(of_counter.len() > 1, "{report}");
    assert!(of_counter.iter().any(|leader| leader["term"] == killed["term"]), "{report}");
    assert_eq!((demo.nodes(), demo.left()), (vec![], vec![]), "nothing is left");
}

#[test]
fn a_failure_names_the_folder_that_it_keeps_and_leaves_no_process() {
    let demo = Demo::new();
    let (code, stdout, stderr) = ended(demo.start(demo.folder.path(), &[]));
    assert_eq!((code, stdout.as_str()), (1, ""), "there are no plugins: {stderr}");
    assert!(stderr.contains("counter.wasm") && stderr.contains("code: FILE_FAILED"), "{stderr}");
    let left = demo.left();
    assert!(left.len() == 1 && stderr.contains(&left[0]), "{left:?}: {stderr}");
    let log = demo.folder.path().join("temporary").join(&left[0]).join("node-1/start-1.log");
    assert!(fs::read_to_string(log).is_ok_and(|log| !log.is_empty()), "its log is kept");
    assert_eq!(demo.nodes(), Vec::<String>::new());
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing() {
    let demo = Demo::new();
    let child = demo.start_well(&["--increments", "1000000"]);
    demo.runs().await;
    signal(&child, "-INT");
    let (code, _, stderr) = ended(child);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("code: INTERRUPTED"), "{stderr}");
    assert_eq!((demo.nodes(), demo.left()), (vec![], vec![]), "nothing is left");
}

#[tokio::test]
async fn the_nodes_of_a_demo_that_was_killed_end_by_themselves() {
    let demo = Demo::new();
    let child = demo.start_well(&["--increments", "1000000"]);
    demo.runs().await;
    signal(&child, "-KILL");
    ended(child);
    wait::until("its nodes are gone", || async {
        let nodes = demo.nodes();
        if nodes.is_empty() { Ok(()) } else { Err(format!("{nodes:?}")) }
    })
    .await;
}

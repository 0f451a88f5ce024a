//! A disk without room.

use quorate_end_to_end::{Cluster, Settings, ask, wait};
use quorate_proto::{reason, v1::Consistency};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

const VICTIM: u64 = 3;
/// The size of its disk.
const DISK: &str = "size=48m";

/// A small disk, which is taken away at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this is not allowed.
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).expect("a folder of the test's own");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that is being killed may hold it for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file of the test's own");
    for block in [1 << 16, 1 << 10, 1] {
        let bytes = vec![7; block];
        while file.write_all(&bytes).is_ok() {}
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
async fn a_node_without_room_says_so_and_is_well_again_once_it_has_some() {
    let mut cluster = Cluster::prepare(&Settings::default());
    let data = cluster.node(VICTIM).data();
    let Some(_disk) = SmallDisk::mount(&data) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    for node in [1, 2, 3] {
        cluster.node_mut(node).start();
    }
    cluster.ready().await;
    cluster.upload("kv").await;
    cluster.create("pairs", "kv").await;
    assert_eq!(cluster.reply("pairs", "put before full").await, "ok");
    cluster.replicas_are_equal("pairs").await;

    let ballast = data.join("lost+found");
    fill(&ballast);
    // Until its log has met the end of the disk. The others acknowledge without it.
    let value = "x".repeat(10_000);
    let mut acknowledged = 0;
    let said = loop {
        assert_eq!(
            cluster.reply("pairs", &format!("put key-{acknowledged} {value}{acknowledged}")).await,
            "ok"
        );
        acknowledged += 1;
        assert!(acknowledged < 5000, "the disk is never full");
        if let Err(status) = cluster.query_at(VICTIM, "pairs", "get before", Consistency::Local).await
            && [reason::STORAGE_FULL, reason::REPLICA_FAILED].contains(&ask::reason_of(&status).as_str())
        {
            break status;
        }
    };
    assert!(said.message().contains("No space left"), "{said:?}");
    assert_eq!(cluster.answer("pairs", "get before").await, "full");

    cluster.node_mut(VICTIM).kill();
    fs::remove_file(&ballast).expect("a file of the test's own");
    cluster.node_mut(VICTIM).start();
    cluster.ready().await;
    cluster.replicas_are_equal("pairs").await;
    for key in 0..acknowledged {
        let request = format!("get key-{key}");
        let answered = wait::until("its own answer", || async {
            let answered = cluster.query_at(VICTIM, "pairs", &request, Consistency::Local).await;
            answered.map_err(|status| status.message().to_owned())
        })
        .await;
        assert_eq!(ask::reply(answered.outcome.as_ref()), format!("{value}{key}"));
    }
}

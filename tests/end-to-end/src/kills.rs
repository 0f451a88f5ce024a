//! Nodes that are killed at random, one at a time, while clients submit.

use crate::{Cluster, Settings, wait};
use quorate_client::{Client, ClientConfig, Consistency, Outcome};
use quorate_proto::v1::ReplicaState;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// The election timeout that these nodes are configured with.
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Clients of each of the two groups.
const CLIENTS: u64 = 3;
/// Commands that are acknowledged between one kill and the next, of each group.
const COMMANDS_BETWEEN: u64 = 20;
/// How long a client tries one command.
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
/// The keys that are asked for in one query.
const KEYS_ASKED: usize = 200;

/// What came of one kill.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// The node.
    pub node: u64,
    /// Whether it led the group that is measured.
    pub led: bool,
    /// From the kill to the acknowledgement of a command that was sent after it.
    pub pause: Duration,
}

/// What came of all of them.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    /// One after the other.
    pub kills: Vec<Kill>,
    /// Commands that were acknowledged, all of which are there.
    pub acknowledged: u64,
    /// Commands of which nobody knows, and which may be there.
    pub unknown: u64,
}

/// What clients were told of the commands of both groups.
#[derive(Default)]
struct Told {
    added: AtomicU64,
    added_unknown: AtomicU64,
    put: Mutex<BTreeSet<String>>,
    put_unknown: AtomicU64,
    /// When the last command to the counter that was acknowledged had been sent.
    last_sent: watch::Sender<Option<Instant>>,
    stop: AtomicBool,
}

impl Told {
    fn counts(&self) -> (u64, u64) {
        let put = self.put.lock().unwrap_or_else(PoisonError::into_inner).len();
        (self.added.load(Ordering::Relaxed), put as u64)
    }

    async fn add(self: Arc<Self>, client: Client) {
        while !self.stop.load(Ordering::Relaxed) {
            let sent = Instant::now();
            match client.submit("test/count", "add 1").await {
                Ok(_) => {
                    self.added.fetch_add(1, Ordering::Relaxed);
                    self.last_sent.send_modify(|last| *last = (*last).max(Some(sent)));
                }
                Err(error) if error.outcome_unknown() => {
                    self.added_unknown.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
    }

    async fn put(self: Arc<Self>, client: Client, number: u64) {
        for step in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("key-{number}-{step}");
            match client.submit("test/pairs", format!("put {key} {key}")).await {
                Ok(_) => {
                    self.put.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
                }
                Err(error) if error.outcome_unknown() => {
                    self.put_unknown.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
    }
}

/// Kills a node of three so many times, and starts it again each time, while clients add to a counter and put pairs.
/// `told` hears of each kill. `seed` says which nodes.
///
/// # Panics
/// When an acknowledged command is lost or applied twice, replicas differ, or a node does not come back by itself.
pub async fn rounds(rounds: u64, seed: u64, mut heard: impl FnMut(&Kill)) -> Kills {
    let election_ms = ELECTION_TIMEOUT.as_millis();
    let configuration = format!(
        "[timeouts]\nelection_ms = {election_ms}\n[snapshots]\nentries = 500\nlog_margin_entries = 50\n"
    );
    let mut cluster = Cluster::start_with(Settings { configuration, ..Settings::default() }).await;
    cluster.upload("counter").await;
    cluster.upload("kv").await;
    cluster.create("count", "counter").await;
    cluster.create("pairs", "kv").await;

    let config = ClientConfig { deadline: COMMAND_DEADLINE, ..ClientConfig::default() };
    let client = Client::lazy(cluster.addresses(), config).expect("addresses");
    let told = Arc::new(Told::default());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(told.clone().add(client.clone()));
        clients.spawn(told.clone().put(client.clone(), number));
    }

    let mut random = seed;
    let mut kills = Kills::default();
    for _ in 0..rounds {
        progress(&told).await;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let node = (random >> 33) % 3 + 1;
        let led = cluster.leader("count").await == node;
        let killed = Instant::now();
        cluster.node_mut(node).kill();
        let mut last_sent = told.last_sent.subscribe();
        let acknowledged = last_sent.wait_for(|sent| sent.is_some_and(|sent| sent > killed));
        // What it gives locks the channel, and is not to be kept.
        let is_acknowledged = tokio::time::timeout(wait::PATIENCE, acknowledged).await.is_ok();
        assert!(is_acknowledged, "no command is acknowledged after node {node} was killed");
        let kill = Kill { node, led, pause: killed.elapsed() };
        heard(&kill);
        kills.kills.push(kill);
        cluster.node_mut(node).start();
        caught_up(&cluster, node).await;
    }
    progress(&told).await;
    told.stop.store(true, Ordering::Relaxed);
    clients.join_all().await;

    cluster.ready().await;
    cluster.replicas_are_equal("count").await;
    cluster.replicas_are_equal("pairs").await;
    check(&cluster, &client, &told).await;
    let (added, put) = told.counts();
    kills.acknowledged = added + put;
    kills.unknown = told.added_unknown.load(Ordering::Relaxed) + told.put_unknown.load(Ordering::Relaxed);
    kills
}

/// Waits until clients of both groups have had some more acknowledged.
async fn progress(told: &Told) {
    let (added, put) = told.counts();
    wait::until("clients make progress", || async {
        let now = told.counts();
        let is_there = now.0 >= added + COMMANDS_BETWEEN && now.1 >= put + COMMANDS_BETWEEN;
        if is_there { Ok(()) } else { Err(format!("{now:?} after {:?}", (added, put))) }
    })
    .await;
}

/// Waits until a node that was started has applied what the others had by then: the next kill must leave a majority.
async fn caught_up(cluster: &Cluster, node: u64) {
    cluster.ready().await;
    for group in ["count", "pairs"] {
        let others = cluster.nodes().iter().map(crate::Node::id).filter(|other| *other != node);
        let mut applied = 0;
        for other in others {
            applied = applied.max(cluster.replica(other, group).await.map_or(0, |replica| replica.applied));
        }
        wait::until(&format!("node {node} has caught up with {group}"), || async {
            let replica = cluster.replica(node, group).await?;
            let is_well = replica.state() == ReplicaState::Running && replica.applied >= applied;
            if is_well { Ok(()) } else { Err(format!("{replica:?}, and others were at {applied}")) }
        })
        .await;
    }
}

/// Compares what is there with what was acknowledged.
async fn check(cluster: &Cluster, client: &Client, told: &Told) {
    let value: u64 = cluster.answer("count", "get").await.parse().expect("a number");
    let added = told.added.load(Ordering::Relaxed);
    let unknown = told.added_unknown.load(Ordering::Relaxed);
    assert!(value >= added, "{added} were acknowledged and {value} are there");
    assert!(value <= added + unknown, "{value} are there, {added} acknowledged and {unknown} unknown");
    let put: Vec<String> = told.put.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    for keys in put.chunks(KEYS_ASKED) {
        let request = format!("multi-get {}", keys.join(" "));
        let queried = client.query("test/pairs", request, Consistency::Linearizable).await.expect("answered");
        let Outcome::Reply(answer) = queried.outcome else { panic!("{queried:?}") };
        let expected: Vec<String> = keys.iter().map(|key| format!("{key} {key}")).collect();
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer.lines().collect::<Vec<_>>(), expected, "an acknowledged pair is not there");
    }
}

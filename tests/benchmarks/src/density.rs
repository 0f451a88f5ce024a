//! What groups cost that nobody uses.

use crate::{
    figures::{line, milliseconds, percentile, ratio, say},
    process,
};
use clap::{Args, ValueEnum};
use futures::{StreamExt, stream};
use quorate_client::{Client, ClientConfig, CreateGroupRequest};
use quorate_end_to_end::Cluster;
use std::time::{Duration, Instant};

/// Groups that are being created at a time.
const CREATES_IN_FLIGHT: usize = 32;
/// How long a client tries one request.
const DEADLINE: Duration = Duration::from_secs(60);
/// Groups whose first reply is measured, at most.
const WOKEN: u64 = 300;
/// The pause between two looks at who sleeps.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// How long all may take to fall asleep.
const SLEEP_PATIENCE: Duration = Duration::from_secs(120);

/// A plugin of the repository.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Machine {
    /// A store machine, `kv`: holds no instance while it is idle
    #[default]
    Store,
    /// A memory machine, `counter`: its state is in the memory of an instance
    Memory,
}

impl Machine {
    fn plugin(self) -> &'static str {
        match self {
            Self::Store => "kv",
            Self::Memory => "counter",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Store => "put key value",
            Self::Memory => "add 1",
        }
    }
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many groups, each with a replica on all three nodes
    #[arg(long, default_value_t = 1000)]
    groups: u64,
    /// What they run
    #[arg(long, value_enum, default_value_t)]
    machine: Machine,
    /// For how long the nodes are watched while all sleeps, in seconds
    #[arg(long, default_value_t = 10)]
    idle_seconds: u64,
}

pub(crate) async fn run(arguments: &Arguments) {
    let cluster = Cluster::start().await;
    let machine = arguments.machine;
    cluster.upload(machine.plugin()).await;
    let config = ClientConfig { deadline: DEADLINE, ..ClientConfig::default() };
    let client = Client::lazy(cluster.addresses(), config).expect("addresses");
    // One that is used, so that what the first group costs is not counted.
    cluster.create("first", machine.plugin()).await;
    cluster.reply("first", machine.command()).await;
    let processes: Vec<u32> = cluster.nodes().iter().filter_map(quorate_end_to_end::Node::process).collect();
    let resident = || processes.iter().map(|process| process::resident_bytes(*process)).collect::<Vec<_>>();
    let cpu = || processes.iter().map(|process| process::cpu_time(*process)).collect::<Vec<_>>();
    let empty = resident();

    say(&format!("creating {} groups", arguments.groups));
    let (begun, cpu_before) = (Instant::now(), cpu());
    let creates = stream::iter(0..arguments.groups).map(|number| create(&client, machine, number));
    creates.buffer_unordered(CREATES_IN_FLIGHT).collect::<()>().await;
    let created = begun.elapsed();
    let all = usize::try_from(arguments.groups).expect("fewer groups than memory");
    let running = until(&client, &cluster, "replicas run", |counts| counts.running >= all).await;
    let ready = begun.elapsed();
    let spent: Vec<String> =
        cpu().iter().zip(&cpu_before).map(|(now, then)| cores(*now - *then, ready)).collect();
    line(&format!(
        "creating {} groups: {:.1} s until the last was answered, {:.1} s until all their replicas ran; cores used: {}",
        arguments.groups,
        created.as_secs_f64(),
        ready.as_secs_f64(),
        spent.join(", ")
    ));
    if !running {
        return line("the replicas did not all come to run: nothing else is measured");
    }
    let asleep = until(&client, &cluster, "replicas sleep", |counts| counts.asleep >= all).await;
    if !asleep {
        line("not all replicas fell asleep: what follows counts those that are awake");
    }

    let (watched, cpu_before) = (Instant::now(), cpu());
    tokio::time::sleep(Duration::from_secs(arguments.idle_seconds)).await;
    let watched = watched.elapsed();
    let idle: Vec<String> =
        cpu().iter().zip(&cpu_before).map(|(now, then)| cores(*now - *then, watched)).collect();
    line(&format!("cores used by each node while all sleeps: {} (goal: 0.020)", idle.join(", ")));
    let held: Vec<String> = resident()
        .iter()
        .zip(&empty)
        .map(|(now, then)| format!("{:.1}", now.saturating_sub(*then) as f64 / 1024.0 / all as f64))
        .collect();
    line(&format!("memory of a sleeping replica on each node, in KiB: {} (goal: 16)", held.join(", ")));
    replies(&client, machine, arguments.groups).await;
}

async fn create(client: &Client, machine: Machine, number: u64) {
    let request = CreateGroupRequest {
        name: format!("test/idle-{number}"),
        plugin: format!("test/{}@1", machine.plugin()),
        ..CreateGroupRequest::default()
    };
    client.create_group(request).await.expect("created");
}

/// How many cores that is.
fn cores(used: Duration, of: Duration) -> String {
    format!("{:.3}", ratio(used, of))
}

/// The fewest of any node.
struct Counts {
    running: usize,
    asleep: usize,
}

/// Waits until that is so on all nodes. False when it is not within the patience.
async fn until(client: &Client, cluster: &Cluster, what: &str, is_done: impl Fn(&Counts) -> bool) -> bool {
    let begun = Instant::now();
    loop {
        let mut counts = Counts { running: usize::MAX, asleep: usize::MAX };
        for address in cluster.addresses() {
            let status = client.node_status_at(&address).await.expect("the node answers");
            let idle =
                || status.replicas.iter().filter(|replica| replica.group_name.starts_with("test/idle-"));
            let running = idle().filter(|replica| replica.applied > 0).count();
            let asleep = idle().filter(|replica| replica.asleep).count();
            counts = Counts { running: counts.running.min(running), asleep: counts.asleep.min(asleep) };
        }
        if is_done(&counts) {
            return true;
        }
        say(&format!("waiting until all {what}: {} run, {} sleep", counts.running, counts.asleep));
        if begun.elapsed() > SLEEP_PATIENCE {
            return false;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The first reply of groups that sleep, beside the second.
async fn replies(client: &Client, machine: Machine, groups: u64) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let step = groups.div_ceil(WOKEN).max(1);
    for number in (0..groups).step_by(usize::try_from(step).expect("a small number")) {
        for times in [&mut first, &mut second] {
            let asked = Instant::now();
            client.submit(&format!("test/idle-{number}"), machine.command()).await.expect("a reply");
            times.push(asked.elapsed());
        }
    }
    let [p50, p99] = [50, 99].map(|percent| percentile(&first, percent));
    line(&format!(
        "first reply of {} sleeping groups: p50 {:.1} ms, p99 {:.1} ms (goal: 20); {:.2} and {:.2} times the next reply",
        first.len(),
        milliseconds(p50),
        milliseconds(p99),
        ratio(p50, percentile(&second, 50)),
        ratio(p99, percentile(&second, 99))
    ));
}

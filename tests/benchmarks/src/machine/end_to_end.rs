//! Commands from a client through a group of one node, with its log on disk: one node runs the component, another one the
//! same logic as native code.

use super::{
    Subject, Subjects,
    driver::commands,
    table::{Goal, Table},
};
use futures::{StreamExt, stream::FuturesUnordered};
use quorate_client::{Client, ClientConfig, CreateGroupRequest};
use quorate_replica::ports::Plugin;
use quorate_server::{
    api::{self, ApiConfig, ApiServer},
    node::{NodeConfig, PluginLoader, RunningNode},
};
use quorate_vocabulary::{MachineKind, NodeId, PluginDigest};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Commands on their way at a time.
const IN_FLIGHT: usize = 512;
const COMMAND_BYTES: usize = 64;
/// How long a client tries one request.
const DEADLINE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);
/// For so many rounds of one measurement elsewhere there are two: what a busy machine does to one hardly touches the median.
const ROUNDS_PER_ROUND: usize = 2;
const ROUNDS_MAX: usize = 40;
/// The first rounds, in which the nodes warm up, do not count.
const ROUNDS_FIRST: usize = 2;

/// Runs native code in the place of the two plugins.
struct NativeLoader(Vec<(PluginDigest, Arc<dyn Plugin>)>);

impl PluginLoader for NativeLoader {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Plugin>, String> {
        let digest = PluginDigest::of(bytes);
        let known = self.0.iter().find(|(known, _)| *known == digest);
        known.map(|(_, plugin)| plugin.clone()).ok_or_else(|| "no native code for this plugin".to_owned())
    }
}

/// A node in this process, served on a port.
struct Served {
    client: Client,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Served {
    async fn start(loader: Option<Arc<dyn PluginLoader>>) -> Self {
        let listener = api::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let folder = TempDir::new().expect("a folder");
        let founders = vec![(NodeId(1), address.clone())];
        let config = NodeConfig::new("bench", NodeId(1), folder.path().join("data"), founders);
        let node = RunningNode::start_with(config, loader).await.expect("the node starts");
        let server = ApiServer::new(node.handle(), "bench".to_owned(), ApiConfig::default())
            .add_service(node.peer_service());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move {
            server.serve(listener, stopped, PATIENCE, node.shut_down()).await.expect("it serves");
        });
        let config =
            ClientConfig { deadline: DEADLINE, pipeline_commands_max: IN_FLIGHT, ..ClientConfig::default() };
        let client = Client::lazy([address], config).expect("an address");
        Self { client, stop, serving, _folder: folder }
    }

    async fn create(&self, subject: &Subject) {
        let reference = format!("bench/tally-{}@1", subject.kind);
        let uploaded = self.client.upload_plugin(&reference, subject.bytes.clone(), |_| {}).await;
        uploaded.expect("it is published");
        let request = CreateGroupRequest {
            name: name(subject.kind),
            plugin: reference,
            ..CreateGroupRequest::default()
        };
        self.client.create_group(request).await.expect("a group");
    }

    /// Commands that are answered in a second.
    async fn throughput(&self, kind: MachineKind, time: Duration) -> f64 {
        let commands = commands(1_000, COMMAND_BYTES);
        let mut next = commands.iter().cycle();
        let mut pipeline = self.client.pipeline(&name(kind));
        let mut waiting = FuturesUnordered::new();
        let (begun, mut answered) = (Instant::now(), 0_u32);
        while begun.elapsed() < time {
            let command = next.next().expect("a cycle has no end").clone();
            tokio::select! {
                biased;
                given = pipeline.submit(command) => waiting.push(given.expect("it is taken")),
                Some(answer) = waiting.next() => {
                    answer.expect("it is answered");
                    answered += 1;
                }
            }
            while let Some(Some(answer)) = futures::FutureExt::now_or_never(waiting.next()) {
                answer.expect("it is answered");
                answered += 1;
            }
        }
        let per_second = f64::from(answered) / begun.elapsed().as_secs_f64();
        while let Some(answer) = waiting.next().await {
            answer.expect("it is answered");
        }
        pipeline.finish().await;
        per_second
    }

    async fn stop(self) {
        self.stop.cancel();
        self.serving.await.expect("it ends");
    }
}

fn name(kind: MachineKind) -> String {
    format!("bench/{kind}")
}

pub(super) async fn measure(subjects: &Subjects, rounds: u32, load_ms: u64) -> Table {
    let natives = [&subjects.memory, &subjects.store]
        .map(|subject| (subject.component.digest(), subject.native.clone()))
        .to_vec();
    let nodes = [Served::start(Some(Arc::new(NativeLoader(natives)))).await, Served::start(None).await];
    for node in &nodes {
        node.create(&subjects.memory).await;
        node.create(&subjects.store).await;
    }
    let head = ["commands in a second", "native", "component", "of native", "goal"];
    let mut table = Table::new("From a client through a group of one node, its log on disk", &head);
    for kind in [MachineKind::Memory, MachineKind::Store] {
        let mut ratios = Vec::new();
        let mut best = [0.0_f64; 2];
        for number in 0..ROUNDS_FIRST + (rounds as usize * ROUNDS_PER_ROUND).clamp(1, ROUNDS_MAX) {
            let mut round = [0.0; 2];
            // In turns, each first as often as the other.
            for turn in 0..2 {
                let which = (number + turn) % 2;
                round[which] = nodes[which].throughput(kind, Duration::from_millis(load_ms)).await;
            }
            if number < ROUNDS_FIRST {
                continue;
            }
            best = [best[0].max(round[0]), best[1].max(round[1])];
            ratios.push(round[1] / round[0]);
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        let what = format!("{kind} machine, {COMMAND_BYTES} B, {IN_FLIGHT} on their way");
        let shown = format!("{ratio:.2}");
        table.row_with(
            [what, format!("{:.0}", best[0]), format!("{:.0}", best[1])],
            ratio,
            shown,
            Goal::RatioAtLeast(0.9),
        );
    }
    for node in nodes {
        node.stop().await;
    }
    table
}

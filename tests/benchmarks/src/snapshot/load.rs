//! Commands that are submitted one after the other, and beside them probes of what they share: the disk and the cores.

use crate::{
    figures::{percentile, ratio},
    process,
};
use quorate_client::Client;
use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What is written and synced at a time, beside the commands.
const SYNCED_BYTES: usize = 512;
/// The pause between two such writes: few enough that they do not weigh themselves.
const SYNC_PAUSE: Duration = Duration::from_millis(10);
/// How long the thread sleeps whose wakings are watched.
const NAP: Duration = Duration::from_millis(2);

/// One client that submits small commands, one after the other.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    commands: tokio::task::JoinHandle<Vec<Duration>>,
    syncs: JoinHandle<Vec<Duration>>,
    late: JoinHandle<Vec<Duration>>,
    processes: Vec<u32>,
    cpu: Vec<Duration>,
    begun: Instant,
}

/// What came of it.
pub(super) struct Measured {
    /// How long commands took.
    pub(super) commands: Vec<Duration>,
    /// How long a small synced write took.
    pub(super) syncs: Vec<Duration>,
    /// How late a thread woke that slept.
    pub(super) late: Vec<Duration>,
    /// The cores that each node used.
    pub(super) cores: Vec<String>,
}

impl Measured {
    pub(super) fn p99(&self) -> Duration {
        percentile(&self.commands, 99)
    }
}

impl Load {
    pub(super) fn start(client: &Client, folder: &Path, processes: &[u32]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (client, stopped) = (client.clone(), stop.clone());
        let commands = tokio::spawn(async move {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                client.submit("test/pairs", "put small value").await.expect("acknowledged");
                times.push(sent.elapsed());
            }
            times
        });
        let mut file = File::create(folder.join("synced")).expect("a file of the bench's own");
        let sync = move || {
            let begun = Instant::now();
            file.write_all(&[7; SYNCED_BYTES]).and_then(|()| file.sync_data()).expect("room");
            let took = begun.elapsed();
            thread::sleep(SYNC_PAUSE);
            took
        };
        let nap = || {
            let begun = Instant::now();
            thread::sleep(NAP);
            begun.elapsed().saturating_sub(NAP)
        };
        let (syncs, late) = (again_and_again(&stop, sync), again_and_again(&stop, nap));
        let processes = processes.to_vec();
        let cpu = processes.iter().map(|process| process::cpu_time(*process)).collect();
        Self { stop, commands, syncs, late, processes, cpu, begun: Instant::now() }
    }

    pub(super) async fn end(self) -> Measured {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.begun.elapsed();
        let used = |(process, before): (&u32, &Duration)| process::cpu_time(*process).saturating_sub(*before);
        let cores = self.processes.iter().zip(&self.cpu).map(used);
        let cores = cores.map(|used| format!("{:.2}", ratio(used, took))).collect();
        Measured {
            commands: self.commands.await.expect("it does not panic"),
            syncs: self.syncs.join().expect("it does not panic"),
            late: self.late.join().expect("it does not panic"),
            cores,
        }
    }
}

/// Does this on a thread of its own until it is stopped.
fn again_and_again(
    stop: &Arc<AtomicBool>,
    mut work: impl FnMut() -> Duration + Send + 'static,
) -> JoinHandle<Vec<Duration>> {
    let stop = stop.clone();
    thread::spawn(move || {
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            times.push(work());
        }
        times
    })
}

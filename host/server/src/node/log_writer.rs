//! The one thread that writes to the log's disk: whatever waits, of all groups, goes into one synced write.

use super::{registry::Registry, services::Services, storage_health::StorageHealth};
use quorate_consensus::{Configuration, Input, LogPoint, Persist};
use quorate_storage::{RaftBatch, RaftStore, StorageError};
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// A round takes up to so many pieces of work, so that a single write stays bounded.
const WORK_PER_ROUND_MAX: usize = 1024;

/// What the log writer is handed. The order within a group is kept.
pub(super) enum LogWork {
    /// Consensus wants this on disk.
    Persist(Persist),
    /// A snapshot covers the log up to here.
    Cut { group: GroupId, truncated: LogPoint, configuration: Configuration },
    /// The replica is gone for ever.
    Remove { group: GroupId, replica: ReplicaId, done: oneshot::Sender<Result<(), StorageError>> },
}

/// Starts the thread. It ends when the sender is dropped and everything is written.
pub(super) fn start(
    store: Arc<RaftStore>,
    services: Services,
    registry: Arc<Registry>,
    health: Arc<StorageHealth>,
) -> io::Result<(mpsc::Sender<LogWork>, JoinHandle<()>)> {
    // Without a bound of its own: consensus bounds what is not yet persisted of each group.
    let (sender, receiver) = mpsc::channel();
    let writer = LogWriter { store, services, registry, health };
    let run = move || {
        if catch_unwind(AssertUnwindSafe(|| writer.run(&receiver))).is_err() {
            writer.failed("the thread that writes the log panicked".to_owned());
        }
    };
    let thread = thread::Builder::new().name("log-writer".to_owned()).spawn(run)?;
    Ok((sender, thread))
}

struct LogWriter {
    store: Arc<RaftStore>,
    services: Services,
    registry: Arc<Registry>,
    health: Arc<StorageHealth>,
}

impl LogWriter {
    fn run(&self, waiting: &mpsc::Receiver<LogWork>) {
        while let Ok(first) = waiting.recv() {
            let round: Vec<LogWork> =
                std::iter::once(first).chain(waiting.try_iter().take(WORK_PER_ROUND_MAX - 1)).collect();
            if self.health.failure().is_some() {
                // It is not known what is on disk any more: nothing may be promised until the node is restarted.
                continue;
            }
            self.write(round);
        }
    }

    fn write(&self, round: Vec<LogWork>) {
        let mut batch = RaftBatch::new();
        let mut persisted: BTreeMap<GroupId, u64> = BTreeMap::new();
        let mut removed = Vec::new();
        for work in round {
            match work {
                LogWork::Persist(persist) => {
                    persisted.insert(persist.group, persist.number);
                    batch.persist(persist);
                }
                LogWork::Cut { group, truncated, configuration } => {
                    batch.cut(group, truncated, configuration);
                }
                LogWork::Remove { group, replica, done } => {
                    persisted.remove(&group);
                    batch.remove(group, replica);
                    removed.push(done);
                }
            }
        }
        match self.store.write(batch) {
            Ok(()) => {
                let inputs = persisted.into_iter().map(|(group, number)| Input::Persisted { group, number });
                self.services.inbox.feedback(inputs);
                for done in removed {
                    let _ = done.send(Ok(()));
                }
            }
            Err(error) => self.failed(error.to_string()),
        }
    }

    /// Nothing may be promised any more: the groups of this node go on without it.
    fn failed(&self, why: String) {
        tracing::error!(why, "the log cannot be written; this node takes no part until it is restarted");
        self.health.fail(why);
        let groups = self.registry.all().into_iter().map(|replica| replica.shared.group);
        self.services.inbox.feedback(groups.map(|group| Input::Close { group }));
    }
}

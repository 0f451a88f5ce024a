//! The one thread that writes to the log's disk: whatever waits, of all groups, goes into one synced write.

use super::{apply_worker::ApplyWork, registry::Registry, services::Services, storage_health::StorageHealth};
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
            if !self.health.is_sound() {
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
        match self.store.write_by_group(batch) {
            Ok(refused) => {
                for (group, error) in refused {
                    persisted.remove(&group);
                    self.refused(group, &error);
                }
                let inputs = persisted.into_iter().map(|(group, number)| Input::Persisted { group, number });
                self.services.inbox.feedback(inputs);
                for done in removed {
                    let _ = done.send(Ok(()));
                }
            }
            Err(error) => self.failed(error.to_string()),
        }
    }

    /// What one group wanted does not fit what it has on disk: the others have been written all the same.
    fn refused(&self, group: GroupId, error: &StorageError) {
        if matches!(error, StorageError::NoReplica { .. }) {
            tracing::debug!(%group, "dropped what a replica that is gone still had to write");
            return;
        }
        tracing::error!(%group, %error, "what a replica wants to write does not fit its log");
        match self.registry.get(group) {
            Some(replica) => replica.apply(ApplyWork::Fail(error.to_string())),
            None => {
                if let Some(witness) = self.registry.witness(group) {
                    witness.fail(error.to_string());
                }
                self.services.inbox.feedback([Input::Close { group }]);
            }
        }
    }

    /// Nothing may be promised any more: the groups of this node go on without it.
    fn failed(&self, why: String) {
        tracing::error!(why, "the log cannot be written; this node takes no part until it is restarted");
        self.health.fail(why);
        let groups = self.registry.groups().into_iter();
        self.services.inbox.feedback(groups.map(|group| Input::Close { group }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{
        inbox::{ShardInbox, ShardItem},
        waiters::Waiters,
    };
    use quorate_consensus::{HardState, LogEntry};
    use quorate_storage::{DataFolder, NewReplica, NodeIdentity};
    use quorate_vocabulary::NodeId;
    use std::time::Duration;

    const HERE: GroupId = GroupId(7);
    const REMOVED: GroupId = GroupId(5);

    fn persist(group: GroupId, first: u64) -> LogWork {
        let entry = LogEntry { index: first, term: 1, data: bytes::Bytes::from_static(&[1, 1, 1]) };
        let hard_state = Some(HardState { term: 1, vote: None, commit: 1 });
        LogWork::Persist(Persist { group, number: 4, restored: None, entries: vec![entry], hard_state })
    }

    /// What the shard is told after one round of this work, and whether the disk passes for sound.
    fn told(round: Vec<LogWork>) -> (Vec<Input>, bool) {
        let disk = tempfile::tempdir().expect("a folder");
        let identity = NodeIdentity { cluster: "test".to_owned(), node: NodeId(1) };
        let store = DataFolder::open(disk.path().join("data"), identity).expect("opened").raft();
        let mut batch = RaftBatch::new();
        for group in [HERE, GroupId(8)] {
            batch.create(NewReplica::bootstrap(group, ReplicaId(1), Vec::new()));
        }
        store.write(batch).expect("written");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let inbox = Arc::new(ShardInbox::new(1));
        let services = Services {
            node: NodeId(1),
            inbox: inbox.clone(),
            waiters: Arc::<Waiters>::default(),
            lacking: tokio::sync::mpsc::unbounded_channel().0,
            attesting: tokio::sync::mpsc::channel(1).0,
            leading: Arc::default(),
            healing: Arc::default(),
            runtime: runtime.handle().clone(),
        };
        let health = Arc::<StorageHealth>::default();
        let writer = LogWriter { store, services, registry: Arc::default(), health: health.clone() };
        writer.write(round);
        let mut items = Vec::new();
        inbox.take(&mut items, Duration::ZERO);
        let inputs = items.into_iter().filter_map(|item| match item {
            ShardItem::Input(input) => Some(input),
            ShardItem::Statuses(_) | ShardItem::Retire(_) => None,
        });
        (inputs.collect(), health.is_sound())
    }

    #[test]
    fn what_a_removed_replica_still_had_to_write_is_dropped_and_all_else_is_written() {
        let cut = LogWork::Cut {
            group: REMOVED,
            truncated: LogPoint { index: 9, term: 1 },
            configuration: Configuration::default(),
        };
        let told = told(vec![persist(REMOVED, 2), persist(HERE, 2), cut]);
        assert_eq!(told, (vec![Input::Persisted { group: HERE, number: 4 }], true));
    }

    #[test]
    fn a_write_that_does_not_fit_stops_its_group_and_no_other() {
        let told = told(vec![persist(HERE, 99), persist(GroupId(8), 2)]);
        let close = Input::Close { group: HERE };
        assert_eq!(told, (vec![close, Input::Persisted { group: GroupId(8), number: 4 }], true));
    }

    #[test]
    fn a_replica_whose_last_write_does_not_fit_is_removed_all_the_same() {
        let (done, removed) = oneshot::channel();
        let (_, sound) =
            told(vec![persist(HERE, 99), LogWork::Remove { group: HERE, replica: ReplicaId(1), done }]);
        assert!(sound && matches!(removed.blocking_recv(), Ok(Ok(()))));
    }
}

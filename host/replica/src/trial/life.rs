//! One replica of a trial.

use super::{Subject, TrialFailure, log::Entry};
use crate::{
    CheckpointPolicy, CommittedEntry, Configuration, EntryResult, Observer, Replica, ReplicaFault,
    ReplicaStart,
    ports::{AppliedPoint, GroupInfo, HostFault, Instance, LifecycleEvent},
    testing::{MemoryHistory, MemorySnapshots, MemoryStore},
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, Member, MemberRole, NameError, NodeId, ReplicaId};
use std::sync::Arc;

/// A number that no group ever has.
const GROUP: GroupId = GroupId(u64::MAX);
const GROUP_NAME: &str = "check/trial";
const TERM: u64 = 1;

/// What came of an entry, and where the replica stood then.
pub(crate) struct Record {
    pub(crate) result: EntryResult,
    pub(crate) applied: AppliedPoint,
    /// The bytes that were saved there.
    pub(crate) saved: Option<Bytes>,
}

pub(crate) struct Life {
    start: ReplicaStart,
    pub(crate) replica: Replica,
    observer: Observer,
    history: Arc<MemoryHistory>,
    pub(crate) state: MemoryStore,
    pub(crate) snapshots: MemorySnapshots,
    /// Instances that are only there, so that others lie elsewhere in memory.
    ballast: Vec<Box<dyn Instance>>,
}

fn host(fault: ReplicaFault) -> TrialFailure {
    TrialFailure::Host(fault)
}

impl Life {
    pub(crate) fn begin(subject: &Subject) -> Result<Self, TrialFailure> {
        let name = GROUP_NAME.parse().map_err(|error: NameError| {
            host(ReplicaFault::while_doing("naming a group")(HostFault::because(error.to_string())))
        })?;
        let member = Member { replica: ReplicaId(1), node: NodeId(1), role: MemberRole::Voter };
        let (state, snapshots) = (MemoryStore::default(), MemorySnapshots::default());
        let history = Arc::new(MemoryHistory::default());
        let start = ReplicaStart {
            group: GroupInfo { id: GROUP, name },
            limits: subject.limits.clone(),
            plugin: subject.plugin.clone(),
            plugin_digest: subject.digest,
            founding: subject.digest,
            plugins: subject.plugins.clone(),
            state: Arc::new(state.clone()),
            snapshots: Arc::new(snapshots.clone()),
            history: history.clone(),
            initial: AppliedPoint::initial(Configuration::new(vec![member])),
            checkpoints: CheckpointPolicy::default(),
        };
        let replica = Replica::open(start.clone()).map_err(host)?;
        let observer = replica.observer();
        Ok(Self { start, replica, observer, history, state, snapshots, ballast: Vec::new() })
    }

    /// Applies an entry, which its own log takes first.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<Record, ReplicaFault> {
        if self.history.entry(entry.index).is_none() {
            self.history.insert(CommittedEntry { index: entry.index, term: TERM, body: entry.body.clone() });
        }
        let committed = CommittedEntry { index: entry.index, term: TERM, body: entry.body.clone() };
        let result = self.replica.apply(&committed)?;
        let saved = result.checkpoint.as_ref().and_then(|_| self.snapshots.content(entry.index));
        Ok(Record { result, applied: self.replica.applied().clone(), saved })
    }

    /// Opens the replica again from its disk, which may have lost what was not yet durable.
    pub(crate) fn restart(&mut self, lose: bool) -> Result<(), ReplicaFault> {
        if lose {
            self.state.crash();
        } else {
            self.state.flush();
        }
        self.replica = Replica::open(self.start.clone())?;
        self.forget_observer();
        Ok(())
    }

    /// As a group that sleeps: nothing is held that can be made again.
    pub(crate) fn rest(&mut self) {
        self.replica.rest();
        self.observer.rest();
    }

    pub(crate) fn forget_observer(&mut self) {
        self.observer = self.replica.observer();
    }

    pub(crate) fn query(&mut self, request: &Bytes) -> Result<(), ReplicaFault> {
        let point = self.replica.read_point()?;
        self.observer.query(&point, request).map(drop)
    }

    pub(crate) fn tell(&mut self, event: &LifecycleEvent) -> Result<(), ReplicaFault> {
        let point = self.replica.read_point()?;
        self.observer.lifecycle(&point, event).map(drop)
    }

    /// Takes a snapshot, if that is not the log's to say.
    pub(crate) fn snapshot(&mut self) -> Result<(), ReplicaFault> {
        match self.replica.snapshot()? {
            Some(snapshot) => snapshot.write().map(drop),
            None => Ok(()),
        }
    }

    /// Takes over the newest snapshot of these, if there is one.
    pub(crate) fn install(&mut self, from: &MemorySnapshots) -> Result<bool, ReplicaFault> {
        let Some(index) = self.snapshots.receive_newest(from) else { return Ok(false) };
        self.history.cut_through(index);
        self.replica.install_snapshot(index)?;
        self.forget_observer();
        Ok(true)
    }

    /// Fills or frees room that instances would take.
    pub(crate) fn shift(&mut self, instances: usize) -> Result<(), ReplicaFault> {
        self.ballast.truncate(instances);
        while self.ballast.len() < instances {
            let instance = self.start.plugin.start(&self.start.group, &self.start.limits);
            self.ballast.push(instance.map_err(ReplicaFault::while_doing("starting an instance"))?);
        }
        Ok(())
    }
}

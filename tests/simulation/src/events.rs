//! What is yet to happen, in the order of virtual time.

use crate::disk::WrittenSnapshot;
use quorate_consensus::{Input, RaftMessage};
use quorate_replica::ports::Attested;
use quorate_vocabulary::{GroupId, NodeId, PluginDigest, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

/// Something that happens. What names a life is dropped when the node has gone down since.
#[derive(Debug)]
pub(crate) enum Event {
    /// The shard's timer.
    Tick { node: NodeId, life: u64 },
    /// The shard takes what is in its inbox.
    Wake { node: NodeId, life: u64 },
    /// A message arrives.
    Deliver { from: NodeId, message: Box<RaftMessage> },
    /// A snapshot arrives, with its message.
    SnapshotArrives { from: NodeId, life: u64, snapshot: Box<WrittenSnapshot>, message: Box<RaftMessage> },
    /// The shard is told something.
    Tell { node: NodeId, life: u64, input: Box<Input> },
    /// What the log writer was writing is on disk.
    LogWritten { node: NodeId, life: u64 },
    /// Entries are read back.
    Fetch { node: NodeId, life: u64, group: GroupId, first: u64, last: u64, bytes_max: usize },
    /// Apply does the next thing it was given.
    Apply { node: NodeId, life: u64, group: GroupId },
    /// The observer does the next thing it was given.
    Observe { node: NodeId, life: u64, group: GroupId },
    /// A store machine's snapshot is written.
    SnapshotWritten { node: NodeId, life: u64, group: GroupId },
    /// A checkpoint in the background is done, up to its taking over.
    CheckpointPrepared { node: NodeId, life: u64, group: GroupId },
    /// A plugin is compiled.
    Compiled { node: NodeId, life: u64, digest: PluginDigest },
    /// A replica that is about to become a member breaks.
    HurtNewcomer { group: GroupId },
    /// The node looks at the catalog.
    Look { node: NodeId, life: u64 },
    /// A replica is made on disk, or one that is there is started.
    Host { node: NodeId, life: u64, group: GroupId, replica: ReplicaId, is_new: bool },
    /// Somebody restarts a node on which a replica has stopped, also when faults are over.
    Restart { node: NodeId, life: u64 },
    /// A node goes down.
    Crash { node: NodeId, life: u64 },
    /// A node that is down comes back.
    Start { node: NodeId, life: u64 },
    /// What a replica has noted of its state arrives at its leader.
    Attested { from: NodeId, to: NodeId, group: GroupId, replica: ReplicaId, attested: Attested },
    /// An operator looks at a group that has lost a majority of its voters.
    Operate,
    /// Somebody asks for something.
    Act,
    /// Something goes wrong.
    Upset,
}

/// All that is yet to happen.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: BTreeMap<(Duration, u64), Event>,
    sequence: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    pub(crate) fn pop(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}

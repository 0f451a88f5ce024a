use bytes::Bytes;
use quorate_consensus::{Configuration, HardState, LogEntry, LogPoint, Persist, ReplicaStart};
use quorate_vocabulary::{GroupId, Member, PluginDigest, ReplicaId};

/// A replica that this node is to hold from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReplica {
    /// The group.
    pub group: GroupId,
    /// The replica.
    pub replica: ReplicaId,
    /// The log begins behind this point.
    pub truncated: LogPoint,
    /// The configuration there; empty for a replica that joins a group that runs.
    pub configuration: Configuration,
    /// What it begins with.
    pub hard_state: HardState,
    /// The plugin of the group, where it is known.
    pub plugin: Option<PluginDigest>,
    /// What the host needs to start it before it knows the catalog; opaque here.
    pub description: Bytes,
}

impl NewReplica {
    /// A replica of a group that is created now with these members.
    #[must_use]
    pub fn bootstrap(group: GroupId, replica: ReplicaId, members: Vec<Member>) -> Self {
        Self::from_start(ReplicaStart::bootstrap(group, replica, members))
    }

    /// A replica that joins a group that runs already.
    #[must_use]
    pub fn joining(group: GroupId, replica: ReplicaId) -> Self {
        Self::from_start(ReplicaStart::joining(group, replica))
    }

    fn from_start(start: ReplicaStart) -> Self {
        let ReplicaStart { group, replica, truncated, configuration, hard_state, .. } = start;
        let (plugin, description) = (None, Bytes::new());
        Self { group, replica, truncated, configuration, hard_state, plugin, description }
    }
}

/// Changes to the logs and records of any number of groups, all of them written or none.
///
/// Within a group they are made in the order they were added.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is changed until the batch is written"]
pub struct RaftBatch {
    pub(super) changes: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Create(NewReplica),
    Restore { group: GroupId, truncated: LogPoint, configuration: Configuration },
    Append { group: GroupId, entries: Vec<LogEntry> },
    HardState { group: GroupId, hard_state: HardState },
    Cut { group: GroupId, truncated: LogPoint, configuration: Configuration },
    Describe { group: GroupId, plugin: Option<PluginDigest>, description: Bytes },
    Remove { group: GroupId, replica: ReplicaId },
}

impl Change {
    pub(super) fn group(&self) -> GroupId {
        match self {
            Self::Create(replica) => replica.group,
            Self::Restore { group, .. }
            | Self::Append { group, .. }
            | Self::HardState { group, .. }
            | Self::Cut { group, .. }
            | Self::Describe { group, .. }
            | Self::Remove { group, .. } => *group,
        }
    }
}

impl RaftBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a replica to those that this node holds. Refused when the node holds one of the group, or when this one
    /// was removed before.
    pub fn create(&mut self, replica: NewReplica) {
        self.changes.push(Change::Create(replica));
    }

    /// Adds all that consensus wants to be on disk before it is told so.
    pub fn persist(&mut self, persist: Persist) {
        let Persist { group, number: _, restored, entries, hard_state } = persist;
        if let Some(restored) = restored {
            self.restore(group, restored.truncated, restored.configuration);
        }
        self.append(group, entries);
        if let Some(hard_state) = hard_state {
            self.set_hard_state(group, hard_state);
        }
    }

    /// Forgets the whole log of a group and begins it behind this point: a snapshot took its place.
    pub fn restore(&mut self, group: GroupId, truncated: LogPoint, configuration: Configuration) {
        self.changes.push(Change::Restore { group, truncated, configuration });
    }

    /// Appends entries without gaps; whatever the log has from the first of them on is replaced.
    pub fn append(&mut self, group: GroupId, entries: Vec<LogEntry>) {
        if !entries.is_empty() {
            self.changes.push(Change::Append { group, entries });
        }
    }

    /// Replaces the hard state of a group.
    pub fn set_hard_state(&mut self, group: GroupId, hard_state: HardState) {
        self.changes.push(Change::HardState { group, hard_state });
    }

    /// Drops the log of a group up to and including this point, which a durable snapshot must cover, with the
    /// configuration there. A point that was cut before changes nothing.
    pub fn cut(&mut self, group: GroupId, truncated: LogPoint, configuration: Configuration) {
        self.changes.push(Change::Cut { group, truncated, configuration });
    }

    /// Replaces what the host keeps beside a replica.
    pub fn describe(&mut self, group: GroupId, plugin: Option<PluginDigest>, description: Bytes) {
        self.changes.push(Change::Describe { group, plugin, description });
    }

    /// Removes a replica with its log, also one that is damaged or was never here, and leaves a tombstone: it can
    /// never be created again.
    pub fn remove(&mut self, group: GroupId, replica: ReplicaId) {
        self.changes.push(Change::Remove { group, replica });
    }
}

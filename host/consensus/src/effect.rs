use crate::{Configuration, EntryBody, HardState, LogEntry, LogPoint, RaftMessage, RequestId, Role};
use quorate_vocabulary::{GroupId, Member, NodeId, ReplicaId};

/// A log that a received snapshot replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredLog {
    /// The log begins behind this place now; every entry it had is gone.
    pub truncated: LogPoint,
    /// The configuration there.
    pub configuration: Configuration,
}

/// What must be on disk, all of it or nothing, before [`Input::Persisted`](crate::Input::Persisted) says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// The group.
    pub group: GroupId,
    /// Numbers rise within a group since it was opened, with gaps.
    pub number: u64,
    /// First of all, forget the log and begin it here.
    pub restored: Option<RestoredLog>,
    /// Then append these; whatever the log has from the first of them on is replaced.
    pub entries: Vec<LogEntry>,
    /// Then this.
    pub hard_state: Option<HardState>,
}

/// An entry to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedEntry {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// What it holds.
    pub body: EntryBody,
    /// The requests that this replica's host waits for: one a command, or one for a configuration; empty when they
    /// came from elsewhere.
    pub requests: Vec<RequestId>,
}

/// What the host is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write to the log's disk.
    Persist(Persist),
    /// Send to the node named in the message; see [`lane`](crate::lane). May be lost.
    Send(RaftMessage),
    /// Send the snapshot that the message names, and when the other node has it on disk, the message. A snapshot that
    /// the host no longer has is answered by [`Input::SnapshotSent`](crate::Input::SnapshotSent) as not delivered;
    /// the next try will name the newest one. Or a later one, with the message changed by
    /// [`standing_at`](crate::standing_at).
    SendSnapshot {
        /// The group.
        group: GroupId,
        /// The replica that needs it.
        to: ReplicaId,
        /// The node that holds that replica.
        node: NodeId,
        /// To be handed in there as [`Input::Message`](crate::Input::Message).
        message: RaftMessage,
    },
    /// Apply these in order. Entries of a group come without gaps and once.
    Apply {
        /// The group.
        group: GroupId,
        /// The entries.
        entries: Vec<CommittedEntry>,
    },
    /// Load this snapshot, which has been received, in place of the machine's state. Nothing is applied until
    /// [`Input::Restored`](crate::Input::Restored).
    Restore {
        /// The group.
        group: GroupId,
        /// Where the snapshot stands.
        point: LogPoint,
        /// The members there.
        configuration: Configuration,
    },
    /// The snapshot that a message brought is of no use: the log has it already, or its sender leads no more. Told once
    /// for every such message; another one may have brought the same snapshot again meanwhile.
    SnapshotUnused {
        /// The group.
        group: GroupId,
        /// Where the snapshot stands.
        point: LogPoint,
    },
    /// Drop the log up to and including this place: a snapshot covers it.
    CutLog {
        /// The group.
        group: GroupId,
        /// The last entry to drop; where the log begins from then on.
        truncated: LogPoint,
        /// The configuration there.
        configuration: Configuration,
    },
    /// Read these entries from disk: as many as `bytes_max` allows, but at least one.
    Fetch {
        /// The group.
        group: GroupId,
        /// The first index.
        first: u64,
        /// The last index, included.
        last: u64,
        /// At most so many bytes of data, but for a first entry that is larger.
        bytes_max: usize,
    },
    /// A request that will not be answered.
    Refused {
        /// The group.
        group: GroupId,
        /// The request.
        request: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// This read may be answered from the machine's state once `index` is applied.
    ReadReady {
        /// The group.
        group: GroupId,
        /// The request.
        request: RequestId,
        /// What must be applied before.
        index: u64,
    },
    /// What [`Input::TransferLeader`](crate::Input::TransferLeader) asked for has come about.
    LeaderTransferred {
        /// The group.
        group: GroupId,
        /// The request.
        request: RequestId,
        /// Who leads now.
        leader: Member,
    },
    /// The replica's role, its term or the leader it follows is another.
    RoleChanged {
        /// The group.
        group: GroupId,
        /// What the replica is now.
        role: Role,
        /// In which term.
        term: u64,
        /// Who leads, if it knows.
        leader: Option<Member>,
    },
    /// This replica leads, its first entry of the term is committed, and all before it has been handed to apply.
    LeaderEstablished {
        /// The group.
        group: GroupId,
        /// The term.
        term: u64,
    },
    /// This leader has been idle for half the time after which its group falls asleep. What would wake the group again before
    /// long is better done now.
    SoonAsleep {
        /// The group.
        group: GroupId,
    },
    /// The group has fallen asleep: nothing is asked of its machine until it wakes.
    FellAsleep {
        /// The group.
        group: GroupId,
    },
    /// A follower needs a snapshot and there is none that is new enough.
    SnapshotWanted {
        /// The group.
        group: GroupId,
        /// The least index of use.
        index_min: u64,
    },
    /// Raft found something that cannot be, and this replica is driven no longer. Others go on. Everything that
    /// waited has been refused.
    ReplicaFailed {
        /// The group.
        group: GroupId,
        /// What it found.
        cause: String,
    },
}

/// Why a request will not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was appended: ask the leader.
    #[error("this replica does not lead the group")]
    NotLeader {
        /// Who does, if it is known.
        leader: Option<Member>,
    },
    /// Nothing was appended: more waits already than the group may hold.
    #[error("{waiting_bytes} bytes of this group's commands wait already, and {waiting_bytes_max} may")]
    Overloaded {
        /// What waits.
        waiting_bytes: usize,
        /// What may.
        waiting_bytes_max: usize,
    },
    /// Nothing was appended: as many reads as may wait do.
    #[error("{waiting_reads_max} reads of this group wait already")]
    TooManyReads {
        /// How many may wait.
        waiting_reads_max: usize,
    },
    /// Nothing was appended: the command will never fit.
    #[error("the command has {bytes} bytes, and the log takes at most {bytes_max}")]
    TooLarge {
        /// What the command has.
        bytes: usize,
        /// What an entry has room for.
        bytes_max: usize,
    },
    /// Nothing was appended, for a passing cause: try again.
    #[error("the group cannot take this now: {cause}")]
    Unavailable {
        /// The cause.
        cause: &'static str,
    },
    /// Nothing was appended: the members asked for are none that a group can have.
    #[error("the members cannot be changed to these: {cause}")]
    Configuration {
        /// What is wrong with them.
        cause: String,
    },
    /// Nothing was appended, or only that newcomers are learners: a replica that is to vote lacks too much of the log.
    #[error("replica {replica} is to vote and has not caught up: {}, and {lag_entries_max} may", lacks(*lag_entries))]
    NotCaughtUp {
        /// The replica.
        replica: ReplicaId,
        /// How many entries it lacks; none when it has not answered yet, or needs a snapshot.
        lag_entries: Option<u64>,
        /// How many it may lack.
        lag_entries_max: u64,
    },
    /// The group was not recovered, and is as it was.
    #[error("the group is not recovered: {cause}")]
    NotRecovered {
        /// Why.
        cause: String,
    },
    /// The leadership was not handed over as asked.
    #[error("the leadership was not handed over: {cause}")]
    NotTransferred {
        /// Why.
        cause: &'static str,
    },
    /// It was appended, and then the leadership was lost: it may or may not be applied.
    #[error("the leadership was lost before the entry was committed: its outcome is not known")]
    Lost,
    /// The replica was closed, or has failed. What was appended may or may not be applied.
    #[error("the replica was closed")]
    Closed {
        /// Whether it was appended before.
        appended: bool,
    },
    /// No replica of this group is open here.
    #[error("no replica of this group is open on this node")]
    NotHere,
    /// Nothing was appended: this replica holds no state that could be read.
    #[error("this replica is a witness, which holds no state")]
    Witness,
}

fn lacks(lag_entries: Option<u64>) -> String {
    match lag_entries {
        Some(lag_entries) => format!("it lacks {lag_entries} entries"),
        None => "it is not known how many entries it lacks".to_owned(),
    }
}

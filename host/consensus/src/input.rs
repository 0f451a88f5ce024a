use crate::{Configuration, EntryBody, LogEntry, LogIndex, LogPoint, Order, RaftMessage, SessionCommand};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, Member, NodeId, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

/// The time, as the host reads it before a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Since any fixed moment; never goes back.
    pub monotonic: Duration,
    /// Milliseconds since the Unix epoch; may jump. Used only to stamp entries.
    pub wall_ms: u64,
}

/// What a host calls a request, so that it knows the answer. Unique among a shard's unanswered requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What raft must not forget beside the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The latest term seen.
    pub term: u64,
    /// Whom it voted for in that term.
    pub vote: Option<ReplicaId>,
    /// How far it knew the log to be committed. May be older than the truth.
    pub commit: u64,
}

/// A replica as the host finds it on disk.
///
/// A new group begins with `truncated` = index 1, term 1 and its first members, so that all its replicas begin from
/// the same configuration without an entry that says so: see [`ReplicaStart::bootstrap`]. A replica that joins a
/// group that runs already begins the same way with the configuration left empty: see [`ReplicaStart::joining`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStart {
    /// The group.
    pub group: GroupId,
    /// Which of its replicas this is.
    pub replica: ReplicaId,
    /// Whether it is a witness: it is given no entries to apply and no snapshots to load, and cuts its log by itself.
    pub is_witness: bool,
    /// The hard state as last persisted.
    pub hard_state: HardState,
    /// Everything up to here has left the log.
    pub truncated: LogPoint,
    /// The configuration at `truncated`.
    pub configuration: Configuration,
    /// What all the persisted entries behind `truncated` are, without their content. May be left empty when `entries`
    /// is all of them.
    pub log: LogIndex,
    /// The newest of the persisted entries, up to the last; the others are fetched when they are needed.
    pub entries: Vec<LogEntry>,
    /// How far the state that the host holds durably has applied the log. When it is behind `truncated`, as after a
    /// crash while a received snapshot was loaded, the host is asked to load that snapshot again.
    pub applied: u64,
    /// The latest stamp that this state has seen, so that this replica as leader never stamps an earlier one.
    pub applied_time_ms: u64,
}

impl ReplicaStart {
    /// Where every new group's log begins.
    pub const BOOTSTRAP: LogPoint = LogPoint { index: 1, term: 1 };

    /// A replica of a group that is created now with these members.
    #[must_use]
    pub fn bootstrap(group: GroupId, replica: ReplicaId, members: Vec<Member>) -> Self {
        let LogPoint { index, term } = Self::BOOTSTRAP;
        let is_witness = members.iter().any(|member| member.replica == replica && member.role.is_witness());
        Self {
            group,
            replica,
            is_witness,
            hard_state: HardState { term, vote: None, commit: index },
            truncated: Self::BOOTSTRAP,
            configuration: Configuration::new(members),
            log: LogIndex::default(),
            entries: Vec::new(),
            applied: index,
            applied_time_ms: 0,
        }
    }

    /// A replica that is to join a group that runs already: it knows no members and never campaigns until a leader
    /// has brought it up to date.
    #[must_use]
    pub fn joining(group: GroupId, replica: ReplicaId) -> Self {
        Self {
            group,
            replica,
            is_witness: false,
            hard_state: HardState::default(),
            truncated: LogPoint::default(),
            configuration: Configuration::default(),
            log: LogIndex::default(),
            entries: Vec::new(),
            applied: 0,
            applied_time_ms: 0,
        }
    }
}

/// How a replica makes sure that a read sees everything that was answered before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadMode {
    /// By a round of messages, one for all reads that wait (ReadIndex; Raft thesis, section 6.4).
    #[default]
    Linearizable,
    /// By the leader's lease, in the same step, as long as clocks run alike within
    /// [`lease_margin`](crate::ShardConfig::lease_margin) (section 6.4.1). Where there is no lease, as on a follower,
    /// like [`Linearizable`](Self::Linearizable).
    Lease,
}

/// What happened.
#[allow(clippy::large_enum_variant)] // Most inputs are messages, which would only be boxed to be unboxed.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Nothing but time passed. Every step advances the timers by its `now`; this is for an otherwise empty one.
    Tick,
    /// Drive this replica from now on. A group that is open is opened anew, as if it had been closed before.
    Open(Box<ReplicaStart>),
    /// Drive it no longer, and refuse what waits.
    Close {
        /// The group.
        group: GroupId,
    },
    /// A message from a peer, for the replica named in it. Of type snapshot only when that snapshot is on disk.
    Message(RaftMessage),
    /// A message to this node was lost, or the node cannot be reached.
    Unreachable {
        /// The node.
        node: NodeId,
    },
    /// A command for a group's machine. Answered by [`Effect::Apply`](crate::Effect::Apply) with this request beside
    /// the command, or by [`Effect::Refused`](crate::Effect::Refused).
    Propose {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// The command.
        command: Bytes,
    },
    /// A command of a session, or about one. Answered like a command.
    ProposeInSession {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// The command.
        command: SessionCommand,
    },
    /// The leader is to put a checkpoint into the log. Nothing happens on others, or while one waits already.
    ProposeCheckpoint {
        /// The group.
        group: GroupId,
    },
    /// The leader is to put an entry into the log at which the timers that are due fire. Nothing happens on others, or while
    /// one waits already.
    ProposeTimers {
        /// The group.
        group: GroupId,
    },
    /// An entry by which an operator has the group do something. Answered like a command.
    ProposeOrder {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// What it is to do.
        order: Order,
    },
    /// The leader is to put an entry of the host's own into the log; its stamp is set then. Nothing happens on others, while the
    /// same one waits or is on its way, or while too many wait.
    ProposeEntry {
        /// The group.
        group: GroupId,
        /// The entry.
        body: EntryBody,
    },
    /// Change the members, any number of them at once. Answered like a command, once the group has left the old
    /// configuration for good. A learner that is to vote must have caught up within a
    /// [margin](crate::ShardConfig::promotion_lag_entries_max), or the change is refused.
    ProposeConfiguration {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// The members from then on.
        members: Vec<Member>,
        /// Rather than to refuse it, make the change once all that are to vote have caught up. Those that are no members
        /// yet are learners until then. Given up when they come no further for thirty election timeouts, and when the
        /// leadership is lost; they stay learners then.
        promote_when_caught_up: bool,
    },
    /// Change how much the group prefers these members as its leader: see
    /// [`Configuration::priorities`](crate::Configuration::priorities). Of members that are not named it stays as it is.
    /// Answered like a command.
    ProposePriorities {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// By member.
        priorities: BTreeMap<ReplicaId, u32>,
    },
    /// Hand the leadership over, if this replica has it (Raft thesis, section 3.10). Answered by
    /// [`Effect::LeaderTransferred`](crate::Effect::LeaderTransferred) when the other leads, or by
    /// [`Effect::Refused`](crate::Effect::Refused), at the latest after one election timeout. Until then commands wait;
    /// if it comes to nothing they go on here, and if it succeeds they are refused with the new leader's name.
    TransferLeader {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// The voter; none for the one that is most up to date.
        to: Option<ReplicaId>,
    },
    /// Go on with these members alone: the others, a majority of the voters, are lost for good, and with them whatever
    /// only they had. To be told to the survivor whose log is longest; if another has more, nothing comes of it. Refused
    /// while a majority is alive as far as this node knows, and if not all survivors elect this replica within six
    /// election timeouts. Answered like a command, with the configuration of the survivors; its
    /// [epoch](crate::Configuration::epoch) is the next, and members of an earlier one that come back are put aside.
    Recover {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// The members that are left, this replica among them. All of them vote from then on.
        survivors: Vec<ReplicaId>,
    },
    /// A linearizable read, from any replica. Answered by [`Effect::ReadReady`](crate::Effect::ReadReady), or by
    /// [`Effect::Refused`](crate::Effect::Refused).
    Read {
        /// The group.
        group: GroupId,
        /// Names the answer.
        request: RequestId,
        /// How the replica makes sure.
        mode: ReadMode,
    },
    /// All [`Persist`](crate::Persist)s of this group up to this number are on disk.
    Persisted {
        /// The group.
        group: GroupId,
        /// The number of the last one.
        number: u64,
    },
    /// The machine has applied the log up to here.
    Applied {
        /// The group.
        group: GroupId,
        /// The last index applied.
        index: u64,
    },
    /// The snapshot that [`Effect::Restore`](crate::Effect::Restore) named is the machine's state now.
    Restored {
        /// The group.
        group: GroupId,
        /// The snapshot's index.
        index: u64,
        /// The latest stamp that the snapshot's state has seen.
        time_ms: u64,
    },
    /// What [`Effect::Fetch`](crate::Effect::Fetch) asked for: from the first on without gaps, perhaps fewer. None
    /// means that the log no longer has them or cannot be read.
    Fetched {
        /// The group.
        group: GroupId,
        /// The first index that was asked for.
        first: u64,
        /// The entries.
        entries: Vec<LogEntry>,
    },
    /// What became of an [`Effect::SendSnapshot`](crate::Effect::SendSnapshot). Every one must be answered.
    SnapshotSent {
        /// The group.
        group: GroupId,
        /// The replica it went to.
        to: ReplicaId,
        /// Whether that replica's node has stored the snapshot and been given the message.
        delivered: bool,
    },
    /// A snapshot of this place is on disk and may be sent. The log may be cut behind it, with a margin. Also told
    /// for the newest one found on disk, after [`Open`](Self::Open).
    SnapshotTaken {
        /// The group.
        group: GroupId,
        /// Its index.
        index: u64,
        /// The term of the entry there.
        term: u64,
    },
    /// A snapshot of this place, or of a later one that is applied, can be made while it is sent: what
    /// [`Effect::SnapshotWanted`](crate::Effect::SnapshotWanted) asks for where nothing has to be written first. The log is not
    /// cut behind it. What is sent may stand at a later place than raft has asked for.
    SnapshotSendable {
        /// The group.
        group: GroupId,
        /// Its index.
        index: u64,
        /// The term of the entry there.
        term: u64,
    },
}

use crate::{Configuration, LogPoint};
use quorate_vocabulary::{GroupId, Member, ReplicaId};

/// What a replica is in its group at this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// It follows a leader, or waits for one.
    #[default]
    Follower,
    /// It asks whether it would be elected.
    PreCandidate,
    /// It asks to be elected.
    Candidate,
    /// It leads.
    Leader,
}

/// How far a member is, as its leader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberProgress {
    /// The member.
    pub member: Member,
    /// Its log agrees with the leader's up to here.
    pub matched: u64,
    /// It knows the log to be committed up to here. A replica that a change has removed may be destroyed once most of
    /// the voters that remain know of that change: until then they may need its vote.
    pub committed: u64,
    /// Whether it was heard of within the last election timeout, or before the group fell asleep.
    pub recently_active: bool,
    /// Whether it waits for a snapshot.
    pub awaits_snapshot: bool,
}

/// A replica, seen from its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The group.
    pub group: GroupId,
    /// The replica.
    pub replica: ReplicaId,
    /// Whether it is a witness.
    pub is_witness: bool,
    /// What it is.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// Whom it follows, or itself.
    pub leader: Option<Member>,
    /// The members as far as it has handed entries to apply.
    pub configuration: Configuration,
    /// How far it knows the log to be committed.
    pub commit: u64,
    /// How far its machine has applied the log.
    pub applied: u64,
    /// The end of its log.
    pub last: LogPoint,
    /// Where its log begins.
    pub truncated: LogPoint,
    /// Its newest snapshot that may be sent.
    pub snapshot: Option<LogPoint>,
    /// Bytes of commands that wait or are not yet committed.
    pub waiting_bytes: usize,
    /// How far each member is; only a leader knows.
    pub progress: Vec<MemberProgress>,
    /// Whether it sleeps, because nothing happens in the group.
    pub is_asleep: bool,
    /// Why it is driven no longer.
    pub failure: Option<String>,
}

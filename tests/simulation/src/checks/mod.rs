//! What must always hold, checked as things happen.

mod applied;
mod committed;
mod corruption;
mod leaders;
mod model;
mod recovery;
mod session_model;
mod version_model;

use applied::Law;
pub(crate) use applied::number;
use committed::Committed;
use corruption::Corruption;
use leaders::Leaders;
pub(crate) use model::pairs_fingerprint;
use quorate_vocabulary::{GroupId, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident = $words:literal;)*) => {
        /// What must always hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $($(#[$doc])* $name,)*
        }

        impl fmt::Display for Invariant {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self {
                    $(Self::$name => $words,)*
                })
            }
        }
    };
}

invariants! {
    /// A group has at most one leader in a term.
    OneLeader = "one leader a term";
    /// A replica votes for one candidate in a term.
    OneVote = "one vote a term";
    /// A leader has every entry that was committed in earlier terms.
    LeaderComplete = "a leader has all that is committed";
    /// Entries of the same index and term are the same, and so is all before them.
    LogMatching = "logs match";
    /// What is committed at an index stays.
    Committed = "what is committed stays";
    /// Stamps never go back.
    Stamps = "stamps never go back";
    /// Every entry is applied in order and once.
    AppliedOnce = "applied in order and once";
    /// Replicas that have applied the same are the same.
    ReplicasEqual = "replicas are equal";
    /// A snapshot is the state at its index.
    SnapshotsEqual = "a snapshot is the state";
    /// A command of a session is applied once, and answered the same however often it is asked for.
    ExactlyOnce = "commands of sessions are applied once";
    /// What a client was told is done stays done.
    Acknowledged = "what is acknowledged stays";
    /// A read sees all that was finished before it began.
    ReadsFresh = "reads are never stale";
    /// What clients saw could have happened one after the other.
    Linearizable = "histories are linearizable";
    /// Every request is answered at most once.
    AnsweredOnce = "answered once";
    /// A witness votes and holds no content.
    Witness = "witnesses only vote";
    /// A group that lost a majority goes on with its survivors, and those it went on without neither lead nor answer.
    Fenced = "lost members stay aside";
    /// Nobody goes on alone while the others live.
    RecoveryRefused = "no recovery while a majority lives";
    /// No replica is taken for corrupted that is not.
    FalseAlarm = "no false alarm";
    /// No replica meets what cannot be.
    ReplicasRun = "replicas do not fail";
    /// What is written to a log follows what is there.
    DiskOrder = "logs are written in order";
    /// Without faults a cluster heals and serves.
    Available = "a cluster without faults serves";
    /// Nothing panics.
    Panic = "nothing panics";
}

/// What did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
    /// At which step.
    pub step: u64,
}

/// What has been seen of one group.
#[derive(Debug, Default)]
struct GroupChecks {
    leaders: Leaders,
    committed: Committed,
    law: Law,
    /// The highest index that an operation that is finished has seen.
    finished: u64,
}

/// All that has been seen.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    groups: BTreeMap<GroupId, GroupChecks>,
    /// Replicas that their groups went on without.
    fenced: BTreeSet<(GroupId, ReplicaId)>,
    corruption: Corruption,
    pub(crate) step: u64,
    violation: Option<Violation>,
}

impl Checks {
    /// Something did not hold. The first is what counts.
    pub(crate) fn violate(&mut self, invariant: Invariant, what: String) {
        let step = self.step;
        self.violation.get_or_insert(Violation { invariant, what, step });
    }

    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn into_violation(self) -> Option<Violation> {
        self.violation
    }

    fn check(
        &mut self,
        group: GroupId,
        check: impl FnOnce(&mut GroupChecks) -> Result<(), (Invariant, String)>,
    ) {
        if let Err((invariant, what)) = check(self.groups.entry(group).or_default()) {
            self.violate(invariant, format!("group {group}: {what}"));
        }
    }

    /// How far an operation that begins now must see.
    pub(crate) fn finished(&self, group: GroupId) -> u64 {
        self.groups.get(&group).map_or(0, |group| group.finished)
    }

    /// An operation that began when all up to `floor` was finished has seen the state at `index`.
    pub(crate) fn finish(&mut self, group: GroupId, floor: u64, index: u64, is_read: bool) {
        self.check(group, |checks| {
            checks.finished = checks.finished.max(index);
            if is_read && index < floor {
                let what =
                    format!("a read saw entry {index}, and {floor} was seen by others before it began");
                return Err((Invariant::ReadsFresh, what));
            }
            if !is_read && index <= floor {
                let what = format!("a command is entry {index}, and {floor} was finished before it came");
                return Err((Invariant::Acknowledged, what));
            }
            Ok(())
        });
    }
}

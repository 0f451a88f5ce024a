//! Bugs that a host could have, to be switched on one at a time: a checker that catches none of them proves nothing.
//!
//! They are in the simulator's host, in the way it carries out effects. The product has none of them.

use std::{fmt, str::FromStr};

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal;)*) => {
        /// A bug of the host.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the command line.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What it does.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_ascii_start(),)*
                }
            }
        }
    };
}

bugs! {
    /// Consensus is told that its log is on disk when it is on its way there.
    AcknowledgeBeforeSync = "acknowledge-before-sync";
    /// A node that starts again does not know whom it voted for.
    ForgetVote = "forget-vote";
    /// The applied point is written after the changes it stands for, and a crash comes between.
    ApplyTwice = "apply-twice";
    /// A new leader answers reads before it has committed an entry of its term.
    ReadBeforeFirstCommit = "read-before-first-commit";
    /// Snapshots do not hold the members.
    SnapshotWithoutMembers = "snapshot-without-members";
    /// Snapshots do not hold the sessions.
    SnapshotWithoutSessions = "snapshot-without-sessions";
    /// Commands of sessions are applied as often as they are in the log.
    SkipSessionTable = "skip-session-table";
    /// A node that starts again cuts from its log what it does not know to be committed.
    TruncatePastCommit = "truncate-past-commit";
    /// Consensus is not told of a snapshot that was lost.
    IgnoreLostSnapshot = "ignore-lost-snapshot";
    /// A snapshot that a replica does not need is refused, and raft does not hear of it.
    RefuseNeedlessSnapshot = "refuse-needless-snapshot";
    /// The clocks of leaders all but stand still while the network is divided, so that their leases outlive the time-out.
    LeaseOutlives = "lease-outlives";
    /// A node that starts again takes a joint configuration for the one it leads to.
    JointByHalf = "joint-by-half";
    /// Queries run on the instance that applies commands.
    QueryOnApplyInstance = "query-on-apply-instance";
    /// Lifecycle callbacks run on the instance that applies commands.
    CallbackOnApplyInstance = "callback-on-apply-instance";
    /// A memory machine is saved where no checkpoint says so, and starts again from there.
    SnapshotOutsideCheckpoint = "snapshot-outside-checkpoint";
    /// A command is acknowledged when its leader has it on disk.
    ReplyBeforeCommit = "reply-before-commit";
    /// A follower stamps entries with its own clock.
    OwnClock = "own-clock";
    /// A replica that was removed is made again under its number.
    RemovedReplicaAgain = "removed-replica-again";
    /// A snapshot's message is handed in before the snapshot is on disk.
    SnapshotMessageFirst = "snapshot-message-first";
    /// A replica that led when its group fell asleep is woken a second time, from its disk, and leads without asking.
    WokenTwice = "woken-twice";
    /// The digest that a replica tells its leader has its node's number in it.
    OwnDigest = "own-digest";
    /// A verdict is heard by nobody: a replica whose state is wrong goes on.
    VerdictUnheard = "verdict-unheard";
    /// A replica that starts again runs the version that the catalog knows of, and not the one that its state is of.
    VersionOfCatalog = "version-of-catalog";
}

impl fmt::Display for Bug {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|bug| bug.word() == word);
        known.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|bug| bug.word()).collect();
            format!("no such bug is planted; there are {}", words.join(", "))
        })
    }
}

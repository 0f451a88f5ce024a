use crate::ports::{CallFailure, HostFault};
use quorate_vocabulary::PluginDigest;

/// Why a replica, or an observer, cannot go on. Of a replica: it is stopped, and every later call says so. Its group goes
/// on without it; it is made again from its disk, or from another replica's snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaFault {
    /// The host failed.
    #[error("{doing}: {fault}")]
    Host {
        /// What the replica did.
        doing: &'static str,
        /// What happened.
        fault: HostFault,
    },
    /// An entry came that does not follow the last one.
    #[error(
        "entry {index} came where entry {expected} was to be applied: the log or the applied point is wrong"
    )]
    Gap {
        /// Which came.
        index: u64,
        /// Which should have come.
        expected: u64,
    },
    /// Applying the same entries again gave something else: the plugin or the host is not deterministic.
    #[error(
        "applying the entries behind {base} up to {index} again gave other outcomes than the first time: the plugin's results depend on something that is not in the log"
    )]
    Diverged {
        /// Where both began.
        base: u64,
        /// Where they differ at the latest.
        index: u64,
    },
    /// Most replicas of the group had another digest.
    #[error(
        "it has diverged: what it had made of everything up to entry {index} is not what most replicas of its group had{}: its state is wrong, or its node's results depend on something that is not in the log",
        since(*agreed)
    )]
    Outvoted {
        /// The last entry at which all were found to agree; 0: not known.
        agreed: u64,
        /// Where they were found to differ.
        index: u64,
    },
    /// The state on disk ends before the log begins, and no snapshot closes the gap: the disk has lost what was on it.
    #[error(
        "its state ends at entry {applied}, its log begins behind entry {begins_behind}, and no snapshot on this node closes the gap: the disk has lost what was written to it; remove this replica with `quorate group members remove`, and place a new one with `quorate group members add`, which gets the state from the others"
    )]
    StateBehindLog {
        /// As far as the state goes.
        applied: u64,
        /// The last entry that was cut from the log.
        begins_behind: u64,
    },
    /// A snapshot cannot be loaded.
    #[error("the snapshot at entry {index} cannot be loaded: {failure}")]
    Snapshot {
        /// Its index.
        index: u64,
        /// What the plugin said.
        failure: CallFailure,
    },
    /// A snapshot is not of what the group runs.
    #[error("the snapshot at entry {index} is of {found}, and the group runs {expected}")]
    SnapshotOfOther {
        /// Its index.
        index: u64,
        /// What it is of.
        found: String,
        /// What it should be of.
        expected: String,
    },
    /// The plugin that is needed to go on is not compiled here yet. Nothing is lost: once it is, the same is tried again.
    #[error("it needs the plugin {digest}, which is not compiled on this node yet")]
    PluginMissing {
        /// Which.
        digest: PluginDigest,
    },
    /// An observer was asked for a moment that it can no longer reach: the replica has gone on. Ask again with a newer
    /// read point.
    #[error("the observer cannot reach entry {index} any more: take a newer read point")]
    Behind {
        /// The entry it should have stood at.
        index: u64,
    },
    /// The replica met a fault before.
    #[error("the replica is stopped, by an earlier fault: {cause}")]
    Stopped {
        /// Which.
        cause: String,
    },
}

fn since(agreed: u64) -> String {
    if agreed == 0 { String::new() } else { format!(", and at entry {agreed} all still agreed") }
}

impl ReplicaFault {
    /// Whether the node had no room for another instance: once some have ended, the same may go well.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::Host { fault, .. } if fault.is_no_room())
    }

    /// Says what was being done when the host failed.
    pub(crate) fn while_doing(doing: &'static str) -> impl FnOnce(HostFault) -> Self {
        move |fault| Self::Host { doing, fault }
    }
}

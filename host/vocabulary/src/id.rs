//! Numbers that name things. All but those of data folders are given out by the catalog, start at 1 and are never used
//! again.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }
    };
}

id!(
    /// One host process with its data folder.
    NodeId
);
id!(
    /// One Raft group.
    GroupId
);
id!(
    /// One group's copy on one node. Raft knows members by this number, so that a replica that is placed again
    /// on a node is a new member and never taken for the one that lost its disk.
    ReplicaId
);

/// Which data folder a node lives in: drawn at random when the folder is made. A node that comes back under its number
/// with another one has lost what it promised to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub u64);

impl fmt::Display for FolderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl GroupId {
    /// The system group, which runs the catalog.
    pub const CATALOG: Self = Self(0);

    /// Whether this is the system group.
    #[must_use]
    pub fn is_catalog(self) -> bool {
        self == Self::CATALOG
    }
}

use quorate_vocabulary::{GroupId, GroupName};

/// The group an instance runs in, the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its number, unique in the cluster and never used again.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
}

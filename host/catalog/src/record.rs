use quorate_replica::ports::{GroupInfo, GroupLimits};
use quorate_vocabulary::{
    CheckpointMode, FolderId, GroupId, GroupName, MachineKind, Member, NodeId, PluginDigest, PluginReference,
    Position, ReplicaId,
};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Where it is reached, by clients and peers.
    pub address: String,
    /// What its engine is and how it is set: groups run only where it is the same.
    pub engine_fingerprint: String,
    /// What it is to be used for.
    pub status: NodeStatus,
    /// The data folder it lives in.
    pub folder: FolderId,
}

/// What a node is to be used for. Whether it lives is not the catalog's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeStatus {
    /// New replicas may be placed on it.
    Active,
    /// It keeps its replicas and is given no new ones.
    Draining,
}

/// A published version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPlugin {
    /// Its name and version.
    pub reference: PluginReference,
    /// What its bytes are known by.
    pub digest: PluginDigest,
    /// How many they are.
    pub bytes: u64,
    /// Where its machines keep their state.
    pub kind: MachineKind,
    /// Whether it exports `lifecycle`.
    pub has_lifecycle: bool,
    /// Whether it exports `timers`.
    pub has_timers: bool,
    /// The version of `quorate:machine` it was built against.
    pub contract_version: String,
    /// The nodes that held the bytes when it was published, in order.
    pub held_by: Vec<NodeId>,
    /// When it was published, in milliseconds since the Unix epoch.
    pub published_ms: u64,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number, never used again.
    pub id: GroupId,
    /// Its name, free again once it is deleted.
    pub name: GroupName,
    /// What it runs.
    pub plugin: PluginReference,
    /// The digest of what it runs.
    pub digest: PluginDigest,
    /// Where its machine keeps its state.
    pub kind: MachineKind,
    /// The engine all its replicas run on.
    pub engine_fingerprint: String,
    /// With whom its log begins.
    pub founders: Vec<Member>,
    /// Its replicas, in order, as of the last change that was brought about.
    pub members: Vec<Member>,
    /// How many changes of its members were asked for.
    pub changes: u64,
    /// The last of them, until it is brought about.
    pub change: Option<MembersChange>,
    /// How many times it was recovered after it had lost a majority of its voters.
    pub epoch: u64,
    /// What the plugin may use in it.
    pub limits: GroupLimits,
    /// How its checkpoints are taken.
    pub checkpoints: CheckpointMode,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

impl Group {
    /// The members it should have.
    #[must_use]
    pub fn wanted(&self) -> &[Member] {
        self.change.as_ref().map_or(&self.members, |change| &change.wanted)
    }

    /// Every replica that has to be on a node now: its members, those that are to become members, and those that may have
    /// become members and are to go. A node holds at most one of them.
    pub fn placed(&self) -> impl Iterator<Item = &Member> {
        let change = self.change.iter();
        let others = change.flat_map(|change| change.wanted.iter().chain(&change.leaving));
        let known = |member: &&Member| self.members.iter().any(|known| known.replica == member.replica);
        self.members.iter().chain(others.filter(move |member| !known(member)))
    }

    /// Its replica on a node.
    #[must_use]
    pub fn replica_on(&self, node: NodeId) -> Option<ReplicaId> {
        self.placed().find(|member| member.node == node).map(|member| member.replica)
    }

    /// Whether this replica holds no commands and no state.
    #[must_use]
    pub fn is_witness(&self, replica: ReplicaId) -> bool {
        self.placed().any(|member| member.replica == replica && member.role.is_witness())
    }

    /// Whether its log begins with this replica as a member. Any other joins when the group runs already.
    #[must_use]
    pub fn is_founder(&self, replica: ReplicaId) -> bool {
        self.founders.iter().any(|member| member.replica == replica)
    }

    /// What its plugin is told of it.
    #[must_use]
    pub fn info(&self) -> GroupInfo {
        GroupInfo { id: self.id, name: self.name.clone() }
    }
}

/// A change of a group's members that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersChange {
    /// Which change of this group.
    pub number: u64,
    /// The members from then on, by node.
    pub wanted: Vec<Member>,
    /// Replicas of an earlier change that may have become members and are to go.
    pub leaving: Vec<Member>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub began_ms: u64,
}

/// A group that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Its number.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// When it was deleted, in milliseconds since the Unix epoch.
    pub deleted_ms: u64,
}

/// One line of the audit trail: a change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Where its command stands in the log of the catalog.
    pub position: Position,
    /// Who asked for it.
    pub actor: String,
    /// What was changed, in words.
    pub change: String,
}

use quorate_replica::ports::{GroupInfo, GroupLimits};
use quorate_vocabulary::{
    CheckpointMode, FolderId, GroupId, GroupName, MachineKind, Member, MemberRole, NodeId, PluginDigest,
    PluginReference, Position, ReplicaId,
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
    /// The digest of what it began to run.
    pub founding: PluginDigest,
    /// How many upgrades were asked for.
    pub upgrades_asked: u64,
    /// The last of them, the newest last; only that one may be under way.
    pub upgrades: Vec<Upgrade>,
    /// Replicas that were found to be of no use, the newest last; bounded.
    pub alarms: Vec<Alarm>,
    /// What the plugin may use in it.
    pub limits: GroupLimits,
    /// How it began: it freezes once so many commands have trapped in a row; 0: never.
    pub freeze_after_traps: u32,
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

    /// The upgrade that is under way.
    #[must_use]
    pub fn upgrade(&self) -> Option<&Upgrade> {
        self.upgrades.last().filter(|upgrade| upgrade.outcome.is_none())
    }

    /// What it ran before the last upgrade that was not rolled back; none: nothing, or what is no longer remembered.
    #[must_use]
    pub fn before(&self) -> Option<&PluginReference> {
        let mut before = Vec::new();
        for upgrade in self.upgrades.iter().filter(|upgrade| upgrade.is_done()) {
            if upgrade.is_rollback {
                before.pop();
            } else {
                before.push(&upgrade.from);
            }
        }
        before.pop()
    }

    /// Whether it runs a plugin, is to run it, or may be rolled back to it.
    #[must_use]
    pub fn needs(&self, plugin: &PluginReference) -> bool {
        let wanted = self.upgrade().map(|upgrade| &upgrade.to);
        self.plugin == *plugin || wanted == Some(plugin) || self.before() == Some(plugin)
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
    /// What is to be added, as a new replica, when this is brought about: in place of one that was of no use.
    pub renews: Option<(NodeId, MemberRole)>,
}

/// A replica was found to be of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its node.
    pub node: NodeId,
    /// The replica.
    pub replica: ReplicaId,
    /// What is wrong with it.
    pub what: String,
    /// When that was noted, in milliseconds since the Unix epoch.
    pub raised_ms: u64,
    /// When the node had a new replica; 0: it has none yet.
    pub ended_ms: u64,
}

/// One change of the version that a group runs, asked for or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Which one of this group.
    pub number: u64,
    /// What the group ran when it was asked for.
    pub from: PluginReference,
    /// What it was to run.
    pub to: PluginReference,
    /// The digest of that.
    pub digest: PluginDigest,
    /// Whether it goes back to what ran before.
    pub is_rollback: bool,
    /// Who asked for it.
    pub actor: String,
    /// When, in milliseconds since the Unix epoch.
    pub asked_ms: u64,
    /// The nodes that have compiled it, in order.
    pub prepared: Vec<NodeId>,
    /// What came of it; none: it is under way.
    pub outcome: Option<UpgradeOutcome>,
}

impl Upgrade {
    /// Whether the group ran the new version from there on.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.failure.is_none())
    }
}

/// What came of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeOutcome {
    /// Where the activation stands in the group's log; none: it never got there.
    pub index: Option<u64>,
    /// The stamp of that entry, or when it was given up, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Why the group went on with what it ran; none: it runs the new version from there on.
    pub failure: Option<String>,
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

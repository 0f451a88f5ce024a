use crate::{CatalogError, Group, Node, NodeStatus, OwnMembers, PublishedPlugin, Tombstone, wire};
use bytes::Bytes;
use prost::Message;
use quorate_proto::catalog::v1;
use quorate_replica::ports::{ActivationRecord, GroupLimits, Outcome};
use quorate_vocabulary::{
    CheckpointMode, FolderId, GroupId, GroupName, MachineKind, Member, MemberRole, NodeId, PluginDigest,
    PluginReference, ReplicaId,
};

/// A change of the catalog, to be proposed to group 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogCommand {
    /// Who asks for it, for the audit trail.
    pub actor: String,
    /// What is to change.
    pub change: Change,
}

/// What is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // One at a time, and taken apart at once.
pub enum Change {
    /// A node makes itself known, or says what changed about it. Doing it again is no change.
    RegisterNode {
        /// Its number.
        node: NodeId,
        /// Where it is reached.
        address: String,
        /// What its engine is and how it is set.
        engine_fingerprint: String,
        /// The data folder it lives in, which is refused when it is another than before.
        folder: FolderId,
    },
    /// A node is to be used otherwise.
    SetNodeStatus {
        /// Which node.
        node: NodeId,
        /// For what.
        status: NodeStatus,
    },
    /// A version of a plugin is published, whose bytes a majority of the nodes hold. Doing it again with the same digest
    /// is no change; with another digest it is refused.
    PublishPlugin(PluginToPublish),
    /// A version of a plugin that no group runs is removed.
    RemovePlugin {
        /// Which one.
        reference: PluginReference,
    },
    /// A group is created.
    CreateGroup {
        /// Its name, which no other group has.
        name: GroupName,
        /// What it runs.
        plugin: PluginReference,
        /// The nodes that hold its voters with data, as placement chose them.
        nodes: Vec<NodeId>,
        /// The nodes that hold its witnesses.
        witnesses: Vec<NodeId>,
        /// What the plugin may use in it.
        limits: GroupLimits,
        /// How its checkpoints are taken.
        checkpoints: CheckpointMode,
        /// It freezes once so many commands have trapped in a row; 0: never.
        freeze_after_traps: u32,
    },
    /// The checkpoints of a group are to be taken in another way from now on.
    SetCheckpoints {
        /// Which group.
        name: GroupName,
        /// How.
        checkpoints: CheckpointMode,
    },
    /// A group is to run another version. The nodes of its replicas make it ready, and its leader puts the activation into
    /// the group's own log. Takes the place of an upgrade that is under way.
    UpgradeGroup {
        /// Which group.
        name: GroupName,
        /// What it is to run; none: what it ran before the last upgrade.
        plugin: Option<PluginReference>,
    },
    /// The node of a replica has compiled the version that the group is to run, or cannot. Ignored when another upgrade was
    /// asked for meanwhile.
    NotePrepared {
        /// Which group.
        group: GroupId,
        /// Which upgrade of it.
        number: u64,
        /// Which node.
        node: NodeId,
        /// Why it cannot run there, whatever is tried.
        failure: Option<String>,
    },
    /// What came of an activation in a group's own log, which counts whatever was wanted. Ignored when it is known.
    NoteActivation {
        /// Which group.
        group: GroupId,
        /// What came of it.
        record: ActivationRecord,
    },
    /// An upgrade that is not in the group's log yet is given up.
    CancelUpgrade {
        /// Of which group.
        name: GroupName,
    },
    /// Other nodes are to hold replicas of a group. The group's leader brings it about; until then the group's record has
    /// the [`MembersChange`](crate::MembersChange). Asking for what is wanted already is no change.
    ChangeMembers {
        /// Which group.
        name: GroupName,
        /// What is to be different.
        edit: MembersEdit,
    },
    /// The group's leader has brought about a change of its members. Ignored when another was asked for meanwhile.
    CompleteMembersChange {
        /// Which group.
        group: GroupId,
        /// Which change.
        number: u64,
    },
    /// A group, or the catalog itself (group 0), has been recovered after it had lost a majority of its voters, and has these members alone: the others, and any
    /// change that was under way, are no more. Ignored unless the epoch is more than is known.
    NoteRecovery {
        /// Which group.
        group: GroupId,
        /// How many times it was recovered.
        epoch: u64,
        /// Its members now.
        survivors: Vec<Member>,
    },
    /// Other nodes are to vote in the catalog's own group. Its leader brings it about.
    ChangeOwnVoters {
        /// The nodes that vote from then on.
        voters: Vec<NodeId>,
        /// How many such changes whoever asks knows of: refused when there were more.
        changes: u64,
    },
    /// A replica is of no use any more: its state is not that of the others, or what it has on disk is damaged. Noted as an
    /// [`Alarm`](crate::Alarm) of its group. Ignored when it is not the replica of that node any more.
    NoteBroken {
        /// Its group.
        group: GroupId,
        /// Its node.
        node: NodeId,
        /// The replica.
        replica: ReplicaId,
        /// What is wrong with it.
        what: String,
        /// It is to be replaced by a new one on the same node, as [`Group::renewal`](crate::Group::renewal) says. If not, a
        /// change of members that waits for it is taken back.
        renew: bool,
    },
    /// A group is deleted, with all it holds.
    DeleteGroup {
        /// Which one.
        name: GroupName,
    },
}

/// What is to be different about the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersEdit {
    /// Some of them, compared with those that are wanted now.
    Some {
        /// Nodes that are to hold a replica of this role.
        add: Vec<(NodeId, MemberRole)>,
        /// Nodes that are to hold none.
        remove: Vec<NodeId>,
        /// Nodes that hold a learner, which is to become a voter. A witness never does.
        promote: Vec<NodeId>,
    },
    /// All of them.
    All(Vec<(NodeId, MemberRole)>),
}

/// A version of a plugin that was checked and is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginToPublish {
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
    /// The nodes that hold the bytes.
    pub held_by: Vec<NodeId>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
// One a change, taken apart at once.
#[allow(clippy::large_enum_variant)]
pub enum CatalogReply {
    /// The node, as it is now.
    Node(Node),
    /// The plugin, as it is published.
    Plugin(PublishedPlugin),
    /// The plugin that is no longer published.
    PluginRemoved(PluginReference),
    /// The group, as it was created.
    Group(Group),
    /// The group that was deleted.
    GroupDeleted(Tombstone),
    /// Who is to vote in the catalog's own group.
    OwnMembers(OwnMembers),
    /// The catalog itself, which was recovered.
    Recovered {
        /// How many times.
        epoch: u64,
    },
}

impl CatalogCommand {
    /// The bytes to propose.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        v1::Command::from(self).encode_to_vec().into()
    }

    /// Reads what [`CatalogCommand::encode`] wrote.
    pub fn decode(bytes: &Bytes) -> Result<Self, CatalogError> {
        v1::Command::decode(bytes.clone()).map_err(wire::damaged)?.try_into()
    }
}

impl CatalogReply {
    /// The bytes of the reply.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        v1::Reply::from(self).encode_to_vec().into()
    }

    /// Reads the outcome of a catalog command, as the machine answered it.
    pub fn from_outcome(outcome: &Outcome) -> Result<Self, CatalogError> {
        match outcome {
            Outcome::Reply(bytes) => v1::Reply::decode(bytes.clone()).map_err(wire::damaged)?.try_into(),
            Outcome::Rejection(bytes) => Err(CatalogError::decode(bytes)),
            Outcome::Trapped(trap) => Err(CatalogError::Malformed { cause: trap.to_string() }),
            Outcome::Frozen => Err(CatalogError::Malformed { cause: "the catalog is frozen".into() }),
            Outcome::Session(_) => {
                Err(CatalogError::Malformed { cause: "the catalog has no sessions".into() })
            }
        }
    }
}

//! What a request can come to other than an answer: one code, what happened and why, and what to do about it.

use quorate_proto::reason;
use quorate_replica::ports::SessionRefusal;
use quorate_vocabulary::{GroupId, GroupName, NodeId, PluginReference};
use std::time::Duration;
use tonic::Code;

/// The leader of a group, as far as the node that was asked knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// The node that leads.
    pub node: NodeId,
    /// Where it takes requests, as `host:port`.
    pub address: String,
}

/// Why a request was not answered.
///
/// The text says what happened and why, [`RequestError::cure`] what to do, and [`RequestError::reason`] is the code
/// that programs tell them apart by.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// This replica does not lead the group, or the node holds none of its replicas.
    #[error("this node does not lead group {group}{}", leader_text(.leader.as_ref()))]
    NotLeader {
        /// The group.
        group: GroupId,
        /// Who leads, when that is known.
        leader: Option<LeaderHint>,
    },
    /// No group of that name.
    #[error("there is no group {name:?}")]
    GroupNotFound {
        /// What was asked for: a name, or a number.
        name: String,
    },
    /// The group exists, but its replica here cannot take requests.
    #[error("group {group} is not ready on this node: {why}")]
    GroupNotReady {
        /// The group.
        group: GroupId,
        /// What it waits for.
        why: String,
    },
    /// The replica of the group on this node met an error and stopped.
    #[error("the replica of group {group} on this node has stopped: {why}")]
    ReplicaFailed {
        /// The group.
        group: GroupId,
        /// What it met.
        why: String,
    },
    /// No plugin of that name and version.
    #[error("there is no plugin {reference}")]
    PluginNotFound {
        /// What was asked for.
        reference: String,
    },
    /// No node of that number.
    #[error("there is no node {node}")]
    NodeNotFound {
        /// What was asked for.
        node: NodeId,
    },
    /// The node is being emptied and is given no replica.
    #[error("node {node} is draining: it is given no replica")]
    NodeDraining {
        /// Which.
        node: NodeId,
    },
    /// The node holds no replica of the group that can do what is asked.
    #[error("node {node} {why} of group {name}")]
    MemberNotFound {
        /// The group.
        name: GroupName,
        /// What was asked for.
        node: NodeId,
        /// What it is not, such as "holds no voter".
        why: &'static str,
    },
    /// The leadership stays where it is.
    #[error("the leadership of group {name} was not handed over: {why}")]
    TransferFailed {
        /// The group.
        name: GroupName,
        /// What kept it from being handed over.
        why: String,
    },
    /// The group is not recovered.
    #[error("group {name} was not recovered: {why}")]
    RecoveryRefused {
        /// The group.
        name: GroupName,
        /// What speaks against it.
        why: String,
    },
    /// A group of that name exists.
    #[error("the group name {name} is taken")]
    NameTaken {
        /// The name.
        name: GroupName,
    },
    /// The version of the plugin was published before, with other bytes.
    #[error("{reference} is published already, with other bytes; what is published never changes")]
    VersionTaken {
        /// The plugin.
        reference: PluginReference,
    },
    /// The plugin cannot be deleted or changed while groups run it.
    #[error("{reference} is in use by group {group}")]
    PluginInUse {
        /// The plugin.
        reference: String,
        /// One of the groups that run it.
        group: String,
    },
    /// The command is larger than the group takes.
    #[error("the command holds {bytes} bytes, and group {group} takes at most {bytes_max}")]
    CommandTooLarge {
        /// The group.
        group: GroupId,
        /// Its size.
        bytes: usize,
        /// The most there may be.
        bytes_max: usize,
    },
    /// The query's request is larger than the group takes.
    #[error("the request holds {bytes} bytes, and group {group} takes at most {bytes_max}")]
    RequestTooLarge {
        /// The group.
        group: GroupId,
        /// Its size.
        bytes: usize,
        /// The most there may be.
        bytes_max: usize,
    },
    /// The group takes no commands, after too many have trapped.
    #[error("group {name} is frozen: as many of its commands trapped in a row as its policy allows")]
    GroupFrozen {
        /// The group.
        name: GroupName,
    },
    /// A session does not allow what was asked for. It had no effect.
    #[error("group {group}: {refusal}")]
    SessionRefused {
        /// The group.
        group: GroupId,
        /// Why.
        refusal: SessionRefusal,
    },
    /// There is no older version to roll a group back to.
    #[error("group {name} has run nothing before what it runs")]
    NothingToRollBack {
        /// The group.
        name: GroupName,
    },
    /// No upgrade of the group is under way.
    #[error("no upgrade of group {name} is under way")]
    NoUpgrade {
        /// The group.
        name: GroupName,
    },
    /// The plugin cannot take over the group's state.
    #[error("group {name} cannot run {reference}: {why}")]
    UpgradeRefused {
        /// The group.
        name: GroupName,
        /// The plugin.
        reference: String,
        /// What speaks against it.
        why: String,
    },
    /// A version could not be tried in a copy of the group.
    #[error("{reference} could not be tried in a copy of group {name}: {why}")]
    UpgradeUnverified {
        /// The group.
        name: GroupName,
        /// The plugin.
        reference: String,
        /// What speaks against it.
        why: String,
    },
    /// A bounded queue is full.
    #[error("the node is overloaded: {queue} is full")]
    Overloaded {
        /// Which queue.
        queue: &'static str,
    },
    /// A majority of the group did not answer in time; the request certainly had no effect.
    #[error("group {group} has no quorum: {why} within {waited:?}")]
    NoQuorum {
        /// The group.
        group: GroupId,
        /// What was waited for in vain.
        why: &'static str,
        /// How long.
        waited: Duration,
    },
    /// The deadline passed; the request certainly had no effect.
    #[error("the deadline passed after {waited:?}, while waiting for {what}")]
    DeadlineExceeded {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// The command may or may not be applied: its answer was lost.
    #[error("it is not known whether the command was applied to group {group}: {why}")]
    OutcomeUnknown {
        /// The group.
        group: GroupId,
        /// How the answer was lost.
        why: &'static str,
    },
    /// The bytes are no plugin that this cluster runs.
    #[error("the plugin was refused: {why}")]
    PluginRefused {
        /// The code of the refusal, such as `PLUGIN_FOREIGN_IMPORT`.
        reason: &'static str,
        /// What is wrong with it.
        why: String,
        /// What its author can do.
        cure: String,
    },
    /// Something in the request is not as it must be.
    #[error("{what} is not valid: {why}")]
    InvalidArgument {
        /// Which part of the request.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Fewer nodes are there than the group is to have replicas.
    #[error("{wanted} nodes are needed and {available} can take a replica: {why}")]
    NotEnoughNodes {
        /// How many replicas are to be placed.
        wanted: usize,
        /// How many nodes could take one.
        available: usize,
        /// What keeps the others from it.
        why: String,
    },
    /// The catalog refused a change for a reason that has no code of its own.
    #[error("the catalog refused the change: {why}")]
    CatalogRefused {
        /// Its reason.
        why: String,
    },
    /// The disk has no room.
    #[error("the disk of node {node} is full: {why}")]
    StorageFull {
        /// The node.
        node: NodeId,
        /// What could not be written.
        why: String,
    },
    /// The node has lost its data folder, and with it what it promised to the others.
    #[error("node {node} takes no part: node {by} knows it with another data folder than it lives in now")]
    FolderLost {
        /// The node.
        node: NodeId,
        /// Who knows it with another one.
        by: NodeId,
    },
    /// The observer that answers queries met the host's own failure.
    #[error("the query failed on this node: {why}")]
    QueryFailed {
        /// What happened.
        why: String,
    },
    /// No snapshot could be taken.
    #[error("no snapshot was taken: {why}")]
    SnapshotFailed {
        /// What happened.
        why: String,
    },
    /// The node is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// A failure of the host itself.
    #[error("internal failure: {why}")]
    Internal {
        /// What is known of it.
        why: String,
    },
}

fn leader_text(leader: Option<&LeaderHint>) -> String {
    match leader {
        Some(LeaderHint { node, address }) => format!("; node {node} at {address} does"),
        None => ", and knows of no leader".to_owned(),
    }
}

impl RequestError {
    /// The code that programs tell errors apart by; each has a page in `docs/errors/`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotLeader { .. } => reason::NOT_LEADER,
            Self::GroupNotFound { .. } => reason::GROUP_NOT_FOUND,
            Self::GroupNotReady { .. } => reason::GROUP_NOT_READY,
            Self::ReplicaFailed { .. } => reason::REPLICA_FAILED,
            Self::PluginNotFound { .. } => reason::PLUGIN_NOT_FOUND,
            Self::NodeNotFound { .. } => reason::NODE_NOT_FOUND,
            Self::NodeDraining { .. } => reason::NODE_DRAINING,
            Self::MemberNotFound { .. } => reason::MEMBER_NOT_FOUND,
            Self::TransferFailed { .. } => reason::TRANSFER_FAILED,
            Self::RecoveryRefused { .. } => reason::RECOVERY_REFUSED,
            Self::NameTaken { .. } => reason::NAME_TAKEN,
            Self::VersionTaken { .. } => reason::VERSION_TAKEN,
            Self::PluginInUse { .. } => reason::PLUGIN_IN_USE,
            Self::CommandTooLarge { .. } => reason::COMMAND_TOO_LARGE,
            Self::RequestTooLarge { .. } => reason::REQUEST_TOO_LARGE,
            Self::GroupFrozen { .. } => reason::GROUP_FROZEN,
            Self::SessionRefused { refusal, .. } => match refusal {
                SessionRefusal::Unknown { .. } => reason::SESSION_EXPIRED,
                SessionRefusal::TooMany { .. } => reason::SESSIONS_FULL,
                SessionRefusal::Timeout { .. } => reason::INVALID_ARGUMENT,
                SessionRefusal::TooFarAhead { .. } | SessionRefusal::RepliesFull { .. } => {
                    reason::SESSION_WINDOW_FULL
                }
                SessionRefusal::Answered { .. } => reason::SESSION_ANSWERED,
                SessionRefusal::OtherCommand => reason::SEQUENCE_REUSED,
            },
            Self::NothingToRollBack { .. } => reason::NOTHING_TO_ROLL_BACK,
            Self::NoUpgrade { .. } => reason::NO_UPGRADE,
            Self::UpgradeRefused { .. } => reason::UPGRADE_REFUSED,
            Self::UpgradeUnverified { .. } => reason::UPGRADE_UNVERIFIED,
            Self::Overloaded { .. } => reason::OVERLOADED,
            Self::NoQuorum { .. } => reason::NO_QUORUM,
            Self::DeadlineExceeded { .. } => reason::DEADLINE_EXCEEDED,
            Self::OutcomeUnknown { .. } => reason::OUTCOME_UNKNOWN,
            Self::PluginRefused { reason, .. } => reason,
            Self::InvalidArgument { .. } => reason::INVALID_ARGUMENT,
            Self::NotEnoughNodes { .. } => reason::NOT_ENOUGH_NODES,
            Self::CatalogRefused { .. } => reason::CATALOG_REFUSED,
            Self::StorageFull { .. } => reason::STORAGE_FULL,
            Self::FolderLost { .. } => reason::FOLDER_LOST,
            Self::QueryFailed { .. } => reason::QUERY_FAILED,
            Self::SnapshotFailed { .. } => reason::SNAPSHOT_FAILED,
            Self::ShuttingDown => reason::SHUTTING_DOWN,
            Self::Internal { .. } => reason::INTERNAL,
        }
    }

    /// The gRPC status that goes with it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotLeader { .. }
            | Self::GroupNotReady { .. }
            | Self::NoQuorum { .. }
            | Self::ShuttingDown => Code::Unavailable,
            Self::GroupNotFound { .. }
            | Self::PluginNotFound { .. }
            | Self::NodeNotFound { .. }
            | Self::MemberNotFound { .. } => Code::NotFound,
            Self::NameTaken { .. } | Self::VersionTaken { .. } => Code::AlreadyExists,
            Self::ReplicaFailed { .. }
            | Self::PluginInUse { .. }
            | Self::GroupFrozen { .. }
            | Self::NothingToRollBack { .. }
            | Self::NoUpgrade { .. }
            | Self::UpgradeRefused { .. }
            | Self::UpgradeUnverified { .. }
            | Self::NotEnoughNodes { .. }
            | Self::NodeDraining { .. }
            | Self::SnapshotFailed { .. }
            | Self::FolderLost { .. }
            | Self::TransferFailed { .. }
            | Self::RecoveryRefused { .. }
            | Self::CatalogRefused { .. } => Code::FailedPrecondition,
            Self::CommandTooLarge { .. }
            | Self::RequestTooLarge { .. }
            | Self::PluginRefused { .. }
            | Self::InvalidArgument { .. } => Code::InvalidArgument,
            Self::SessionRefused { refusal, .. } => match refusal {
                SessionRefusal::Unknown { .. } => Code::NotFound,
                SessionRefusal::TooMany { .. }
                | SessionRefusal::TooFarAhead { .. }
                | SessionRefusal::RepliesFull { .. } => Code::ResourceExhausted,
                SessionRefusal::Answered { .. } => Code::FailedPrecondition,
                SessionRefusal::Timeout { .. } | SessionRefusal::OtherCommand => Code::InvalidArgument,
            },
            Self::Overloaded { .. } | Self::StorageFull { .. } => Code::ResourceExhausted,
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
            // Not UNAVAILABLE: a client that retries those blindly would apply the command twice.
            Self::OutcomeUnknown { .. } => Code::Aborted,
            Self::QueryFailed { .. } | Self::Internal { .. } => Code::Internal,
        }
    }

    /// What whoever asked can do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::NotLeader { leader: Some(LeaderHint { address, .. }), .. } => format!("send it to {address}"),
            Self::NotLeader { leader: None, .. } => {
                "ask another node of the cluster, or this one again when a leader is elected".to_owned()
            }
            Self::GroupNotFound { .. } => "list the groups with `quorate group list`".to_owned(),
            Self::GroupNotReady { .. } => "try again in a moment, or ask another node".to_owned(),
            Self::ReplicaFailed { .. } => {
                "ask another node; see this node's log for the failure, and restart the node once it is mended"
                    .to_owned()
            }
            Self::PluginNotFound { .. } => {
                "list the plugins with `quorate plugin list`, or upload it with `quorate plugin upload`".to_owned()
            }
            Self::NodeNotFound { .. } => "list the nodes with `quorate node list`".to_owned(),
            Self::NodeDraining { node } => {
                format!("choose another node, or use it again with `quorate node activate {node}`")
            }
            Self::MemberNotFound { name, .. } => {
                format!("list the members with `quorate group members list {name}`")
            }
            Self::TransferFailed { name, .. } => {
                format!("see who is alive and how far each member lags with `quorate group describe {name}`")
            }
            Self::RecoveryRefused { .. } => {
                "bring the lost nodes back, or name all that are left and ask again".to_owned()
            }
            Self::NameTaken { .. } => "choose another name, or delete the group that has it".to_owned(),
            Self::VersionTaken { .. } => "upload it under a new version".to_owned(),
            Self::PluginInUse { group, .. } => format!("delete the group {group} first"),
            Self::CommandTooLarge { .. } | Self::RequestTooLarge { .. } => {
                "send less at once, or create the group with a higher limit".to_owned()
            }
            Self::GroupFrozen { name } => format!(
                "see why they trapped in the log of the group's leader; then `quorate group upgrade {name} PLUGIN@VERSION` to a version that does not, or `quorate group unfreeze {name}`"
            ),
            Self::SessionRefused { refusal, .. } => match refusal {
                SessionRefusal::Unknown { .. } => {
                    "query the group to learn what was applied, then open another session"
                }
                SessionRefusal::TooMany { .. } => {
                    "close sessions that are not used, wait until some expire, or create the group with a higher sessions_max"
                }
                SessionRefusal::Timeout { .. } => "ask for a time-out within these bounds",
                SessionRefusal::TooFarAhead { .. } | SessionRefusal::RepliesFull { .. } => {
                    "say which answers you have (answered_below), then try again"
                }
                SessionRefusal::Answered { .. } => "ask only for answers that you have not said you have",
                SessionRefusal::OtherCommand => "give every command of a session a sequence number of its own",
            }
            .to_owned(),
            Self::NothingToRollBack { name } | Self::NoUpgrade { name } => {
                format!("see what was asked for with `quorate group history {name}`")
            }
            Self::UpgradeRefused { .. } => "choose a version whose state follows that of the group".to_owned(),
            Self::UpgradeUnverified { name, .. } => format!(
                "try again in a moment, after `quorate group snapshot {name}` where the version has just changed; or upgrade without --verify"
            ),
            Self::Overloaded { .. } => "try again after a pause, and send less at a time".to_owned(),
            Self::NoQuorum { .. } => {
                "bring back nodes that hold replicas of the group, until a majority of them runs".to_owned()
            }
            Self::DeadlineExceeded { .. } => "try again, or allow more time".to_owned(),
            Self::OutcomeUnknown { .. } => {
                "in a session, send it again with the same sequence number; otherwise query the group to learn whether it was applied before sending it again"
                    .to_owned()
            }
            Self::PluginRefused { cure, .. } => cure.clone(),
            Self::InvalidArgument { .. } => "correct the request".to_owned(),
            Self::NotEnoughNodes { .. } => "start more nodes, or ask for fewer replicas".to_owned(),
            Self::CatalogRefused { .. } => "change the request as the reason says".to_owned(),
            Self::StorageFull { .. } => "make room on the disk of that node".to_owned(),
            Self::FolderLost { node, .. } => {
                format!("ask another node; start node {node} again with the data folder it had, or leave it out")
            }
            Self::QueryFailed { .. } => "ask another node; see this node's log for the failure".to_owned(),
            Self::SnapshotFailed { .. } => {
                "see the node's log and the plugin's; the log of the group is kept until a snapshot is taken".to_owned()
            }
            Self::ShuttingDown => "ask another node".to_owned(),
            Self::Internal { .. } => "see this node's log, and report it".to_owned(),
        }
    }
}

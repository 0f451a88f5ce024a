//! What a node tells of itself and takes from its callers, in values that are neither the wire's nor a room's own.

use crate::RequestError;
use bytes::Bytes;
use quorate_catalog::{Alarm, Upgrade};
use quorate_replica::ports::{GroupLimits, Outcome, Poison};
use quorate_vocabulary::{
    CheckpointMode, GroupId, GroupName, MachineKind, Member, MemberRole, NodeId, PluginDigest,
    PluginReference, Position, ReplicaId,
};
use std::{path::PathBuf, time::Duration};

/// A command that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Where it stands in the log; of a repeat: where it was applied.
    pub position: Position,
    /// What it came to.
    pub outcome: Outcome,
    /// The fuel it cost; a trap is charged the whole budget.
    pub fuel: u64,
    /// It was applied before, by another request with the same ticket.
    pub repeated: bool,
}

/// A query that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queried {
    /// The index up to which the state it saw was applied.
    pub applied: u64,
    /// What it came to.
    pub outcome: Outcome,
    /// The fuel it cost; a trap is charged the whole budget.
    pub fuel: u64,
}

/// How fresh the state a query sees must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Everything that was answered before the query began, confirmed with a majority.
    #[default]
    Linearizable,
    /// The same, but for a leader that holds a lease: it answers at once, by its clock.
    Lease,
    /// Everything that was answered so long before the query began.
    Bounded {
        /// How long.
        max_staleness: Duration,
    },
    /// What this node has applied, however old.
    Local,
}

/// A group to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateGroup {
    /// Its name.
    pub name: GroupName,
    /// What it runs.
    pub plugin: PluginReference,
    /// How many voters with data it has; none: three less the witnesses, or fewer when there are fewer founding nodes.
    pub replicas: Option<usize>,
    /// The nodes that hold them; empty: the cluster chooses.
    pub nodes: Vec<NodeId>,
    /// How many witnesses it has beside them.
    pub witnesses: usize,
    /// The nodes that hold those; empty: the cluster chooses.
    pub witness_nodes: Vec<NodeId>,
    /// What the plugin may use in it.
    pub limits: GroupLimits,
    /// It freezes once so many commands have trapped in a row; 0: never.
    pub freeze_after_traps: u32,
    /// How its checkpoints are taken.
    pub checkpoints: CheckpointMode,
}

/// A published plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginView {
    /// Its name and version.
    pub reference: PluginReference,
    /// What its bytes are known by.
    pub digest: PluginDigest,
    /// How many they are.
    pub bytes: u64,
    /// Where its machines keep their state.
    pub kind: MachineKind,
    /// Whether it is told of changes of leader.
    pub has_lifecycle: bool,
    /// Whether it is called when its timers fire.
    pub has_timers: bool,
}

/// A group as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its number.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// What it runs.
    pub plugin: PluginReference,
    /// The digest of what it runs.
    pub digest: PluginDigest,
    /// Where its machines keep their state.
    pub kind: MachineKind,
    /// What the plugin may use in it.
    pub limits: GroupLimits,
    /// How its checkpoints are taken.
    pub checkpoints: CheckpointMode,
    /// Replicas that were found to be of no use, the newest last.
    pub alarms: Vec<Alarm>,
    /// Its replicas and where they are, as of the last change that was brought about.
    pub members: Vec<Member>,
    /// How many changes of its members were asked for.
    pub changes: u64,
    /// The last of them, until it is brought about.
    pub change: Option<MembersChangeView>,
    /// How many upgrades were asked for.
    pub upgrades_asked: u64,
    /// The last of them, the newest last.
    pub upgrades: Vec<Upgrade>,
    /// The leader, as far as this node knows.
    pub leader: Option<NodeId>,
    /// The replica on this node, when there is one.
    pub local: Option<ReplicaView>,
}

/// A change of a group's members that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersChangeView {
    /// The members from then on.
    pub wanted: Vec<Member>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub began_ms: u64,
}

/// What is to be different about the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeMembers {
    /// Some of them.
    Some {
        /// Nodes that are to hold a replica of this role.
        add: Vec<(NodeId, MemberRole)>,
        /// Nodes that are to hold none.
        remove: Vec<NodeId>,
        /// Nodes that hold a learner, which is to become a voter.
        promote: Vec<NodeId>,
    },
    /// All of them.
    All(Vec<(NodeId, MemberRole)>),
}

/// What a replica is to its group at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaRole {
    /// It leads.
    Leader,
    /// It follows.
    Follower,
    /// It asks to lead.
    Candidate,
    /// It follows and does not vote.
    Learner,
    /// It votes and holds no state.
    Witness,
}

/// Whether a replica works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// It waits for its plugin, or reads its state.
    Starting {
        /// What it waits for.
        why: String,
    },
    /// It applies what is committed.
    Running,
    /// It met the host's own failure and has stopped.
    Failed {
        /// What it met.
        why: String,
    },
}

/// One replica, seen from its own node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Its group.
    pub group: GroupId,
    /// Its number.
    pub replica: ReplicaId,
    /// The node that holds it.
    pub node: NodeId,
    /// Whether it works.
    pub state: ReplicaState,
    /// Whether it sleeps: nothing happens in its group, which costs nothing until something does.
    pub asleep: bool,
    /// What it is to its group.
    pub role: ReplicaRole,
    /// The term it is in.
    pub term: u64,
    /// The leader of that term, when known.
    pub leader: Option<Member>,
    /// The last committed index it knows of.
    pub commit: u64,
    /// The last index it applied.
    pub applied: u64,
    /// The first index its log holds.
    pub log_first: u64,
    /// The last index its log holds.
    pub log_last: u64,
    /// How many bytes of data its log holds; known only where one group is described, since all of it is read.
    pub log_bytes: Option<u64>,
    /// Log lines of its plugin that were dropped since it was opened, because they were too many.
    pub log_lines_dropped: u64,
    /// Where something of replicas of its group is kept that were of no use; only where one group is described.
    pub evidence: Vec<PathBuf>,
    /// The index of its newest snapshot; 0 when it has none.
    pub snapshot_index: u64,
    /// The size of that snapshot in bytes.
    pub snapshot_bytes: u64,
    /// The rolling digest over everything applied up to `applied`: equal on replicas that hold equal state.
    pub digest: Bytes,
    /// Changes of leader the plugin of this replica was told of, the newest last; bounded.
    pub leaders_seen: Vec<TermOfLeader>,
    /// How many sessions are open.
    pub sessions: u64,
    /// Bytes of the answers that are kept for them.
    pub sessions_reply_bytes: u64,
    /// How many timers of its group are set and have not fired.
    pub timers_pending: u64,
    /// When the first of them is due, in milliseconds since the Unix epoch.
    pub timer_next_ms: Option<u64>,
    /// How far every member is; only a leader knows.
    pub members: Vec<MemberView>,
    /// What a change of the members waits for; empty when none is under way, or this replica does not lead.
    pub change_waits_for: String,
    /// The plugin that it runs, as of what it has applied; none while it is not open.
    pub plugin: Option<PluginDigest>,
    /// The version of the state, as that plugin numbers them.
    pub state_version: u32,
    /// What an upgrade waits for; empty when none is under way, or this replica does not lead.
    pub upgrade_waits_for: String,
    /// What is done about commands that trap.
    pub poison: Poison,
}

/// A member of a group, as the group's leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// The member.
    pub member: Member,
    /// Whether it was heard of lately.
    pub alive: bool,
    /// Its log agrees with the leader's up to here.
    pub matched: u64,
    /// How many entries it lacks.
    pub lag: u64,
    /// Whether it waits for a snapshot.
    pub awaits_snapshot: bool,
    /// How much the group prefers it as its leader.
    pub priority: u32,
}

/// A term and who led it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermOfLeader {
    /// The term.
    pub term: u64,
    /// The node that led.
    pub node: NodeId,
}

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Up to where it holds the state.
    pub index: u64,
    /// Its size.
    pub bytes: u64,
}

/// A leadership that was handed over, or was where it should be already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadershipMoved {
    /// The node that led.
    pub from: NodeId,
    /// The node that leads.
    pub to: NodeId,
    /// In which term.
    pub term: u64,
}

/// A group that goes on with those that are left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecovered {
    /// How many times it was recovered.
    pub epoch: u64,
    /// Its members now.
    pub members: Vec<Member>,
}

/// A node as the catalog has it.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Its number.
    pub id: NodeId,
    /// Where it is reached.
    pub address: String,
    /// What its engine is and how it is set, without which replicas would differ.
    pub engine_fingerprint: String,
    /// How many replicas the catalog has placed on it, without the catalog's own.
    pub replicas: usize,
    /// Whether this node has heard of it lately.
    pub reachable: bool,
    /// Whether it may be given replicas.
    pub status: quorate_catalog::NodeStatus,
    /// Why it takes no part, as far as this node knows.
    pub failure: Option<RequestError>,
}

/// How this node is.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// The cluster's name.
    pub cluster: String,
    /// Its number.
    pub node: NodeId,
    /// Where it is reached.
    pub address: String,
    /// Whether the catalog has it.
    pub registered: bool,
    /// Why it takes no part: its disk failed, or its data folder is lost. None: it does.
    pub failure: Option<RequestError>,
    /// The leader of the catalog, as far as this node knows.
    pub catalog_leader: Option<NodeId>,
    /// Every replica it holds, by group, the catalog's first.
    pub replicas: Vec<ReplicaView>,
}

/// Something a plugin emitted for those who watch its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEvent {
    /// The command that emitted it.
    pub position: Position,
    /// Its topic.
    pub topic: String,
    /// Its content.
    pub payload: Bytes,
}

//! A node that stands in for the real one: it keeps what it is given and answers as it is told.

use crate::{
    RequestError,
    api::Node,
    node::{
        ChangeMembers, Consistency, CreateGroup, Deadline, GroupEvent, GroupRecovered, GroupView,
        LeadershipMoved, MembersChangeView, NodeStatus, NodeView, PluginView, Queried, SnapshotTaken,
        Submitted,
    },
};
use bytes::Bytes;
use quorate_consensus::Ticket;
use quorate_replica::ports::{GroupLimits, OpenedSession, Outcome, SessionRefusal};
use quorate_vocabulary::{
    CheckpointMode, GroupId, GroupName, MachineKind, Member, MemberRole, NodeId, PluginDigest,
    PluginReference, Position, ReplicaId, SessionId,
};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, broadcast};

#[derive(Clone)]
pub(crate) struct FakeNode {
    shared: Arc<Shared>,
    pub(crate) events: broadcast::Sender<GroupEvent>,
}

struct Shared {
    handed_on: Mutex<Vec<Bytes>>,
    gate: Notify,
}

impl FakeNode {
    pub(crate) fn new() -> Self {
        let shared = Shared { handed_on: Mutex::default(), gate: Notify::new() };
        Self { shared: Arc::new(shared), events: broadcast::channel(4).0 }
    }

    /// The commands that were handed on, in order.
    pub(crate) fn handed_on(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.shared.handed_on.lock().expect("no test panics with it")
    }

    /// Answers the commands that are held.
    pub(crate) fn open_the_gate(&self) {
        self.shared.gate.notify_waiters();
    }

    fn group(name: &GroupName) -> GroupView {
        GroupView {
            id: GroupId(7),
            name: name.clone(),
            plugin: "acme/kv@1".parse().expect("a reference"),
            digest: PluginDigest::of(b""),
            kind: MachineKind::Store,
            limits: GroupLimits::default(),
            checkpoints: CheckpointMode::Inline,
            alarms: Vec::new(),
            members: Vec::new(),
            changes: 0,
            change: None,
            upgrades_asked: 0,
            upgrades: Vec::new(),
            leader: None,
            local: None,
        }
    }
}

impl Node for FakeNode {
    async fn resolve(&self, name: &GroupName, _deadline: Deadline) -> Result<GroupId, RequestError> {
        match name.name() {
            "there" => Ok(GroupId(7)),
            _ => Err(RequestError::GroupNotFound { name: name.to_string() }),
        }
    }

    /// `hold…` is answered when the gate opens, `full` is refused at once, `…lost` fails later, `large` is too large.
    async fn submit(
        &self,
        group: GroupId,
        command: Bytes,
        ticket: Option<Ticket>,
        _deadline: Deadline,
    ) -> Result<Submitted, RequestError> {
        match &command[..] {
            b"full" => return Err(RequestError::Overloaded { queue: "the inbox" }),
            b"large" => return Err(RequestError::CommandTooLarge { group, bytes: 2, bytes_max: 1 }),
            _ => {}
        }
        let ordinal = {
            let mut handed_on = self.handed_on();
            handed_on.push(command.clone());
            u32::try_from(handed_on.len()).expect("few")
        };
        if command.starts_with(b"hold") {
            self.shared.gate.notified().await;
        } else {
            // As a real one: never answered within the poll that hands it on.
            tokio::task::yield_now().await;
        }
        if command.ends_with(b"lost") {
            return Err(RequestError::OutcomeUnknown { group, why: "it was lost" });
        }
        let position = Position { index: 3, ordinal, time_ms: 9 };
        Ok(Submitted { position, outcome: Outcome::Reply(command), fuel: 5, repeated: ticket.is_some() })
    }

    async fn open_session(
        &self,
        group: GroupId,
        timeout_ms: u64,
        _deadline: Deadline,
    ) -> Result<OpenedSession, RequestError> {
        if timeout_ms > 3_600_000 {
            let refusal = SessionRefusal::Timeout { min: 1_000, max: 3_600_000 };
            return Err(RequestError::SessionRefused { group, refusal });
        }
        let session = SessionId { term: 3, number: 8 };
        Ok(OpenedSession { session, timeout_ms, commands_max: 16 })
    }

    async fn keep_session(
        &self,
        group: GroupId,
        session: SessionId,
        _answered_below: u64,
        _deadline: Deadline,
    ) -> Result<(), RequestError> {
        match session {
            SessionId { term: 3, number: 8 } => Ok(()),
            _ => Err(RequestError::SessionRefused { group, refusal: SessionRefusal::Unknown { session } }),
        }
    }

    async fn close_session(
        &self,
        _group: GroupId,
        _session: SessionId,
        _deadline: Deadline,
    ) -> Result<(), RequestError> {
        Ok(())
    }

    async fn query(
        &self,
        _group: GroupId,
        request: Bytes,
        consistency: Consistency,
        _deadline: Deadline,
    ) -> Result<Queried, RequestError> {
        let outcome = match consistency {
            Consistency::Linearizable => Outcome::Reply(request),
            Consistency::Local => Outcome::Rejection(request),
            Consistency::Lease => Outcome::Reply(Bytes::from_static(b"lease")),
            Consistency::Bounded { max_staleness } => {
                Outcome::Reply(Bytes::from(format!("{max_staleness:?}")))
            }
        };
        Ok(Queried { applied: 11, outcome, fuel: 1 })
    }

    async fn upload(
        &self,
        reference: PluginReference,
        bytes: Bytes,
        _deadline: Deadline,
    ) -> Result<PluginView, RequestError> {
        Ok(PluginView {
            reference,
            digest: PluginDigest::of(&bytes),
            bytes: u64::try_from(bytes.len()).expect("few"),
            kind: MachineKind::Memory,
            has_lifecycle: true,
            has_timers: true,
        })
    }

    fn plugins(&self) -> Vec<PluginView> {
        Vec::new()
    }

    async fn create_group(
        &self,
        create: CreateGroup,
        _deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        Ok(GroupView { plugin: create.plugin, limits: create.limits, ..Self::group(&create.name) })
    }

    async fn delete_group(&self, _name: &GroupName, _deadline: Deadline) -> Result<GroupId, RequestError> {
        Ok(GroupId(7))
    }

    fn groups(&self) -> Vec<GroupView> {
        ["b/2", "a/2", "a/1", "a/3"].iter().map(|name| Self::group(&name.parse().expect("a name"))).collect()
    }

    async fn describe_group(&self, name: &GroupName, _deadline: Deadline) -> Result<GroupView, RequestError> {
        Ok(Self::group(name))
    }

    fn nodes(&self) -> Vec<NodeView> {
        Vec::new()
    }

    async fn status(&self) -> Result<NodeStatus, RequestError> {
        Ok(NodeStatus {
            cluster: "test".to_owned(),
            node: NodeId(1),
            address: "127.0.0.1:1".to_owned(),
            registered: true,
            failure: None,
            catalog_leader: None,
            replicas: Vec::new(),
        })
    }

    async fn set_node_status(
        &self,
        node: NodeId,
        _status: quorate_catalog::NodeStatus,
        _deadline: Deadline,
    ) -> Result<(), RequestError> {
        match node {
            NodeId(9) => Err(RequestError::NodeNotFound { node }),
            _ => Ok(()),
        }
    }

    async fn snapshot(&self, _group: GroupId, _deadline: Deadline) -> Result<SnapshotTaken, RequestError> {
        Ok(SnapshotTaken { index: 1, bytes: 2 })
    }

    async fn change_members(
        &self,
        name: &GroupName,
        change: ChangeMembers,
        _deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        let ChangeMembers::All(all) = change else { return Ok(Self::group(name)) };
        let wanted = all
            .into_iter()
            .map(|(node, role)| Member { replica: ReplicaId(10 + node.0), node, role })
            .collect();
        let change = Some(MembersChangeView { wanted, began_ms: 3 });
        Ok(GroupView { changes: 1, change, ..Self::group(name) })
    }

    async fn transfer(
        &self,
        name: &GroupName,
        to: Option<NodeId>,
        _deadline: Deadline,
    ) -> Result<LeadershipMoved, RequestError> {
        match to {
            Some(node @ NodeId(9)) => {
                Err(RequestError::MemberNotFound { name: name.clone(), node, why: "holds no voter" })
            }
            to => Ok(LeadershipMoved { from: NodeId(1), to: to.unwrap_or(NodeId(2)), term: 5 }),
        }
    }

    async fn upgrade_group(
        &self,
        name: &GroupName,
        plugin: Option<PluginReference>,
        _deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        match plugin {
            Some(plugin) => Ok(GroupView { upgrades_asked: 1, plugin, ..Self::group(name) }),
            None => Err(RequestError::NothingToRollBack { name: name.clone() }),
        }
    }

    async fn verify_upgrade(
        &self,
        name: &GroupName,
        plugin: &PluginReference,
        _deadline: Deadline,
    ) -> Result<quorate_replica::shadow::ShadowReport, RequestError> {
        let why = "another version is being tried on this node".to_owned();
        Err(RequestError::UpgradeUnverified { name: name.clone(), reference: plugin.to_string(), why })
    }

    async fn cancel_upgrade(&self, name: &GroupName, _deadline: Deadline) -> Result<GroupView, RequestError> {
        Err(RequestError::NoUpgrade { name: name.clone() })
    }

    async fn unfreeze(&self, _name: &GroupName, _deadline: Deadline) -> Result<(), RequestError> {
        Ok(())
    }

    async fn set_checkpoints(
        &self,
        name: &GroupName,
        mode: CheckpointMode,
        _deadline: Deadline,
    ) -> Result<GroupView, RequestError> {
        Ok(GroupView { checkpoints: mode, ..Self::group(name) })
    }

    async fn set_poison_policy(
        &self,
        _name: &GroupName,
        _freeze_after_traps: u32,
        _deadline: Deadline,
    ) -> Result<(), RequestError> {
        Ok(())
    }

    async fn set_priority(
        &self,
        name: &GroupName,
        node: NodeId,
        _priority: u32,
        _deadline: Deadline,
    ) -> Result<(), RequestError> {
        match node {
            NodeId(9) => {
                Err(RequestError::MemberNotFound { name: name.clone(), node, why: "holds no replica" })
            }
            _ => Ok(()),
        }
    }

    async fn recover(
        &self,
        _name: &GroupName,
        survivors: Vec<NodeId>,
        _deadline: Deadline,
    ) -> Result<GroupRecovered, RequestError> {
        let member = |node: NodeId| Member { replica: ReplicaId(node.0), node, role: MemberRole::Voter };
        Ok(GroupRecovered { epoch: 1, members: survivors.into_iter().map(member).collect() })
    }

    fn watch(&self, _group: GroupId) -> Result<broadcast::Receiver<GroupEvent>, RequestError> {
        Ok(self.events.subscribe())
    }
}

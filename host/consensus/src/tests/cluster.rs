//! Several shards on one thread, with virtual time, a network and disks that are as bad as they are asked to be, and
//! everything that happens decided by one seed.

use super::{
    checks::{Answer, Checks},
    node::{Disk, Hosted, Machine, Node, Work, Write},
};
use crate::{
    Effect, EntryBody, Input, LogPoint, Now, RaftMessage, ReadMode, ReplicaStart, ReplicaStatus, RequestId,
    Role, Shard, ShardConfig, random::mix,
};
use bytes::Bytes;
use quorate_vocabulary::{GroupId, Member, MemberRole, NodeId, ReplicaId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How bad things are.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    pub(super) drop_per_mille: u64,
    pub(super) duplicate_per_mille: u64,
    pub(super) lost_snapshots_per_mille: u64,
    pub(super) message_delay_us_max: u64,
    pub(super) disk_delay_us_max: u64,
    pub(super) apply_delay_us_max: u64,
}

impl Faults {
    pub(super) const NONE: Self = Self {
        drop_per_mille: 0,
        duplicate_per_mille: 0,
        lost_snapshots_per_mille: 0,
        message_delay_us_max: 500,
        disk_delay_us_max: 1_000,
        apply_delay_us_max: 300,
    };
}

enum Event {
    Tick { node: NodeId },
    Deliver { from: NodeId, message: Box<RaftMessage> },
    SnapshotArrives { from: NodeId, life: u64, snapshot: Box<Machine>, message: Box<RaftMessage> },
    WriteDone { node: NodeId, life: u64, group: GroupId },
    WorkDone { node: NodeId, life: u64, group: GroupId },
    Fetch { node: NodeId, life: u64, group: GroupId, first: u64, last: u64, bytes_max: usize },
    Input { node: NodeId, life: u64, input: Box<Input> },
}

pub(super) struct Cluster {
    pub(super) now: Duration,
    pub(super) wall_offset_ms: BTreeMap<NodeId, i64>,
    /// How fast each node's clock runs, in thousandths; where not said, as it should.
    pub(super) clock_per_mille: BTreeMap<NodeId, u32>,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) faults: Faults,
    /// Pairs of nodes that cannot talk, in this direction.
    pub(super) cut: BTreeSet<(NodeId, NodeId)>,
    pub(super) checks: Checks,
    pub(super) config: ShardConfig,
    /// Everything nodes did, newest last, when `records` is set.
    pub(super) effects: Vec<(NodeId, Effect)>,
    pub(super) records: bool,
    /// Snapshots are made while they are sent, and of what is applied then.
    pub(super) sends_live: bool,
    /// Entries that a restarted node finds in memory.
    pub(super) entries_on_start_max: usize,
    /// Disks of these nodes do not finish anything.
    pub(super) stuck_disks: BTreeSet<NodeId>,
    pub(super) stuck_machines: BTreeSet<NodeId>,
    /// Replicas may be put aside: why they were.
    pub(super) may_fail: bool,
    pub(super) failures: BTreeMap<NodeId, String>,
    events: BTreeMap<(Duration, u64), Event>,
    sequence: u64,
    random: u64,
    requests: u64,
}

/// Group 1, which most tests need no other beside.
pub(super) const GROUP: GroupId = GroupId(1);

pub(super) fn voter(replica: u64) -> Member {
    Member { replica: ReplicaId(replica), node: NodeId(replica), role: MemberRole::Voter }
}

pub(super) fn voters(replicas: impl IntoIterator<Item = u64>) -> Vec<Member> {
    replicas.into_iter().map(voter).collect()
}

impl Cluster {
    /// Nodes 1 to `nodes`, without groups.
    pub(super) fn empty(nodes: u64, seed: u64) -> Self {
        let mut config = ShardConfig::new(NodeId(0), seed);
        config.log_margin_entries = 5;
        let mut cluster = Self {
            now: Duration::ZERO,
            wall_offset_ms: BTreeMap::new(),
            clock_per_mille: BTreeMap::new(),
            nodes: BTreeMap::new(),
            faults: Faults::NONE,
            cut: BTreeSet::new(),
            checks: Checks::default(),
            config,
            effects: Vec::new(),
            records: false,
            sends_live: false,
            entries_on_start_max: usize::MAX,
            stuck_disks: BTreeSet::new(),
            stuck_machines: BTreeSet::new(),
            may_fail: false,
            failures: BTreeMap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            random: seed,
            requests: 0,
        };
        for id in (1..=nodes).map(NodeId) {
            let node = Node { id, shard: None, life: 0, groups: BTreeMap::new(), requests: BTreeSet::new() };
            cluster.nodes.insert(id, node);
            cluster.start(id);
        }
        cluster
    }

    /// A group on nodes 1 to `nodes`, replica and node of the same number.
    pub(super) fn new(nodes: u64, seed: u64) -> Self {
        let mut cluster = Self::empty(nodes, seed);
        cluster.create(GROUP, &voters(1..=nodes));
        cluster
    }

    /// The same after changes to the shards' configuration.
    pub(super) fn with(nodes: u64, seed: u64, change: impl FnOnce(&mut ShardConfig)) -> Self {
        let mut cluster = Self::empty(nodes, seed);
        change(&mut cluster.config);
        for id in (1..=nodes).map(NodeId) {
            cluster.crash(id);
            cluster.start(id);
        }
        cluster.create(GROUP, &voters(1..=nodes));
        cluster
    }

    pub(super) fn create(&mut self, group: GroupId, members: &[Member]) {
        for member in members {
            self.host(member.node, ReplicaStart::bootstrap(group, member.replica, members.to_vec()));
        }
    }

    pub(super) fn host(&mut self, node: NodeId, start: ReplicaStart) {
        let hosted = Hosted::new(Disk::new(&start));
        let host = self.node(node);
        host.groups.insert(start.group, hosted);
        self.input(node, Input::Open(Box::new(start)));
    }

    /// The replica is gone from this node, with all it had on disk.
    pub(super) fn destroy(&mut self, node: NodeId, group: GroupId) {
        self.input(node, Input::Close { group });
        self.node(node).groups.remove(&group);
    }

    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random = mix(&[self.random, 1]);
        self.random % below.max(1)
    }

    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.draw(1_000) < per_mille
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the cluster")
    }

    pub(super) fn hosted(&self, node: u64, group: GroupId) -> &Hosted {
        &self.nodes[&NodeId(node)].groups[&group]
    }

    pub(super) fn machine(&self, node: u64) -> &Machine {
        &self.hosted(node, GROUP).machine
    }

    pub(super) fn status(&self, node: u64) -> ReplicaStatus {
        self.status_of(NodeId(node), GROUP).expect("an open replica")
    }

    pub(super) fn status_of(&self, node: NodeId, group: GroupId) -> Option<ReplicaStatus> {
        self.nodes[&node].shard.as_ref()?.status(group)
    }

    fn schedule(&mut self, delay: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + delay, self.sequence), event);
    }

    fn delay(&mut self, us_max: u64) -> Duration {
        Duration::from_micros(1 + self.draw(us_max))
    }

    pub(super) fn start(&mut self, id: NodeId) {
        let seed = mix(&[self.config.seed, id.0, self.nodes[&id].life]);
        let config = ShardConfig { node: id, seed, ..self.config.clone() };
        let entries_max = self.entries_on_start_max;
        let node = self.node(id);
        node.shard = Some(Shard::new(config).expect("a configuration that fits"));
        let mut inputs = Vec::new();
        for (group, hosted) in &mut node.groups {
            *hosted = Hosted::new(hosted.disk.clone());
            inputs.push(Input::Open(Box::new(hosted.disk.start(*group, entries_max))));
            if let Some(newest) = hosted.disk.snapshots.values().next_back() {
                let (index, term) = (newest.applied.index, newest.applied.term);
                inputs.push(Input::SnapshotTaken { group: *group, index, term });
            }
        }
        self.step(id, inputs);
        let delay = self.delay(100_000);
        self.schedule(delay, Event::Tick { node: id });
    }

    /// The node loses everything that is not on disk. Of what is being written, some may get there.
    pub(super) fn crash(&mut self, id: NodeId) {
        let survives = self.draw(3);
        let node = self.node(id);
        node.shard = None;
        node.life += 1;
        for hosted in node.groups.values_mut() {
            for write in hosted.writes.drain(..).take(usize::try_from(survives).expect("small")) {
                if let Write::Persist(persist) = write {
                    hosted.disk.write(&persist);
                } else {
                    break;
                }
            }
        }
        let requests = std::mem::take(&mut node.requests);
        self.checks.forget(&requests);
    }

    pub(super) fn is_up(&self, id: NodeId) -> bool {
        self.nodes[&id].shard.is_some()
    }

    /// These nodes hear and are heard by no others.
    pub(super) fn isolate(&mut self, isolated: &[u64]) {
        let all: Vec<NodeId> = self.nodes.keys().copied().collect();
        for one in &all {
            for other in &all {
                if isolated.contains(&one.0) != isolated.contains(&other.0) {
                    self.cut.insert((*one, *other));
                }
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(super) fn input(&mut self, node: NodeId, input: Input) {
        self.step(node, vec![input]);
    }

    pub(super) fn request(&mut self, node: NodeId, group: GroupId) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.checks.asked(group, request);
        self.node(node).requests.insert(request);
        request
    }

    pub(super) fn propose(&mut self, node: u64, command: &[u8]) -> RequestId {
        self.propose_to(NodeId(node), GROUP, command)
    }

    pub(super) fn propose_to(&mut self, node: NodeId, group: GroupId, command: &[u8]) -> RequestId {
        let request = self.request(node, group);
        let command = Bytes::copy_from_slice(command);
        self.checks.commands.insert(request, command.clone());
        self.input(node, Input::Propose { group, request, command });
        request
    }

    pub(super) fn read(&mut self, node: u64) -> RequestId {
        self.read_by(node, ReadMode::Linearizable)
    }

    pub(super) fn read_by(&mut self, node: u64, mode: ReadMode) -> RequestId {
        let request = self.request(NodeId(node), GROUP);
        self.input(NodeId(node), Input::Read { group: GROUP, request, mode });
        request
    }

    pub(super) fn transfer(&mut self, node: NodeId, to: Option<ReplicaId>) -> RequestId {
        let request = self.request(node, GROUP);
        self.input(node, Input::TransferLeader { group: GROUP, request, to });
        request
    }

    pub(super) fn change_members(&mut self, node: u64, members: Vec<Member>) -> RequestId {
        self.change_members_by(node, members, false)
    }

    pub(super) fn change_members_by(
        &mut self,
        node: u64,
        members: Vec<Member>,
        promote_when_caught_up: bool,
    ) -> RequestId {
        let request = self.request(NodeId(node), GROUP);
        self.input(
            NodeId(node),
            Input::ProposeConfiguration { group: GROUP, request, members, promote_when_caught_up },
        );
        request
    }

    /// A snapshot of what this node has applied.
    pub(super) fn snapshot(&mut self, node: NodeId, group: GroupId) {
        let Some(hosted) = self.node(node).groups.get_mut(&group) else { return };
        let machine = hosted.machine.clone();
        let point = machine.applied;
        hosted.disk.machine = machine.clone();
        hosted.disk.snapshots.insert(point.index, machine);
        while hosted.disk.snapshots.len() > 2 {
            hosted.disk.snapshots.pop_first();
        }
        self.input(node, Input::SnapshotTaken { group, index: point.index, term: point.term });
    }

    pub(super) fn step(&mut self, id: NodeId, mut inputs: Vec<Input>) {
        let offset = self.wall_offset_ms.get(&id).copied().unwrap_or(0);
        let wall_ms = u64::try_from(self.now.as_millis()).expect("milliseconds") + 1_000_000;
        let rate = self.clock_per_mille.get(&id).copied().unwrap_or(1_000);
        let now = Now { monotonic: self.now * rate / 1_000, wall_ms: wall_ms.saturating_add_signed(offset) };
        let Some(shard) = &mut self.node(id).shard else { return };
        let mut effects = Vec::new();
        shard.step(now, &mut inputs, &mut effects);
        for effect in effects {
            self.carry_out(id, effect);
        }
    }

    fn carry_out(&mut self, id: NodeId, effect: Effect) {
        if self.records {
            self.effects.push((id, effect.clone()));
        }
        let life = self.nodes[&id].life;
        match effect {
            Effect::Persist(persist) => self.write(id, persist.group, Write::Persist(persist)),
            Effect::CutLog { group, truncated, configuration } => {
                self.write(id, group, Write::Cut { truncated, configuration });
            }
            Effect::Send(message) => self.send(id, &message),
            Effect::SendSnapshot { group, to, node, message } => {
                assert_eq!((message.to_replica, message.to_node), (to.0, node.0));
                let index = message.snapshot.as_ref().expect("a snapshot").index;
                let hosted = &self.nodes[&id].groups[&group];
                let (snapshot, message) = if self.sends_live {
                    let machine = hosted.machine.clone();
                    let message = crate::standing_at(message, machine.applied, &machine.configuration);
                    (Some(machine), message)
                } else {
                    (hosted.disk.snapshots.get(&index).cloned(), message)
                };
                let lost = self.faults.lost_snapshots_per_mille;
                let delay = self.delay(self.faults.message_delay_us_max * 10);
                if let (Some(snapshot), false) = (snapshot, self.chance(lost)) {
                    let (snapshot, message) = (Box::new(snapshot), Box::new(message));
                    self.schedule(delay, Event::SnapshotArrives { from: id, life, snapshot, message });
                } else {
                    let input = Box::new(Input::SnapshotSent { group, to, delivered: false });
                    self.schedule(delay, Event::Input { node: id, life, input });
                }
            }
            Effect::Apply { group, entries } => {
                for entry in entries {
                    let hosted = self.node(id).groups.get_mut(&group).expect("a group of this node");
                    let told = std::mem::replace(&mut hosted.told, entry.index);
                    self.checks.applying(group, told, &entry);
                    self.work(id, group, Work::Apply(entry));
                }
            }
            Effect::Restore { group, point, .. } => self.work(id, group, Work::Restore { point }),
            // Those of this disk are kept by their index, and the same one may be brought again.
            Effect::SnapshotUnused { .. } => {}
            Effect::Fetch { group, first, last, bytes_max } => {
                assert!(first <= last, "something to fetch");
                let delay = self.delay(self.faults.disk_delay_us_max);
                self.schedule(delay, Event::Fetch { node: id, life, group, first, last, bytes_max });
            }
            Effect::Refused { request, reason, .. } => self.answered(id, request, Answer::Refused(reason)),
            Effect::ReadReady { request, index, .. } => self.answered(id, request, Answer::Read { index }),
            Effect::LeaderTransferred { request, leader, .. } => {
                self.answered(id, request, Answer::Transferred { to: leader.replica });
            }
            Effect::RoleChanged { group, role, term, .. } => {
                let replica = self.nodes[&id].groups.get(&group).map(|hosted| hosted.disk.replica);
                if let Some(replica) = replica {
                    self.checks.role_changed(group, replica, role, term);
                }
            }
            Effect::LeaderEstablished { group, term } => {
                let log = &self.checks.committed[&group];
                assert!(log.values().any(|(of, _)| *of == term), "something of term {term} is committed");
            }
            Effect::SoonAsleep { .. } | Effect::FellAsleep { .. } => {}
            Effect::SnapshotWanted { group, .. } if self.sends_live => {
                let LogPoint { index, term } = self.nodes[&id].groups[&group].machine.applied;
                self.input(id, Input::SnapshotSendable { group, index, term });
            }
            Effect::SnapshotWanted { group, .. } => self.snapshot(id, group),
            Effect::ReplicaFailed { cause, .. } if self.may_fail => {
                self.failures.insert(id, cause);
            }
            Effect::ReplicaFailed { group, cause } => panic!("node {id}: group {group} failed: {cause}"),
        }
    }

    fn answered(&mut self, id: NodeId, request: RequestId, answer: Answer) {
        self.node(id).requests.remove(&request);
        self.checks.answered(request, answer);
    }

    fn send(&mut self, from: NodeId, message: &RaftMessage) {
        let (drops, duplicates) = (self.faults.drop_per_mille, self.faults.duplicate_per_mille);
        let copies = if self.chance(drops) { 0 } else { 1 + u64::from(self.chance(duplicates)) };
        for _ in 0..copies {
            let delay = self.delay(self.faults.message_delay_us_max);
            self.schedule(delay, Event::Deliver { from, message: Box::new(message.clone()) });
        }
    }

    fn write(&mut self, id: NodeId, group: GroupId, write: Write) {
        let delay = self.delay(self.faults.disk_delay_us_max);
        let node = self.node(id);
        let life = node.life;
        node.groups.get_mut(&group).expect("a group of this node").writes.push_back(write);
        self.schedule(delay, Event::WriteDone { node: id, life, group });
    }

    fn work(&mut self, id: NodeId, group: GroupId, work: Work) {
        let delay = self.delay(self.faults.apply_delay_us_max);
        let node = self.node(id);
        let life = node.life;
        node.groups.get_mut(&group).expect("a group of this node").work.push_back(work);
        self.schedule(delay, Event::WorkDone { node: id, life, group });
    }

    /// The next thing happens. False when nothing ever will.
    pub(super) fn next_event(&mut self) -> bool {
        let Some(((at, _), event)) = self.events.pop_first() else { return false };
        self.now = self.now.max(at);
        match event {
            Event::Tick { node } => {
                if self.is_up(node) {
                    self.step(node, vec![Input::Tick]);
                    self.schedule(Duration::from_millis(50), Event::Tick { node });
                }
            }
            Event::Deliver { from, message } => {
                let to = NodeId(message.to_node);
                if !self.cut.contains(&(from, to)) && self.nodes.contains_key(&to) {
                    self.step(to, vec![Input::Message(*message)]);
                }
            }
            Event::SnapshotArrives { from, life, snapshot, message } => {
                self.snapshot_arrives(from, life, *snapshot, *message);
            }
            Event::WriteDone { node, life, group } => self.write_done(node, life, group),
            Event::WorkDone { node, life, group } => self.work_done(node, life, group),
            Event::Fetch { node, life, group, first, last, bytes_max } => {
                if self.nodes[&node].life == life
                    && let Some(hosted) = self.nodes[&node].groups.get(&group)
                {
                    let entries = hosted.disk.read(first, last, bytes_max);
                    self.input(node, Input::Fetched { group, first, entries });
                }
            }
            Event::Input { node, life, input } => {
                if self.nodes[&node].life == life {
                    self.input(node, *input);
                }
            }
        }
        true
    }

    fn snapshot_arrives(&mut self, from: NodeId, life: u64, snapshot: Machine, message: RaftMessage) {
        let (group, to) = (GroupId(message.group), NodeId(message.to_node));
        let reachable = !self.cut.contains(&(from, to)) && self.is_up(to);
        let target = self.node(to).groups.get_mut(&group);
        let target = target.filter(|hosted| hosted.disk.replica.0 == message.to_replica);
        let delivered = reachable && target.is_some();
        let replica = ReplicaId(message.to_replica);
        if let (Some(hosted), true) = (target, delivered) {
            hosted.disk.snapshots.insert(snapshot.applied.index, snapshot);
            self.input(to, Input::Message(message));
        }
        if self.nodes[&from].life == life {
            self.input(from, Input::SnapshotSent { group, to: replica, delivered });
        }
    }

    fn write_done(&mut self, id: NodeId, life: u64, group: GroupId) {
        if self.nodes[&id].life != life {
            return;
        }
        if self.stuck_disks.contains(&id) {
            self.schedule(Duration::from_millis(10), Event::WriteDone { node: id, life, group });
            return;
        }
        let Some(hosted) = self.node(id).groups.get_mut(&group) else { return };
        match hosted.writes.pop_front() {
            Some(Write::Persist(persist)) => {
                hosted.disk.write(&persist);
                self.input(id, Input::Persisted { group, number: persist.number });
            }
            Some(Write::Cut { truncated, configuration }) => hosted.disk.cut(truncated, &configuration),
            None => {}
        }
    }

    fn work_done(&mut self, id: NodeId, life: u64, group: GroupId) {
        if self.nodes[&id].life != life {
            return;
        }
        if self.stuck_machines.contains(&id) {
            self.schedule(Duration::from_millis(10), Event::WorkDone { node: id, life, group });
            return;
        }
        let keeps = self.chance(300);
        let Some(hosted) = self.node(id).groups.get_mut(&group) else { return };
        let input = match hosted.work.pop_front() {
            Some(Work::Apply(entry)) => {
                hosted.machine.apply(&entry);
                if keeps {
                    hosted.disk.machine = hosted.machine.clone();
                }
                Input::Applied { group, index: entry.index }
            }
            Some(Work::Restore { point }) => {
                let snapshot = hosted.disk.snapshots.get(&point.index).expect("a snapshot that has arrived");
                assert_eq!(snapshot.applied, point);
                hosted.machine = snapshot.clone();
                hosted.disk.machine = snapshot.clone();
                hosted.told = point.index;
                Input::Restored { group, index: point.index, time_ms: snapshot.time_ms }
            }
            None => return,
        };
        self.input(id, input);
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.next_event();
        }
        self.now = end;
    }

    pub(super) fn run_ms(&mut self, time_ms: u64) {
        self.run(Duration::from_millis(time_ms));
    }

    /// Goes on until this holds, and fails when it does not within a minute.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(60);
        while !condition(self) {
            assert!(self.now < end && self.next_event(), "never: {what}\n{}", self.describe());
        }
    }

    /// How everything stands, for a failure to say.
    fn describe(&self) -> String {
        let up = self.nodes.values().filter_map(|node| Some((node.id, node.shard.as_ref()?)));
        let lines =
            up.flat_map(|(id, shard)| shard.statuses().map(move |status| format!("node {id}: {status:?}")));
        let disks = self.nodes.values().flat_map(|node| {
            let hosted = node.groups.iter();
            hosted.map(|(group, hosted)| {
                let snapshots: Vec<u64> = hosted.disk.snapshots.keys().copied().collect();
                let (replica, machine) = (hosted.disk.replica, hosted.machine.applied.index);
                format!("node {}: group {group}, replica {replica}: snapshots {snapshots:?}, machine at {machine}", node.id)
            })
        });
        lines.chain(disks).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn leader_of(&self, group: GroupId) -> Option<NodeId> {
        let leads = |id: &NodeId| self.status_of(*id, group).filter(|status| status.role == Role::Leader);
        let leaders = self.nodes.keys().filter_map(|id| leads(id).map(|status| (status.term, *id)));
        leaders.max().map(|(_, id)| id)
    }

    /// Goes on until somebody leads and has committed something in its term.
    #[track_caller]
    pub(super) fn leader(&mut self) -> u64 {
        self.leader_among(&[])
    }

    /// The same, not counting these.
    #[track_caller]
    pub(super) fn leader_among(&mut self, without: &[u64]) -> u64 {
        let established = |cluster: &Self| {
            let ids = cluster.nodes.keys().filter(|id| !without.contains(&id.0));
            let led = ids.filter_map(|id| cluster.status_of(*id, GROUP).map(|status| (status, id.0)));
            let leading = led.filter(|(status, _)| {
                status.role == Role::Leader && cluster.checks.term(GROUP, status.commit).term == status.term
            });
            leading.map(|(_, id)| id).next()
        };
        self.until("a leader", |cluster| established(cluster).is_some());
        established(self).expect("a leader")
    }

    #[track_caller]
    pub(super) fn answer(&mut self, request: RequestId) -> Answer {
        self.until("an answer", |cluster| !cluster.checks.is_waiting(request));
        self.checks.answers[&request].clone()
    }

    /// Proposes to whoever leads, again and again, until it is applied.
    #[track_caller]
    pub(super) fn commit(&mut self, command: &[u8]) -> u64 {
        loop {
            let leader = self.leader();
            let request = self.propose(leader, command);
            if let Answer::Applied { index } = self.answer(request) {
                return index;
            }
        }
    }

    /// Goes on until these nodes have applied the log up to here.
    #[track_caller]
    pub(super) fn applied(&mut self, nodes: impl IntoIterator<Item = u64>, index: u64) {
        for node in nodes {
            self.until("applied", |cluster| cluster.machine(node).applied.index >= index);
        }
    }

    /// The entries of a log that hold commands: how many each.
    pub(super) fn command_counts(&self) -> Vec<usize> {
        let bodies = self.checks.committed[&GROUP].values().map(|(_, body)| body);
        let counts = bodies.filter_map(|body| match body {
            EntryBody::Commands { commands, .. } => Some(commands.len()),
            _ => None,
        });
        counts.collect()
    }
}
